/**
 * Every status of a plan, met by everything that a person can do: allowed, or refused with the reason and without a
 * trace. The table is written out by hand: it holds the engine's tables to docs/engine.md instead of to themselves.
 */
import { type EventType, PLAN_STATUSES, type Plan, type PlanDraft, type PlanStatus } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, Fleet } from './fleet.ts';
import { recordStep, statuses } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ env: { CLOCK_EVERY_MS: '100' } });
});
afterAll(() => fleet?.close());

const NOBODY = { requireApproval: false, stopOnError: false };
const LATER = '2999-01-01T00:00:00Z';

/** Under `continue` the plan stands still with one step completed, one failed and one that asks. */
const draft = (options: PlanDraft['options'] = {}, failAttempts = 1): PlanDraft => ({
  objective: 'test refusals',
  steps: [
    recordStep('works'),
    recordStep('fails', { failAttempts }, { dependsOn: ['works'] }),
    recordStep('asks', {}, { dependsOn: ['works'], approval: { message: 'Go?' } }),
  ],
  options,
});

async function standing(options: PlanDraft['options'] = NOBODY, failAttempts = 1): Promise<Plan> {
  const { id } = await fleet.createPlan(draft(options, failAttempts));
  const expected = { works: 'completed', fails: failAttempts > 0 ? 'failed' : 'completed', asks: 'awaiting_approval' };
  await expect.poll(async () => statuses((await fleet.plan(id)).steps), { timeout: 20_000 }).toEqual(expected);
  return fleet.plan(id);
}

async function ended(plan: Plan, action: string, status: PlanStatus): Promise<Plan> {
  const body = action === 'reject' ? { digest: plan.digest, reason: 'no' } : {};
  expect((await fleet.send(plan.id, action, body)).status).toBe(200);
  return fleet.until(plan.id, status);
}

const MAKE: Record<PlanStatus, () => Promise<Plan>> = {
  draft: () => fleet.createPlan({ ...draft(), draft: true }),
  pending_approval: () => fleet.createPlan(draft()),
  approved: () => fleet.createPlan(draft({ ...NOBODY, startAt: LATER })),
  executing: () => standing(),
  paused: async () => ended(await standing(), 'pause', 'paused'),
  completed: async () => ended(await standing(NOBODY, 0), 'steps/asks/approve', 'completed'),
  partial: async () => ended(await standing(), 'steps/asks/approve', 'partial'),
  failed: () => fleet.launchUntil(draft(), 'failed'),
  rejected: async () => ended(await fleet.createPlan(draft()), 'reject', 'rejected'),
  expired: async () => fleet.until((await fleet.createPlan(draft({ approvalTimeoutMs: 50 }))).id, 'expired'),
  cancelled: async () => ended(await standing(), 'cancel', 'cancelled'),
};

interface Action {
  send(plan: Plan): Promise<Answer>;
  allowed: readonly PlanStatus[];
  status: number;
  /** the first event that tells of it */
  event: EventType | null;
  /** refused with the status of this step, whatever that of the plan */
  step?: string;
}

const post =
  (path: string, body: (plan: Plan) => object = () => ({})) =>
  (plan: Plan): Promise<Answer> =>
    fleet.send(plan.id, path, body(plan));
const REVISABLE = ['draft', 'pending_approval', 'failed', 'partial'] as const;
const UNDER_WAY = ['executing', 'paused'] as const;
const onAsks = { allowed: UNDER_WAY, status: 200, step: 'asks' };

