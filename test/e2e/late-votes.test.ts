import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide, gated, NOTHING_MENDED, refusal, startPlan } from './deciding.ts';
import { Fleet } from './fleet.ts';
import { recordStep, statuses, stepOf } from './record-step.ts';

/** The clock is kept by executors: once theirs have ended, only the calls of people look at deadlines. */
let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 1, env: { ...NOTHING_MENDED, CLOCK_EVERY_MS: '100' } });
  await fleet.executors[0]?.end('SIGTERM');
  fleet.executors = [];
});
afterAll(() => fleet?.close());

const passed = async (time: string | null | undefined): Promise<void> => {
  const at = Date.parse(String(time));
  await expect.poll(() => Date.now(), { timeout: 10_000 }).toBeGreaterThan(at);
};

test.each(['approve', 'reject'])('%s of a plan after its deadline is refused before any clock has looked, and expires it', async (verb) => {
  const plan = await fleet.createPlan({ objective: verb, steps: [recordStep('a')], options: { approvalTimeoutMs: 150 } });
  const items = (await fleet.call('GET', '/v1/approvals')).body.items;
  await passed(items.find(({ planId }: { planId: string }) => planId === plan.id).deadline);
  expect((await fleet.plan(plan.id)).status).toBe('pending_approval');
  const body = verb === 'approve' ? { digest: plan.digest } : { digest: plan.digest, reason: 'no' };
  const headers = { 'idempotency-key': `late-${plan.id}` };
  for (let time = 0; time < 2; time++) {
    const late = await fleet.call('POST', `/v1/plans/${plan.id}/${verb}`, { body, headers });
    expect([...refusal(late), late.body.currentStatus]).toEqual([409, 'wrong_state', 'expired']);
  }
  expect(await fleet.plan(plan.id)).toMatchObject({ status: 'expired', approvals: [], rejection: null });
  expect((await fleet.events(plan.id)).map(({ type }) => type)).toEqual(['plan.created', 'plan.submitted', 'plan.expired']);
  expect((await fleet.call('GET', '/v1/approvals')).body.items).toEqual([]);
});

test('what the planner was asked is dropped when a vote comes too late', async () => {
  const plan = await fleet.createPlan({ objective: 'too late', steps: [recordStep('a')], options: { approvalTimeoutMs: 400 } });
  const asked = await fleet.call('POST', `/v1/plans/${plan.id}/revise`, { body: { feedback: 'count twice' } });
  expect([asked.status, asked.body.plan.planning.status]).toEqual([202, 'queued']);
  await passed((await fleet.call('GET', '/v1/approvals')).body.items[0].deadline);
  const late = await fleet.call('POST', `/v1/plans/${plan.id}/approve`, { body: { digest: plan.digest } });
  expect(refusal(late)).toEqual([409, 'wrong_state']);
  expect(await fleet.plan(plan.id)).toMatchObject({ status: 'expired', planning: { kind: 'revise', status: 'dropped' } });
});

test.each(['approve', 'reject'] as const)(
  '%s of a gate after its deadline is refused before any clock has looked, and fails its step',
  async (verb) => {
    const plan = await startPlan(
      fleet,
      [
        gated('a', { approval: { quorum: 2 }, onError: 'continue' }),
        recordStep('behind', {}, { dependsOn: ['a'] }),
        recordStep('told', { value: '{{a.error.code}}' }, { runIf: 'all_done' }),
      ],
      { approvalTimeoutMs: 1_000 },
    );
    expect((await decide(fleet, [plan, 'a'], { actor: 'ann' })).status).toBe(200);
    await passed(stepOf(plan, 'a').gate?.deadline);
    expect(stepOf(await fleet.plan(plan.id), 'a').status).toBe('awaiting_approval');
    for (let time = 0; time < 2; time++) {
      const late = await decide(fleet, [plan, 'a'], { verb, actor: 'bob', data: 'late' });
      expect([...refusal(late), late.body.currentStatus]).toEqual([409, 'wrong_state', 'failed']);
    }
    const after = await fleet.plan(plan.id);
    expect(statuses(after.steps)).toEqual({ a: 'failed', behind: 'skipped', told: 'queued' });
    expect(stepOf(after, 'a')).toMatchObject({ error: { code: 'expired' }, gate: { decision: 'expired', have: 1, data: null } });
    expect(stepOf(after, 'a').gate?.votes.map(({ actor }) => actor)).toEqual(['ann']);
    expect((await fleet.events(plan.id)).filter(({ actor }) => actor === 'bob')).toEqual([]);
  },
);

test('what became due while no executor was there is done when one comes', async () => {
  const startAt = new Date(Date.now() + 400).toISOString();
  const starts = await startPlan(fleet, [recordStep('a')], { startAt });
  const expires = await fleet.createPlan({ objective: 'expires', steps: [recordStep('a')], options: { approvalTimeoutMs: 100 } });
  const asks = await startPlan(fleet, [gated('a'), recordStep('behind', {}, { dependsOn: ['a'] })], { approvalTimeoutMs: 100 });
  const stops = await startPlan(fleet, [gated('a')], { planTimeoutMs: 100 });
  await passed(startAt);
  expect(await Promise.all([starts, expires, asks, stops].map(async ({ id }) => (await fleet.plan(id)).status))).toEqual([
    'approved',
    'pending_approval',
    'executing',
    'executing',
  ]);
  await fleet.startExecutor();
  await fleet.until(starts.id, 'completed');
  await fleet.until(expires.id, 'expired');
  expect((await fleet.until(asks.id, 'failed')).error?.code).toBe('expired');
  expect((await fleet.until(stops.id, 'failed')).error?.code).toBe('timeout');
  expect([fleet.calls(starts.id), fleet.calls(expires.id), fleet.calls(asks.id), fleet.calls(stops.id)]).toEqual([['a'], [], [], []]);
});
