import type { ApprovalItem, Plan } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide, gated, NOTHING_MENDED, refusal, startPlan, untilSteps } from './deciding.ts';
import { Fleet } from './fleet.ts';
import { readyUrl, startService } from './processes.ts';
import { recordStep, statuses, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2, env: { ...NOTHING_MENDED, CLOCK_EVERY_MS: '100' } });
});
afterAll(() => fleet?.close());

/** What waits for people, of these plans. */
async function waiting(...plans: Plan[]): Promise<ApprovalItem[]> {
  const { body } = await fleet.call('GET', '/v1/approvals');
  return body.items.filter(({ planId }: ApprovalItem) => plans.some(({ id }) => id === planId));
}
const names = (items: readonly ApprovalItem[]): string[] => items.map(({ stepId, title }) => stepId ?? title);

test('the list of approvals has plans and gates, oldest first, with question, effects, deadline and votes', async () => {
  const first = await startPlan(fleet, [gated('early', { approval: { message: 'Now?', quorum: 2 } })], { approvalTimeoutMs: 3_600_000 });
  await untilSteps(fleet, first, { early: 'awaiting_approval' });
  const second = await fleet.createPlan({ objective: 'a plan that waits', steps: [recordStep('a'), { id: 'gone', tool: 'test.remove' }] });
  const third = await startPlan(fleet, [
    recordStep('seed', { value: 'x' }),
    { id: 'late', tool: 'test.remove', approval: { message: 'Remove {{seed.output.value}}?' } },
  ]);
  await fleet.approve(third);
  await untilSteps(fleet, third, { late: 'awaiting_approval' });
  await decide(fleet, [first, 'early'], { actor: 'ann' });

  const [early, plan, late, ...more] = await waiting(first, second, third);
  expect(more).toEqual([]);
  const { since, deadline } = stepOf(await fleet.plan(first.id), 'early').gate ?? {};
  expect(Date.parse(String(deadline)) - Date.parse(String(since))).toBe(3_600_000);
  expect(early).toEqual({
    kind: 'gate',
    planId: first.id,
    stepId: 'early',
    digest: first.digest,
    title: 'Now?',
    since,
    deadline,
    effects: { read: 0, write: 1, destructive: 0 },
    approvals: { count: 2, have: 1 },
  });
  expect(plan).toEqual({
    kind: 'plan',
    planId: second.id,
    digest: second.digest,
    title: 'a plan that waits',
    since: expect.any(String),
    effects: { read: 0, write: 1, destructive: 1 },
    approvals: { count: 1, have: 0 },
  });
  expect(late).toMatchObject({ stepId: 'late', title: 'Remove x?', effects: { destructive: 1 }, approvals: { count: 1, have: 0 } });
  const times = [early, plan, late].map((item) => String(item?.since));
  expect(times).toEqual([...times].sort());
  for (const { id } of [first, second, third]) await fleet.act(id, 'cancel');
  expect(await waiting(first, second, third)).toEqual([]);
});

test('what was decided, cancelled, skipped, or has expired is gone from the list', async () => {
  const ways = ['approve', 'reject', 'skip'] as const;
  for (const verb of ways) {
    const plan = await startPlan(fleet, [gated('a'), gated('b')], { stopOnError: false });
    await untilSteps(fleet, plan, { a: 'awaiting_approval', b: 'awaiting_approval' });
    expect(names(await waiting(plan)).sort()).toEqual(['a', 'b']);
    expect((await decide(fleet, [plan, 'a'], { verb })).status).toBe(200);
    expect(names(await waiting(plan))).toEqual(['b']);
    await fleet.act(plan.id, 'cancel');
    expect(await waiting(plan)).toEqual([]);
  }
  const [approved, rejected] = await Promise.all(
    ['approved', 'rejected'].map((objective) => fleet.createPlan({ objective, steps: [recordStep('a')] })),
  );
  if (approved === undefined || rejected === undefined) throw new Error('two plans were created');
  expect(names(await waiting(approved, rejected)).sort()).toEqual(['approved', 'rejected']);
  await fleet.approve(approved);
  await fleet.act(rejected.id, 'reject', { digest: rejected.digest, reason: 'no' });
  expect(await waiting(approved, rejected)).toEqual([]);

  const expiring = await fleet.createPlan({ objective: 'expires', steps: [recordStep('a')], options: { approvalTimeoutMs: 200 } });
  const gate = await startPlan(fleet, [gated('a')], { approvalTimeoutMs: 200 });
  await fleet.until(expiring.id, 'expired');
  await fleet.until(gate.id, 'failed');
  expect(await waiting(expiring, gate)).toEqual([]);
  expect([...fleet.calls(expiring.id), ...fleet.calls(gate.id)]).toEqual([]);
});

