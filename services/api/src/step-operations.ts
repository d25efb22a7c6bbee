/** What people decide about one step of a plan. */
import { emptyBody, gateBody } from '@countersign/shared';
import { refuseWrongAnswer } from './human-input.ts';
import type { Operation } from './operation.ts';
import { planDecision } from './plan-decision.ts';
import { refuseDenied } from './policy-checks.ts';

const GATE_POSSIBLE = 'a gate can be decided while its step is awaiting_approval';

export const stepOperations: readonly Operation[] = [
  planDecision({
    path: '/v1/plans/:id/steps/:stepId/approve',
    id: 'approveGate',
    tag: 'approvals',
    summary: 'Let a step that asks run',
    description:
      'One vote per actor; the vote that makes the quorum lets the step run. What `data` says can be read as `{{step.approval.data}}`. A ' +
      '`human.input` step needs `data` that fits its schema: that is the answer.',
    access: 'decide',
    body: { schema: gateBody, example: { data: { version: '2.1.0' }, comment: 'Go ahead.' } },
    answer: 'The plan, with the vote.',
    errors: ['already_voted'],
    possible: GATE_POSSIBLE,
    refuse: refuseWrongAnswer,
    decide: ({ actor, body, context, idempotency, params }) =>
      context.store.approveGate(params.id ?? '', params.stepId ?? '', { actor, ...body, idempotency }),
  }),
  planDecision({
    path: '/v1/plans/:id/steps/:stepId/reject',
    id: 'rejectGate',
    tag: 'approvals',
    summary: 'Refuse a step that asks',
    description: 'The step fails with `rejected`, for good.',
    access: 'decide',
    body: { schema: gateBody, example: { comment: 'Not before Monday.' } },
    answer: 'The plan, with the step failed.',
    errors: ['already_voted'],
    possible: GATE_POSSIBLE,
    decide: ({ actor, body, context, idempotency, params }) =>
      context.store.rejectGate(params.id ?? '', params.stepId ?? '', { actor, ...body, idempotency }),
  }),
  planDecision({
    path: '/v1/plans/:id/steps/:stepId/skip',
    id: 'skipStep',
    tag: 'plans',
    summary: 'Skip a step',
    description: 'The steps behind it see it as skipped. What had followed from the failure of a step stays as it is.',
    access: 'operate',
    body: { schema: emptyBody, example: {} },
    answer: 'The plan, with the step `skipped`.',
    possible:
      'a step can be skipped while it is pending, awaiting_approval or failed, and its plan is executing, paused, failed or partial',
    decide: ({ actor, context, idempotency, params }) =>
      context.store.skipStep(params.id ?? '', params.stepId ?? '', { actor, idempotency }),
  }),
  planDecision({
    path: '/v1/plans/:id/steps/:stepId/retry',
    id: 'retryStep',
    tag: 'plans',
    summary: 'Run a step again, and what did not run because of it',
    description: 'Attempts start at 1 again. A plan that has failed goes on executing. A plan that policy denies by now is not retried.',
    access: 'operate',
    body: { schema: emptyBody, example: {} },
    answer: 'The plan, with the step to run again.',
    possible:
      'a step can be retried while it is failed, skipped or cancelled, and its plan is failed, partial, executing or paused and not being stopped',
    errors: ['policy_denied'],
    decide: async (call) => {
      const { actor, context, idempotency, params } = call;
      return (await refuseDenied(call)) ?? context.store.retryStep(params.id ?? '', params.stepId ?? '', { actor, idempotency });
    },
  }),
];
