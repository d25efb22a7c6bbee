import type { StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide, gated, NOTHING_MENDED, refusal, startPlan, untilSteps } from './deciding.ts';
import { Fleet } from './fleet.ts';
import { recordStep, statuses, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2, env: { ...NOTHING_MENDED, CLOCK_EVERY_MS: '100' } });
});
afterAll(() => fleet?.close());

const whats = (planId: string): string[] => fleet.ledger(planId).map(({ what, stepId, attempt }) => `${what} ${stepId} ${attempt}`);

test('a plan whose time is up: what runs is aborted, the rest is cancelled, clean-up runs and is let finish, the plan ends failed', async () => {
  const never = fleet.gate('never');
  const cleaning = fleet.gate('cleaning');
  const plan = await startPlan(
    fleet,
    [
      recordStep('runs', { holdUntil: never.file }),
      recordStep('retries', { failAttempts: 1 }, { retry: { maxAttempts: 2, delayMs: 600_000, maxDelayMs: 600_000 } }),
      recordStep('cleans', { holdUntil: cleaning.file }, { runIf: 'all_done' }),
      gated('asks'),
      recordStep('behind', {}, { dependsOn: ['runs'] }),
      recordStep('tidies', { value: ['{{runs.status}}', '{{behind.status}}'] }, { runIf: 'all_done' }),
    ],
    { planTimeoutMs: 2_000 },
  );
  await untilSteps(fleet, plan, { runs: 'running', retries: 'retrying', cleans: 'running', asks: 'awaiting_approval' });
  await untilSteps(fleet, plan, { runs: 'cancelled', tidies: 'completed' });
  expect((await fleet.plan(plan.id)).status).toBe('executing');
  cleaning.open();
  const failed = await fleet.until(plan.id, 'failed');
  expect(failed.error).toEqual({ code: 'timeout', message: expect.stringContaining('2000 ms'), stepId: null });
  expect(failed.steps.map(({ id, status, reason }) => [id, status, reason?.kind])).toEqual([
    ['runs', 'cancelled', 'plan_timeout'],
    ['retries', 'cancelled', 'plan_timeout'],
    ['cleans', 'completed', undefined],
    ['asks', 'cancelled', 'plan_timeout'],
    ['behind', 'cancelled', 'plan_timeout'],
    ['tidies', 'completed', undefined],
  ]);
  expect(whats(plan.id).filter((line) => line.startsWith('aborted'))).toEqual(['aborted runs 1']);
  expect(whats(plan.id).at(-1)).toBe('end cleans 1');
  expect(stepOf(failed, 'tidies').output).toEqual({ value: ['cancelled', 'cancelled'] });
  expect(refusal(await decide(fleet, [plan, 'asks']))).toEqual([409, 'wrong_state']);
});

test("pauses do not count for a plan's time, and what is left of it counts after them", async () => {
  const hold = fleet.gate('paused-long');
  const never = fleet.gate('never');
  const [finishes, runsOut] = await Promise.all([
    startPlan(fleet, [recordStep('a', { holdUntil: hold.file })], { planTimeoutMs: 3_000 }),
    startPlan(fleet, [recordStep('a', { holdUntil: never.file })], { planTimeoutMs: 3_000 }),
  ]);
  await Promise.all([finishes, runsOut].map((plan) => untilSteps(fleet, plan, { a: 'running' })));
  for (const plan of [finishes, runsOut]) await fleet.act(plan.id, 'pause');
  const other = await startPlan(fleet, [recordStep('a', { holdUntil: never.file })], { planTimeoutMs: 3_000 });
  await fleet.until(other.id, 'failed');
  // The time of a plan that started later is over: theirs would be too.
  for (const plan of [finishes, runsOut]) {
    expect((await fleet.plan(plan.id)).status).toBe('paused');
    expect(whats(plan.id)).toEqual(['start a 1']);
    await fleet.act(plan.id, 'resume');
  }
  const due = await startPlan(fleet, [gated('a')], { planTimeoutMs: 100 });
  await fleet.until(due.id, 'failed');
  // The clock has looked since.
  expect((await fleet.plan(finishes.id)).status).toBe('executing');
  hold.open();
  await fleet.until(finishes.id, 'completed');
  expect((await fleet.until(runsOut.id, 'failed')).error).toMatchObject({ code: 'timeout', stepId: null });
  await fleet.untilLedger(runsOut.id, ({ what }) => what === 'aborted');
});