test('a stop on error takes the waiting gates of the plan from the list', async () => {
  const plan = await startPlan(fleet, [gated('a'), gated('b', { dependsOn: [] }), gated('c')]);
  await untilSteps(fleet, plan, { a: 'awaiting_approval', b: 'awaiting_approval', c: 'awaiting_approval' });
  await decide(fleet, [plan, 'b'], { verb: 'reject' });
  expect(statuses((await fleet.until(plan.id, 'failed')).steps)).toEqual({ a: 'cancelled', b: 'failed', c: 'cancelled' });
  expect(await waiting(plan)).toEqual([]);
  expect(refusal(await decide(fleet, [plan, 'a']))).toEqual([409, 'wrong_state']);
});

test('a decision on a gate sent again with its Idempotency-Key is one vote with one answer; another body is a conflict', async () => {
  const plan = await startPlan(fleet, [gated('a', { approval: { quorum: 2 } })]);
  await untilSteps(fleet, plan, { a: 'awaiting_approval' });
  const headers = { 'idempotency-key': `gate-${plan.id}` };
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => decide(fleet, [plan, 'a'], { actor: 'ann', data: { x: 1 }, headers })),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(stepOf(await fleet.plan(plan.id), 'a').gate?.votes).toHaveLength(1);
  expect(refusal(await decide(fleet, [plan, 'a'], { actor: 'ann', data: { x: 2 }, headers }))).toEqual([409, 'idempotency_conflict']);
  await decide(fleet, [plan, 'a'], { actor: 'bob' });
  await fleet.until(plan.id, 'completed');
  const late = await decide(fleet, [plan, 'a'], { actor: 'ann', data: { x: 1 }, headers });
  expect([late.status, late.body.plan.id]).toEqual([200, plan.id]);
  expect(fleet.calls(plan.id)).toEqual(['a']);
});

test('with API keys an approver decides gates, and a submitter, an operator and a viewer may not', async () => {
  const roles = ['approver', 'submitter', 'operator', 'viewer', 'admin'];
  const secret = (role: string): string => `${role}-secret-0123456789abcdef`;
  const api = startService('api', {
    REDIS_URL: fleet.redis.url,
    HOST: '127.0.0.1',
    PORT: '0',
    API_KEYS: roles.map((role) => `the-${role}:${role}:${secret(role)}`).join(','),
  });
  try {
    const url = await readyUrl(api);
    const plan = await startPlan(fleet, [gated('a', { approval: { quorum: 2 } }), gated('b')], { stopOnError: false });
    await untilSteps(fleet, plan, { a: 'awaiting_approval', b: 'awaiting_approval' });
    const send = async (role: string | null, stepId: string, verb: string): Promise<unknown[]> => {
      const response = await fetch(`${url}/v1/plans/${plan.id}/steps/${stepId}/${verb}`, {
        method: 'POST',
        // A name in a header is nobody's where there are keys.
        headers: {
          'content-type': 'application/json',
          'x-actor': 'somebody-else',
          ...(role === null ? {} : { authorization: `Bearer ${secret(role)}` }),
        },
        body: '{}',
      });
      return [response.status, ((await response.json()) as { code?: string }).code];
    };
    for (const verb of ['approve', 'reject']) {
      for (const role of ['submitter', 'operator', 'viewer']) expect(await send(role, 'a', verb), role).toEqual([403, 'forbidden']);
      expect(await send(null, 'a', verb)).toEqual([401, 'unauthenticated']);
    }
    expect(await send('approver', 'a', 'approve')).toEqual([200, undefined]);
    expect(await send('approver', 'a', 'approve')).toEqual([409, 'already_voted']);
    expect(await send('admin', 'a', 'approve')).toEqual([200, undefined]);
    expect(await send('approver', 'b', 'reject')).toEqual([200, undefined]);
    const ended = await fleet.until(plan.id, 'partial');
    expect(stepOf(ended, 'a').gate?.votes.map(({ actor }) => actor)).toEqual(['the-approver', 'the-admin']);
  } finally {
    await api.end('SIGKILL');
  }
});

