/** What people decide about plans. */
import { approveBody, cancelBody, emptyBody, type Plan, rejectBody, retryBody } from '@countersign/shared';
import { type Answer, problem } from './answer.ts';
import { DIGEST } from './examples.ts';
import { summaryOf } from './issues.ts';
import type { Call, Operation } from './operation.ts';
import { planDecision, possibleFor } from './plan-decision.ts';
import { approveJudged, refuseDenied, submitJudged } from './policy-checks.ts';

/** Steps to retry that the plan does not have. Of a plan that can't be retried at all the store says so. */
async function refuseUnknownSteps({ body, context, params }: Call<unknown, { from?: string[] | undefined }>): Promise<Answer | null> {
  if (body.from === undefined) return null;
  const plan = await context.store.getPlan(params.id ?? '');
  if (plan === null || !RETRIED_FROM.includes(plan.status)) return null;
  const known = new Set(plan.steps.map(({ id }) => id));
  const issues = body.from.flatMap((id, index) =>
    known.has(id)
      ? []
      : [{ path: `from[${index}]`, code: 'unknown_step' as const, message: `the plan has no step ${JSON.stringify(id.slice(0, 100))}` }],
  );
  return issues.length === 0 ? null : problem('invalid_request', summaryOf(issues, 'the body'), { issues });
}

const RETRIED_FROM: readonly Plan['status'][] = ['failed', 'partial'];

export const decisionOperations: readonly Operation[] = [
  planDecision({
    path: '/v1/plans/:id/submit',
    id: 'submitPlan',
    tag: 'plans',
    summary: 'Submit a draft for approval',
    access: 'submit',
    body: { schema: emptyBody, example: {} },
    answer: 'The plan, submitted.',
    possible: possibleFor('submit', 'submitted'),
    errors: ['stale_digest', 'policy_denied'],
    decide: submitJudged,
  }),
  planDecision({
    path: '/v1/plans/:id/approve',
    id: 'approvePlan',
    tag: 'approvals',
    summary: 'Countersign exactly this digest',
    description:
      'One vote per actor. The vote with which all that policy demands is met starts the plan. A vote that counts for nothing, ' +
      'because the plan is yours or you lack the role, is refused with `forbidden`.',
    access: 'decide',
    body: { schema: approveBody, example: { digest: DIGEST, comment: 'Looks right.' } },
    answer: 'The plan, with the vote.',
    errors: ['stale_digest', 'already_voted', 'policy_changed', 'policy_denied'],
    possible: possibleFor('approve', 'approved'),
    decide: approveJudged,
  }),
  planDecision({
    path: '/v1/plans/:id/reject',
    id: 'rejectPlan',
    tag: 'approvals',
    summary: 'Refuse exactly this digest',
    access: 'decide',
    body: { schema: rejectBody, example: { digest: DIGEST, reason: 'It writes outside of docs/.' } },
    answer: 'The plan, rejected.',
    errors: ['stale_digest', 'already_voted'],
    possible: possibleFor('reject', 'rejected'),
    decide: ({ actor, body, context, idempotency, params }) => context.store.rejectPlan(params.id ?? '', { actor, ...body, idempotency }),
  }),
  planDecision({
    path: '/v1/plans/:id/cancel',
    id: 'cancelPlan',
    tag: 'plans',
    summary: 'Cancel a plan that has not ended',
    description: 'Once this is answered no further step starts; running ones are aborted.',
    access: 'cancel',
    body: { schema: cancelBody, example: { reason: 'No longer needed.' } },
    answer: 'The plan, `cancelled`: no step of it starts any more, and running ones are told to stop.',
    possible: possibleFor('cancel', 'cancelled'),
    decide: ({ actor, body, context, idempotency, params }) => context.store.cancelPlan(params.id ?? '', { actor, ...body, idempotency }),
  }),
  planDecision({
    path: '/v1/plans/:id/pause',
    id: 'pausePlan',
    tag: 'plans',
    summary: 'Pause a plan',
    description: 'No further step starts; running ones finish. Gates can be decided meanwhile, and `planTimeoutMs` stands still.',
    access: 'operate',
    body: { schema: emptyBody, example: {} },
    answer: 'The plan, `paused`.',
    possible: possibleFor('pause', 'paused'),
    decide: ({ actor, context, idempotency, params }) => context.store.pausePlan(params.id ?? '', { actor, idempotency }),
  }),
  planDecision({
    path: '/v1/plans/:id/resume',
    id: 'resumePlan',
    tag: 'plans',
    summary: 'Let a paused plan go on',
    access: 'operate',
    body: { schema: emptyBody, example: {} },
    answer: 'The plan, `executing` again.',
    possible: possibleFor('resume', 'resumed'),
    decide: ({ actor, context, idempotency, params }) => context.store.resumePlan(params.id ?? '', { actor, idempotency }),
  }),
  planDecision({
    path: '/v1/plans/:id/retry',
    id: 'retryPlan',
    tag: 'plans',
    summary: 'Run steps of a failed plan again',
    description:
      'Without `from`: every step that failed, was cancelled, or was skipped behind a failure. With `from`: those steps and all that follow ' +
      'them, completed ones too. Attempts start at 1 again; nobody has to approve again, for the digest is the same. A plan that policy denies by now is not retried.',
    access: 'operate',
    body: { schema: retryBody, example: { from: ['count'] } },
    answer: 'The plan, `executing` again.',
    possible: possibleFor('retry', 'retried'),
    errors: ['policy_denied'],
    refuse: refuseUnknownSteps,
    decide: async (call) => {
      const { actor, body, context, idempotency, params } = call;
      return (await refuseDenied(call)) ?? context.store.retryPlan(params.id ?? '', { actor, ...body, idempotency });
    },
  }),
];
