/** What people decide about plans. */
import { approveBody, cancelBody, emptyBody, rejectBody } from '@countersign/shared';
import { planAnswer } from './documented.ts';
import { DIGEST } from './examples.ts';
import { answerOnce } from './idempotency.ts';
import { type Operation, operation } from './operation.ts';
import { readPlan } from './plan-answers.ts';

const ERRORS = [
  'invalid_json',
  'not_found',
  'wrong_state',
  'idempotency_conflict',
  'too_large',
  'unsupported_media_type',
  'invalid_request',
] as const;

export const decisionOperations: readonly Operation[] = [
  operation({
    method: 'post',
    path: '/v1/plans/:id/submit',
    id: 'submitPlan',
    tag: 'plans',
    summary: 'Submit a draft for approval',
    access: 'submit',
    idempotent: true,
    body: { schema: emptyBody, example: {} },
    answers: { 200: planAnswer('The plan, submitted.') },
    errors: ERRORS,
    handle: async (call) => {
      const outcome = await call.context.store.submitPlan(call.params.id ?? '', { actor: call.actor, idempotency: call.idempotency });
      return answerOnce(call, outcome, (id) => readPlan(call, id));
    },
  }),
  operation({
    method: 'post',
    path: '/v1/plans/:id/approve',
    id: 'approvePlan',
    tag: 'approvals',
    summary: 'Countersign exactly this digest',
    description: 'One vote per actor. The vote that makes the quorum starts the plan.',
    access: 'decide',
    idempotent: true,
    body: { schema: approveBody, example: { digest: DIGEST, comment: 'Looks right.' } },
    answers: { 200: planAnswer('The plan, with the vote.') },
    errors: [...ERRORS, 'stale_digest', 'already_voted'],
    handle: async (call) => {
      const { actor, body, context, idempotency, params } = call;
      const outcome = await context.store.approvePlan(params.id ?? '', { actor, ...body, idempotency });
      return answerOnce(call, outcome, (id) => readPlan(call, id));
    },
  }),
  operation({
    method: 'post',
    path: '/v1/plans/:id/reject',
    id: 'rejectPlan',
    tag: 'approvals',
    summary: 'Refuse exactly this digest',
    access: 'decide',
    idempotent: true,
    body: { schema: rejectBody, example: { digest: DIGEST, reason: 'It writes outside of docs/.' } },
    answers: { 200: planAnswer('The plan, rejected.') },
    errors: [...ERRORS, 'stale_digest', 'already_voted'],
    handle: async (call) => {
      const { actor, body, context, idempotency, params } = call;
      const outcome = await context.store.rejectPlan(params.id ?? '', { actor, ...body, idempotency });
      return answerOnce(call, outcome, (id) => readPlan(call, id));
    },
  }),
  operation({
    method: 'post',
    path: '/v1/plans/:id/cancel',
    id: 'cancelPlan',
    tag: 'plans',
    summary: 'Cancel a plan that has not ended',
    description: 'Once this is answered no further step starts; running ones are aborted.',
    access: 'cancel',
    idempotent: true,
    body: { schema: cancelBody, example: { reason: 'No longer needed.' } },
    answers: { 200: planAnswer('The plan, `cancelled`: no step of it starts any more, and running ones are told to stop.') },
    errors: ERRORS,
    handle: async (call) => {
      const { actor, body, context, idempotency, params } = call;
      const outcome = await context.store.cancelPlan(params.id ?? '', { actor, ...body, idempotency });
      return answerOnce(call, outcome, (id) => readPlan(call, id));
    },
  }),
];
