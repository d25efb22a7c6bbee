/** When a failed attempt is tried again, and what is seen of it meanwhile. */
import type { Event, Plan, PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { recordStep, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2 });
});
afterAll(() => fleet?.close());

const ALWAYS = { failAttempts: 100 };
const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({
  objective: 'test when failures are tried again',
  steps,
  options,
});

const retries = async ({ id }: Plan, stepId: string): Promise<Event[]> =>
  (await fleet.events(id)).filter((event) => event.type === 'step.retrying' && event.stepId === stepId);
const delays = async (plan: Plan, stepId: string): Promise<unknown[]> => (await retries(plan, stepId)).map(({ data }) => data.delayMs);
const attempts = (planId: string, stepId: string): string[] =>
  fleet
    .ledger(planId)
    .filter((line) => line.stepId === stepId)
    .map(({ what, attempt }) => `${what} ${attempt}`);
const failures = (count: number): string[] => Array.from({ length: count }, (_, i) => [`start ${i + 1}`, `failed ${i + 1}`]).flat();

test('delays double up to their limit, or stay the same; after the last of all attempts the step fails', async () => {
  const plan = await fleet.launchUntil(
    draft(
      [
        recordStep('doubles', ALWAYS, { retry: { maxAttempts: 4, delayMs: 100 } }),
        recordStep('is-capped', ALWAYS, { retry: { maxAttempts: 5, delayMs: 100, maxDelayMs: 250 } }),
        recordStep('is-fixed', ALWAYS, { retry: { maxAttempts: 3, backoff: 'fixed', delayMs: 150 } }),
        recordStep('has-none', ALWAYS, { retry: { maxAttempts: 3, delayMs: 0 } }),
        recordStep('is-not-retried', ALWAYS),
      ],
      { stopOnError: false, maxParallelSteps: 5 },
    ),
    'failed',
  );
  const expected = {
    doubles: [100, 200, 400],
    'is-capped': [100, 200, 250, 250],
    'is-fixed': [150, 150],
    'has-none': [0, 0],
    'is-not-retried': [],
  };
  for (const [stepId, waits] of Object.entries(expected)) {
    expect(await delays(plan, stepId), stepId).toEqual(waits);
    expect(attempts(plan.id, stepId), stepId).toEqual(failures(waits.length + 1));
    expect(stepOf(plan, stepId)).toMatchObject({ status: 'failed', attempt: waits.length + 1, error: { code: 'tool_error' } });
  }
  // No attempt begins before its time.
  const events = await fleet.events(plan.id);
  for (const { stepId, attempt, data } of events.filter(({ type }) => type === 'step.retrying')) {
    const next = events.find((each) => each.type === 'step.started' && each.stepId === stepId && each.attempt === Number(attempt) + 1);
    expect(Date.parse(String(next?.at)), `${stepId} ${attempt}`).toBeGreaterThanOrEqual(Number(data.notBefore));
  }
});

test('jitter takes away a random part of the delay, at most its share', async () => {
  const retry = { maxAttempts: 4, backoff: 'fixed', delayMs: 100, jitter: 0.5 } as const;
  const steps = Array.from({ length: 6 }, (_, i) => recordStep(`s${i}`, ALWAYS, { retry }));
  const plan = await fleet.launchUntil(draft(steps, { stopOnError: false, maxParallelSteps: 6 }), 'failed');
  const waits = (await Promise.all(steps.map(({ id }) => delays(plan, id)))).flat().map(Number);
  expect(waits).toHaveLength(18);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(50);
  expect(Math.max(...waits)).toBeLessThanOrEqual(100);
  expect(new Set(waits).size).toBeGreaterThan(3);
});

test.each([
  [
    "a plan's comes before that of a tool",
    { retry: { maxAttempts: 3, backoff: 'fixed', delayMs: 30 } },
    { byTool: [30, 30], plain: [30, 30], own: [30] },
  ],
  ["a tool's holds where the plan says nothing", {}, { byTool: [20], plain: [], own: [500] }],
] as const)("a step's own policy comes first; %s", async (_, options, { byTool, plain, own }) => {
  const plan = await fleet.launchUntil(
    draft(
      [
        recordStep('by-tool', ALWAYS, { tool: 'test.retried' }),
        recordStep('plain', ALWAYS),
        recordStep('own', ALWAYS, { retry: { maxAttempts: 2 } }),
        recordStep('own-on-tool', ALWAYS, { tool: 'test.retried', retry: { maxAttempts: 4, backoff: 'fixed', delayMs: 10 } }),
      ],
      { stopOnError: false, maxParallelSteps: 4, ...options },
    ),
    'failed',
  );
  const seen = await Promise.all(plan.steps.map(async ({ id }) => [id, await delays(plan, id)]));
  expect(Object.fromEntries(seen)).toEqual({ 'by-tool': byTool, plain, own, 'own-on-tool': [10, 10, 10] });
});

