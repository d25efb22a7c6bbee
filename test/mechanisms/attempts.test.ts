/** What counts as an attempt of a step, and what does not. */
import type { StepJob } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { ANN, BROKEN, PlanByHand, PREFIX } from '../store/plan-by-hand.ts';

const server = useTestRedis();
let store: Store;
let redis: Redis;
let plan: PlanByHand;

beforeEach(() => {
  store = openStore({ redis: { url: server.url } });
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
});
afterEach(async () => {
  await plan.close();
  redis.disconnect();
  await store.close();
});

/** A plan of one step with that many attempts, and one behind it. */
async function startPlan(maxAttempts: number): Promise<PlanByHand> {
  const steps = [
    { id: 'a', tool: TOOL, retry: { maxAttempts, delayMs: 0 } },
    { id: 'b', tool: TOOL, dependsOn: ['a'] },
  ];
  plan = await PlanByHand.start({ objective: 'count attempts', steps }, { store, redis });
  return plan;
}

/** What the claims of a step said: attempt, and how many executors had gone away. */
const starts = async (): Promise<[number | undefined, unknown][]> =>
  (await store.readEvents(plan.planId)).filter(({ type }) => type === 'step.started').map(({ attempt, data }) => [attempt, data.takeover]);

test.each([
  ['at once', 0],
  ['after a while', 5],
])('an attempt that failed counts, and the last one ends the step with its error; tried again %s', async (_name, delayMs) => {
  await startPlan(3);
  for (let attempt = 1; attempt <= 3; attempt++) {
    await vi.waitFor(async () => expect(await plan.claim('a')).toMatchObject({ ok: true, claim: { attempt } }), { timeout: 20_000 });
    expect(await plan.fail('a', { ...BROKEN, message: `broken ${attempt}` }, delayMs)).toEqual({ ok: true });
  }
  expect(await plan.step('a')).toMatchObject({ status: 'failed', attempt: 3, error: { message: 'broken 3' } });
  expect(await starts()).toEqual([
    [1, undefined],
    [2, undefined],
    [3, undefined],
  ]);
  expect(await plan.deliveries()).toEqual([]);
  expect(await plan.statuses()).toEqual({ a: 'failed', b: 'skipped' });
});

test('an attempt that was handed back does not count, however often', async () => {
  await startPlan(1);
  for (let time = 0; time < 12; time++) {
    expect(await plan.claim('a', `t${time}`)).toMatchObject({ ok: true, claim: { attempt: 1 } });
    expect(await store.releaseStep(plan.hold('a', `t${time}`))).toEqual({ ok: true });
  }
  await plan.runs('a', 'b');
  expect(await plan.step('a')).toMatchObject({ status: 'completed', attempt: 1 });
});

test('a takeover after a crash goes on with the same attempt, and says which crash it was', async () => {
  await startPlan(2);
  for (const token of ['t1', 't2', 't3']) expect(await plan.claim('a', token)).toMatchObject({ ok: true, claim: { attempt: 1 } });
  await store.failStep(plan.hold('a', 't3'), { error: BROKEN, delayMs: 0 });
  for (const token of ['t4', 't5']) expect(await plan.claim('a', token)).toMatchObject({ ok: true, claim: { attempt: 2 } });
  expect(await starts()).toEqual([
    [1, undefined],
    [1, 1],
    [1, 2],
    [2, undefined],
    [2, 3],
  ]);
  // Of two attempts this is the second: crashes have used up none, and given none.
  await store.failStep(plan.hold('a', 't5'), { error: BROKEN, delayMs: 0 });
  expect(await plan.step('a')).toMatchObject({ status: 'failed', attempt: 2 });
});

test('a step that ten executors did not survive fails, over how many attempts ever', async () => {
  await startPlan(3);
  for (let crash = 0; crash < 7; crash++) await plan.claim('a', `t${crash}`);
  await store.failStep(plan.hold('a', 't6'), { error: BROKEN, delayMs: 0 });
  for (let crash = 7; crash < 11; crash++) expect(await plan.claim('a', `t${crash}`), `claim ${crash}`).toMatchObject({ ok: true });
  expect(await plan.claim('a', 'the last one')).toEqual({ ok: false, refusal: 'too_many_crashes' });
  expect(await plan.step('a')).toMatchObject({
    status: 'failed',
    attempt: 2,
    error: { code: 'tool_error', message: expect.stringContaining('10 executors went away'), retryable: false },
  });
  expect(await plan.statuses()).toEqual({ a: 'failed', b: 'skipped' });
  expect(await store.completeStep(plan.hold('a', 't10'), '"late"')).toMatchObject({ ok: false });
  // Whoever tries it again by hand has reason to think that it will be survived now.
  expect(await store.retryStep(plan.planId, 'a', { actor: ANN })).toMatchObject({ ok: true });
  await plan.claim('a', 'again');
  expect(await plan.claim('a', 'after one more crash')).toMatchObject({ ok: true, claim: { attempt: 1 } });
});

test('a job whose lease has run out over and over is delivered again: BullMQ never fails a step by itself', async () => {
  await startPlan(1);
  const dead = new Worker<StepJob>('steps', null, { connection: redis, prefix: PREFIX, autorun: false, lockDuration: 100 });
  const job = await dead.getNextJob('gone');
  // As after so many leases that ran out; this one is about to.
  await redis.hset(`${PREFIX}:steps:${job?.id}`, 'stc', 50);
  await store.claimStep(job?.data as StepJob, { token: 'gone', executor: 'gone' });
  await dead.close();
  const worker = store.consumeSteps(
    async (delivered) => {
      const token = `worker ${delivered.stepId}`;
      const claimed = await store.claimStep(delivered, { token, executor: 'worker' });
      if (claimed.ok) await store.completeStep({ ...delivered, token }, '1');
      return { word: 'done' };
    },
    { concurrency: 1, executor: 'worker', persist: (call) => call(), onError: () => {} },
  );
  try {
    await expect.poll(async () => (await plan.plan()).status, { timeout: 40_000 }).toBe('completed');
  } finally {
    await worker.close();
  }
  expect(await plan.step('a')).toMatchObject({ status: 'completed', attempt: 1, error: null });
});
