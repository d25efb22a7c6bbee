/** Whoever lost its claim on a step says nothing about it any more: each word is refused with the reason, and changes nothing. */
import { openStore, type RecordReply, type Store } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { ANN, BROKEN, FATAL, PlanByHand, reconciled } from '../store/plan-by-hand.ts';

const server = useTestRedis();
let store: Store;
let redis: Redis;
let plan: PlanByHand | null = null;

beforeEach(() => {
  store = openStore({ redis: { url: server.url } });
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
});
afterEach(async () => {
  await plan?.close();
  plan = null;
  redis.disconnect();
  await store.close();
});

/** `a` is the step in question; `b` waits for it, and `c` is there so that the plan goes on without them. */
async function startPlan(): Promise<PlanByHand> {
  const steps = [
    { id: 'a', tool: TOOL, forEach: [1, 2], retry: { maxAttempts: 3, delayMs: 0 } },
    { id: 'b', tool: TOOL, dependsOn: ['a'] },
    { id: 'c', tool: TOOL },
  ];
  plan = await PlanByHand.start({ objective: 'lose a claim', steps }, { store, redis });
  expect(await plan.claim('a', 'first')).toMatchObject({ ok: true });
  return plan;
}

/** Everything there is, byte for byte. */
async function everything(): Promise<Record<string, string>> {
  const keys = (await redis.keys('*')).sort();
  const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  return Object.fromEntries(keys.map((key, at) => [key, dumps[at]?.toString('base64') ?? '']));
}

const WORDS: [string, (hold: ReturnType<PlanByHand['hold']>) => Promise<RecordReply>][] = [
  ['begin', (hold) => store.beginStep(hold, null)],
  ['begin with an input', (hold) => store.beginStep(hold, '{"late":1}')],
  ['complete', (hold) => store.completeStep(hold, '"late"')],
  ['fail', (hold) => store.failStep(hold, { error: FATAL, delayMs: 0 })],
  ['fail for now', (hold) => store.failStep(hold, { error: BROKEN, delayMs: 0 })],
  ['fail until later', (hold) => store.failStep(hold, { error: BROKEN, delayMs: 60_000 })],
  ['release', (hold) => store.releaseStep(hold)],
  ['decline', (hold) => store.declineStep(hold)],
  ['ask', (hold) => store.askApproval(hold, { resolvedInput: '{"late":1}', message: 'late' })],
  ['expand', (hold) => store.expandStep(hold, ['1', '2'])],
  ['progress', (hold) => store.reportProgress(hold, { fraction: 0.5, message: 'late' })],
];

const LOSSES: [string, (plan: PlanByHand) => Promise<unknown>][] = [
  ['taken over by another executor', (lost) => lost.claim('a', 'second')],
  ['taken over, and completed', (lost) => lost.claim('a', 'second').then(() => store.completeStep(lost.hold('a', 'second'), '[1,2]'))],
  [
    'taken over, and failed',
    (lost) => lost.claim('a', 'second').then(() => store.failStep(lost.hold('a', 'second'), { error: BROKEN, delayMs: 0 })),
  ],
  ['expanded into its children', (lost) => store.expandStep(lost.hold('a', 'first'), ['1', '2'])],
  [
    'handed back by the reconciler, because its job was gone',
    async (lost) => {
      await lost.queue.obliterate({ force: true });
      expect(await reconciled(store)).toContain('step_handed_back a job_missing');
    },
  ],
];

describe.each(LOSSES)('a step that was %s', (_name, lose) => {
  test.each(WORDS)('%s with the old token is refused as stale, and changes nothing', async (_word, say) => {
    const lost = await startPlan();
    await lose(lost);
    const before = await everything();
    expect(await say(lost.hold('a', 'first'))).toEqual({ ok: false, refusal: 'stale_token' });
    expect(await everything()).toEqual(before);
  });
});

describe('a step whose plan was cancelled', () => {
  test.each(WORDS.filter(([word]) => word !== 'progress'))('%s is refused, and changes nothing', async (_word, say) => {
    const lost = await startPlan();
    await store.cancelPlan(lost.planId, { actor: ANN });
    const before = await everything();
    expect(await say(lost.hold('a', 'first'))).toEqual({ ok: false, refusal: 'plan_not_executing' });
    expect(await everything()).toEqual(before);
  });
});

test('a claim with an outdated delivery is refused, and changes nothing', async () => {
  const lost = await startPlan();
  const delivery = { planId: lost.planId, stepId: 'a', generation: 1, delivery: 1 };
  await store.failStep(lost.hold('a', 'first'), { error: BROKEN, delayMs: 60_000 });
  const before = await everything();
  expect(await store.claimStep(delivery, { token: 'late', executor: 'late' })).toEqual({ ok: false, refusal: 'stale_delivery' });
  expect(await store.claimStep({ ...delivery, generation: 2 }, { token: 'late', executor: 'late' })).toMatchObject({ ok: false });
  expect(await everything()).toEqual(before);
});

test('the holder of the new token goes on, whatever the old one said', async () => {
  const lost = await startPlan();
  await lost.claim('a', 'second');
  for (const [, say] of WORDS) await say(lost.hold('a', 'first'));
  expect(await store.beginStep(lost.hold('a', 'second'), '{"new":1}')).toEqual({ ok: true });
  expect(await store.completeStep(lost.hold('a', 'second'), '"second"')).toEqual({ ok: true });
  await lost.runs('b', 'c');
  expect((await lost.plan()).status).toBe('completed');
  expect(await lost.step('a')).toMatchObject({ output: 'second', attempt: 1, resolvedInput: { new: 1 } });
  await lost.eventsAgree();
});

test('a result that is recorded with the end of its job is refused, too, and the worker is told', async () => {
  const lost = await PlanByHand.start(
    { objective: 'x', steps: ['a', 'b'].map((id) => ({ id, tool: TOOL })), options: { maxParallelSteps: 1 } },
    { store, redis },
  );
  plan = lost;
  const replies: RecordReply[] = [];
  const worker = store.consumeSteps(
    async (job) => {
      const { planId, stepId } = job;
      await store.claimStep(job, { token: `${stepId} first`, executor: 'first' });
      if (stepId === 'a') await store.claimStep(job, { token: 'a second', executor: 'second' });
      const hold = { planId, stepId, token: `${stepId} first` };
      return { word: 'done', completion: { hold, output: '"first"', onReply: (reply) => replies.push(reply) } };
    },
    { concurrency: 1, executor: 'first', persist: (call) => call(), onError: () => {} },
  );
  try {
    await expect.poll(() => replies).toEqual([{ ok: false, refusal: 'stale_token' }]);
    expect(await store.completeStep(lost.hold('a', 'a second'), '"second"')).toEqual({ ok: true });
    await expect.poll(async () => (await lost.plan()).status, { timeout: 20_000 }).toBe('completed');
  } finally {
    await worker.close();
  }
  expect([(await lost.step('a')).output, (await lost.step('b')).output]).toEqual(['second', 'first']);
});