test('a plan that nobody approves in time expires: its steps stay as they are, and it can never run', async () => {
  const plan = await fleet.createPlan({ objective: 'expires', steps: [recordStep('a')], options: { approvalTimeoutMs: 300 } });
  expect(plan.status).toBe('pending_approval');
  const expired = await fleet.until(plan.id, 'expired');
  expect(stepOf(expired, 'a')).toMatchObject({ status: 'pending', reason: { kind: 'plan_stopped', detail: { planStatus: 'expired' } } });
  expect(expired.finishedAt).not.toBeNull();
  const { digest } = plan;
  for (const [verb, body] of [
    ['approve', { digest }],
    ['reject', { digest, reason: 'late' }],
    ['cancel', {}],
    ['resume', {}],
    ['retry', {}],
  ] as const) {
    const answer = await fleet.call('POST', `/v1/plans/${plan.id}/${verb}`, { body });
    expect([...refusal(answer), answer.body.currentStatus], verb).toEqual([409, 'wrong_state', 'expired']);
  }
  expect(await fleet.plan(plan.id)).toEqual(expired);
  const last = (await fleet.events(plan.id)).at(-1);
  expect([last?.type, last?.actor]).toEqual(['plan.expired', undefined]);
  expect(fleet.calls(plan.id)).toEqual([]);
});

test('an approval in time stands after its deadline, of a plan and of a gate', async () => {
  const hold = fleet.gate('approved-in-time');
  const options = { approvalTimeoutMs: 2_000 };
  const plan = await fleet.createPlan({ objective: 'in time', steps: [gated('a', {}, { holdUntil: hold.file })], options });
  await fleet.approve(plan);
  await untilSteps(fleet, plan, { a: 'awaiting_approval' });
  await decide(fleet, [plan, 'a']);
  const later = await fleet.createPlan({ objective: 'too late', steps: [recordStep('a')], options });
  await fleet.until(later.id, 'expired');
  expect(stepOf(await fleet.plan(plan.id), 'a')).toMatchObject({ status: 'running', gate: { decision: 'approved' } });
  hold.open();
  await fleet.until(plan.id, 'completed');
});

test('a gate that nobody decides in time fails with `expired`, and onError decides what follows', async () => {
  const steps = (onError: StepDraft['onError']): StepDraft[] => [
    gated('a', onError === undefined ? {} : { onError }),
    recordStep('behind', {}, { dependsOn: ['a'] }),
    gated('other', { dependsOn: ['beside'], approval: { message: '{{beside.status}}' } }),
    recordStep('beside'),
    recordStep('told', { value: '{{a.error.code}}' }, { runIf: 'all_done' }),
  ];
  const options = { approvalTimeoutMs: 1_000 };
  const stops = await startPlan(fleet, steps('stop'), options);
  const goesOn = await startPlan(fleet, steps('continue'), options);
  const asking = await untilSteps(fleet, goesOn, { a: 'awaiting_approval', other: 'awaiting_approval' });
  const { since, deadline } = stepOf(asking, 'a').gate ?? {};
  expect(Date.parse(String(deadline)) - Date.parse(String(since))).toBe(1_000);
  expect(stepOf(asking, 'a').reason).toMatchObject({ text: expect.stringContaining(String(deadline)), detail: { deadline } });
  expect((await decide(fleet, [goesOn, 'other'])).status).toBe(200);

  const stopped = await fleet.until(stops.id, 'failed');
  expect(statuses(stopped.steps)).toEqual({ a: 'failed', behind: 'skipped', other: 'cancelled', beside: 'completed', told: 'completed' });
  expect(stepOf(stopped, 'a')).toMatchObject({ gate: { decision: 'expired', votes: [] }, error: { code: 'expired', retryable: false } });
  expect(stopped.error).toMatchObject({ code: 'expired', stepId: 'a' });
  const partial = await fleet.until(goesOn.id, 'partial');
  expect(statuses(partial.steps)).toEqual({ a: 'failed', behind: 'skipped', other: 'completed', beside: 'completed', told: 'completed' });
  expect(stepOf(partial, 'told').output).toEqual({ value: 'expired' });
  expect(refusal(await decide(fleet, [goesOn, 'a']))).toEqual([409, 'wrong_state']);
  expect(fleet.calls(goesOn.id).sort()).toEqual(['beside', 'other', 'told']);
});