test('cancelling a plan that waits at a gate: the gate can not be decided any more, and nothing is called', async () => {
  const plan = await startPlan(fleet, [gated('a'), recordStep('behind', {}, { dependsOn: ['a'] })]);
  await untilSteps(fleet, plan, { a: 'awaiting_approval' });
  const cancelled = await fleet.act(plan.id, 'cancel', { reason: 'no longer' });
  expect(statuses(cancelled.steps)).toEqual({ a: 'cancelled', behind: 'cancelled' });
  for (const verb of ['approve', 'reject'] as const) {
    const late = await decide(fleet, [plan, 'a'], { verb });
    expect([...refusal(late), late.body.currentStatus]).toEqual([409, 'wrong_state', 'cancelled']);
  }
  expect(await fleet.plan(plan.id)).toEqual(cancelled);
  expect(fleet.calls(plan.id)).toEqual([]);
});

test('pending approvals of plans and gates survive kill -9 of Redis and of every service, and can be decided afterwards', async () => {
  const whole = await fleet.createPlan({ objective: 'waits whole', steps: [recordStep('a')] });
  const plan = await startPlan(
    fleet,
    [
      recordStep('seed', { value: 7 }),
      gated('a', { approval: { message: 'Go on with {{seed.output.value}}?', quorum: 2 } }, { value: '{{a.approval.data}}' }),
      gated('b'),
      recordStep('end', { value: ['{{a.output.value}}', '{{b.approval.data}}'] }),
    ],
    { approvalTimeoutMs: 3_600_000 },
  );
  await untilSteps(fleet, plan, { a: 'awaiting_approval', b: 'awaiting_approval' });
  await decide(fleet, [plan, 'a'], { actor: 'ann', data: 'first', comment: 'kept' });
  const before = { plan: await fleet.plan(plan.id), whole: await fleet.reviewed(whole.id), items: await waiting(plan, whole) };
  expect(before.items).toHaveLength(3);

  await fleet.endServices('SIGKILL');
  await fleet.restartRedis();
  await fleet.startApi();
  await fleet.startExecutor();
  await fleet.startExecutor();

  expect(await fleet.plan(plan.id)).toEqual(before.plan);
  expect(await fleet.plan(whole.id)).toEqual(before.whole);
  expect(await waiting(plan, whole)).toEqual(before.items);
  expect(refusal(await decide(fleet, [plan, 'a'], { actor: 'ann' }))).toEqual([409, 'already_voted']);
  await decide(fleet, [plan, 'a'], { actor: 'bob', data: 'second' });
  await decide(fleet, [plan, 'b'], { actor: 'bob', data: { yes: true } });
  await fleet.approve(whole);
  expect(stepOf(await fleet.until(plan.id, 'completed'), 'end').output).toEqual({ value: ['second', { yes: true }] });
  await fleet.until(whole.id, 'completed');
  expect(fleet.calls(plan.id).sort()).toEqual(['a', 'b', 'end', 'seed']);
  expect(fleet.calls(whole.id)).toEqual(['a']);
});