test('a failure that says that it is final is the last attempt, wherever the policy comes from', async () => {
  const fatal = { ...ALWAYS, fatal: true };
  const plan = await fleet.launchUntil(
    draft([recordStep('fatal', fatal), recordStep('fatal-too', fatal, { tool: 'test.retried' })], {
      stopOnError: false,
      retry: { maxAttempts: 5 },
    }),
    'failed',
  );
  for (const { id, attempt, error } of plan.steps) {
    expect([attempt, error?.retryable]).toEqual([1, false]);
    expect(attempts(plan.id, id)).toEqual(failures(1));
  }
});

test('a timeout is tried again like any failure, and a failure of the clean-up after a stop too', async () => {
  const { file } = fleet.gate('never');
  const plan = await fleet.launch(
    draft([
      recordStep('slow', { holdUntil: file }, { timeoutMs: 200, retry: { maxAttempts: 2, delayMs: 20 } }),
      recordStep('clean-up', { failAttempts: 1 }, { dependsOn: ['slow'], runIf: 'all_done', retry: { maxAttempts: 2, delayMs: 20 } }),
    ]),
  );
  const ended = await fleet.until(plan.id, 'failed');
  expect(attempts(plan.id, 'slow')).toEqual(['start 1', 'aborted 1', 'start 2', 'aborted 2']);
  expect(stepOf(ended, 'slow').error).toMatchObject({ code: 'timeout' });
  expect(stepOf(ended, 'clean-up')).toMatchObject({ status: 'completed', attempt: 2 });
});

test('while it waits a step shows its error, the number of its next attempt and when that is', async () => {
  const retry = { maxAttempts: 7, backoff: 'fixed', delayMs: 0 } as const;
  const { id } = await fleet.launch(
    draft([recordStep('flaky', ALWAYS, { retry: { ...retry, delayMs: 3_600_000, maxDelayMs: 3_600_000 } })]),
  );
  await expect.poll(async () => stepOf(await fleet.plan(id), 'flaky').status, { timeout: 20_000 }).toBe('retrying');
  const plan = await fleet.plan(id);
  const [event] = await retries(plan, 'flaky');
  const until = new Date(Number(event?.data.notBefore)).toISOString();
  expect(stepOf(plan, 'flaky')).toMatchObject({
    attempt: 1,
    error: { code: 'tool_error', message: 'attempt 1 fails as it was told to', retryable: true },
    reason: { kind: 'backoff', text: `tries again at ${until}`, detail: { until, attempt: 2, maxAttempts: 7 } },
  });
  expect(event).toMatchObject({ attempt: 1, data: { delayMs: 3_600_000, error: { code: 'tool_error' } } });
  await fleet.act(id, 'cancel');
});

test('a step that is cancelled in its backoff is never called again', async () => {
  const retry = { maxAttempts: 3, backoff: 'fixed', delayMs: 1_500 } as const;
  const { id } = await fleet.launch(draft([recordStep('flaky', ALWAYS, { retry })]));
  await fleet.untilLedger(id, ({ what }) => what === 'failed');
  await expect.poll(async () => stepOf(await fleet.plan(id), 'flaky').status, { timeout: 20_000, interval: 5 }).toBe('retrying');
  const cancelled = await fleet.act(id, 'cancel');
  expect(stepOf(cancelled, 'flaky')).toMatchObject({ status: 'cancelled', reason: { kind: 'plan_cancelled' } });
  // A step that fails after it and waits longer is called again after the cancelled one would have been.
  const calledBefore = attempts(id, 'flaky');
  await fleet.launchUntil(draft([recordStep('later', { failAttempts: 1 }, { retry: { ...retry, delayMs: 1_550 } })]));
  expect(attempts(id, 'flaky')).toEqual(calledBefore);
  expect(calledBefore).toEqual(failures(1));
  expect(await fleet.plan(id)).toEqual(cancelled);
});