test('startAt: an approved plan waits for its time, says so, and then starts by itself', async () => {
  const startAt = new Date(Date.now() + 2_000).toISOString();
  const plan = await fleet.createPlan({ objective: 'later', steps: [recordStep('a')], options: { startAt } });
  await fleet.approve(plan);
  const waiting = await fleet.plan(plan.id);
  expect(waiting).toMatchObject({ status: 'approved', startedAt: null });
  expect(stepOf(waiting, 'a')).toMatchObject({
    status: 'pending',
    reason: { kind: 'plan_not_started', text: expect.stringContaining(startAt), detail: { planStatus: 'approved', startAt } },
  });
  for (const verb of ['pause', 'resume', 'retry']) {
    expect(refusal(await fleet.call('POST', `/v1/plans/${plan.id}/${verb}`, { body: {} }))).toEqual([409, 'wrong_state']);
  }
  expect(fleet.calls(plan.id)).toEqual([]);
  const done = await fleet.until(plan.id, 'completed');
  expect(Date.parse(String(done.startedAt))).toBeGreaterThanOrEqual(Date.parse(startAt));
  expect(fleet.calls(plan.id)).toEqual(['a']);
});

test('startAt: a plan that waits can be cancelled, and one whose time has passed starts at once', async () => {
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  const plan = await startPlan(fleet, [recordStep('a')], { startAt: tomorrow });
  expect(plan.status).toBe('approved');
  const cancelled = await fleet.act(plan.id, 'cancel');
  expect([cancelled.status, ...cancelled.steps.map(({ reason }) => reason?.kind)]).toEqual(['cancelled', 'plan_cancelled']);
  const past = await startPlan(fleet, [recordStep('a')], { startAt: '2020-02-29T12:00:00+02:00' });
  expect((await fleet.until(past.id, 'completed')).steps[0]?.status).toBe('completed');
  expect(fleet.calls(plan.id)).toEqual([]);
});

test('an attempt that takes too long is aborted and tried again, each time, until none is left', async () => {
  const never = fleet.gate('never');
  const plan = await startPlan(fleet, [
    recordStep('slow', { holdUntil: never.file }, { timeoutMs: 100, retry: { maxAttempts: 3, delayMs: 20 } }),
  ]);
  const failed = await fleet.until(plan.id, 'failed');
  expect(stepOf(failed, 'slow')).toMatchObject({ attempt: 3, error: { code: 'timeout', message: 'no result within 100 ms' } });
  expect(failed.error).toMatchObject({ code: 'timeout', stepId: 'slow' });
  expect(whats(plan.id)).toEqual([1, 2, 3].flatMap((attempt) => [`start slow ${attempt}`, `aborted slow ${attempt}`]));
});

test('after an attempt that took too long a step says why and until when it waits', async () => {
  const never = fleet.gate('never');
  const retry = { maxAttempts: 2, delayMs: 600_000, maxDelayMs: 600_000 };
  const plan = await startPlan(fleet, [recordStep('slow', { holdUntil: never.file }, { timeoutMs: 100, retry })]);
  const waiting = await untilSteps(fleet, plan, { slow: 'retrying' });
  expect(stepOf(waiting, 'slow')).toMatchObject({
    error: { code: 'timeout', retryable: true },
    reason: { kind: 'backoff', detail: { attempt: 2, maxAttempts: 2, until: expect.any(String) } },
  });
  await fleet.act(plan.id, 'cancel');
});

test('after an attempt that took too long the next one may do it, under the same idempotency key', async () => {
  const hold = fleet.gate('second-attempt');
  const plan = await startPlan(fleet, [
    recordStep('slow', { holdUntil: hold.file }, { timeoutMs: 400, retry: { maxAttempts: 2, delayMs: 20 } }),
  ]);
  await fleet.untilLedger(plan.id, ({ what }) => what === 'aborted');
  hold.open();
  const done = await fleet.until(plan.id, 'completed');
  expect(stepOf(done, 'slow')).toMatchObject({ attempt: 2, error: null });
  expect(whats(plan.id)).toEqual(['start slow 1', 'aborted slow 1', 'start slow 2', 'end slow 2']);
  expect(new Set(fleet.ledger(plan.id).map(({ key }) => key)).size).toBe(1);
});