const ACTIONS: Record<string, Action> = {
  submit: { send: post('submit'), allowed: ['draft'], status: 200, event: 'plan.submitted' },
  approve: { send: post('approve', ({ digest }) => ({ digest })), allowed: ['pending_approval'], status: 200, event: 'plan.voted' },
  reject: {
    send: post('reject', ({ digest }) => ({ digest, reason: 'no' })),
    allowed: ['pending_approval'],
    status: 200,
    event: 'plan.rejected',
  },
  cancel: { send: post('cancel'), allowed: ['draft', 'pending_approval', 'approved', ...UNDER_WAY], status: 200, event: 'step.cancelled' },
  pause: { send: post('pause'), allowed: ['executing'], status: 200, event: 'plan.paused' },
  resume: { send: post('resume'), allowed: ['paused'], status: 200, event: 'plan.resumed' },
  retry: { send: post('retry'), allowed: ['failed', 'partial'], status: 200, event: 'plan.retried' },
  PUT: { send: (plan) => fleet.revise(plan, { steps: [recordStep('other')] }), allowed: REVISABLE, status: 200, event: 'plan.revised' },
  revise: { send: post('revise', () => ({ feedback: 'Fewer steps.' })), allowed: REVISABLE, status: 202, event: null },
  DELETE: {
    send: ({ id }) => fleet.call('DELETE', `/v1/plans/${id}`),
    allowed: ['completed', 'partial', 'failed', 'rejected', 'expired', 'cancelled'],
    status: 204,
    event: null,
  },
  'steps/asks/approve': { ...onAsks, send: post('steps/asks/approve'), event: 'step.approved' },
  'steps/asks/reject': { ...onAsks, send: post('steps/asks/reject'), event: 'step.rejected' },
  'steps/fails/skip': { send: post('steps/fails/skip'), allowed: [...UNDER_WAY, 'failed', 'partial'], status: 200, event: 'step.skipped' },
  'steps/fails/retry': {
    send: post('steps/fails/retry'),
    allowed: [...UNDER_WAY, 'failed', 'partial'],
    status: 200,
    event: 'plan.retried',
  },
};

const record = async ({ id }: Plan): Promise<unknown> => (await fleet.call('GET', `/v1/plans/${id}/audit`)).body;
const actionsOf = (status: PlanStatus, allowed: boolean): [string, Action][] =>
  Object.entries(ACTIONS).filter(([, action]) => action.allowed.includes(status) === allowed);

test.each(PLAN_STATUSES)('a plan that is %s refuses what does not go with that, names the status, and stays as it was', async (status) => {
  const plan = await MAKE[status]();
  expect(plan.status).toBe(status);
  if (status === 'draft' || status === 'pending_approval') await fleet.reviewed(plan.id);
  const [before, calls] = [await record(plan), fleet.calls(plan.id)];
  for (const [name, { send, step }] of actionsOf(status, false)) {
    const answer = await send(plan);
    const named = step === undefined ? status : statuses(plan.steps)[step];
    expect([name, answer.status, answer.body?.code, answer.body?.currentStatus]).toEqual([name, 409, 'wrong_state', named]);
    expect(answer.body.detail).toContain(`is ${named}, so you cannot `);
    expect(answer.body.detail).toMatch(/; (a|the) .* (while|once) /);
    expect(await record(plan), `after ${name}`).toEqual(before);
  }
  expect(fleet.calls(plan.id)).toEqual(calls);
});

test.each(PLAN_STATUSES)('a plan that is %s allows what goes with that', async (status) => {
  await Promise.all(
    actionsOf(status, true).map(async ([name, { send, status: expected, event }]) => {
      const plan = await MAKE[status]();
      const { length } = await fleet.events(plan.id);
      const answer = await send(plan);
      expect([name, answer.status], JSON.stringify(answer.body)).toEqual([name, expected]);
      if (expected === 204) expect((await fleet.call('GET', `/v1/plans/${plan.id}`)).status).toBe(404);
      else expect([name, (await fleet.events(plan.id))[length]?.type ?? null]).toEqual([name, event]);
    }),
  );
});

test('whatever is asked of a plan that is not there is answered with 404', async () => {
  const nowhere = { id: 'pln_0000000000000000000000', digest: `sha256:${'0'.repeat(64)}` } as Plan;
  for (const [name, { send }] of Object.entries(ACTIONS)) {
    const answer = await send(nowhere);
    expect([name, answer.status, answer.body.code]).toEqual([name, 404, 'not_found']);
  }
});
