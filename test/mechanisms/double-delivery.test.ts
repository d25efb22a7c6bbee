/** The queue may deliver a step as often as it likes: its tool is called once for each attempt, and there is one outcome. */
import { stepJobId } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { useTestRedis } from '../redis/test-redis.ts';
import { createPlan, held, outcomesOf, Probe, probeStep, stepIn, untilPlan } from './probe.ts';

const server = useTestRedis();
let redis: Redis;
let steps: Queue;
let stores: Store[];
let probe: Probe;
let closers: (() => Promise<unknown>)[];

beforeEach(() => {
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  steps = new Queue('steps', { connection: redis, prefix: '{cs0}:bull' });
  stores = ['one', 'two'].map(() => openStore({ redis: { url: server.url } }));
  probe = new Probe();
  closers = [];
});
afterEach(async () => {
  for (const close of closers) await close();
  for (const store of stores) await store.close();
  await steps.close();
  redis.disconnect();
});

const startExecutors = async (): Promise<void> => {
  closers.push(...(await Promise.all(stores.map((store, at) => probe.startExecutor(store, `executor ${at}`)))));
};
const jobOf = (planId: string, stepId: string, delivery = 1) => ({
  name: 'test.probe',
  data: { planId, stepId, revision: 1, generation: 1, delivery },
  opts: { jobId: stepJobId(planId, stepId, 1, delivery) },
});
const under = (id: string, job: ReturnType<typeof jobOf>) => ({ ...job, opts: { jobId: id } });
/** To be taken before all others of the queue. */
const first = (job: ReturnType<typeof jobOf>) => ({ ...job, opts: { ...job.opts, lifo: true } });
/** Waits until executors are done with these jobs. */
const handled = (...ids: string[]) =>
  expect
    .poll(() => Promise.all(ids.map((id) => steps.getJobState(id))), { timeout: 30_000, interval: 20 })
    .toEqual(ids.map(() => expect.stringMatching(/^(completed|failed)$/)));

describe.each([
  ['before it is taken', 'queued'],
  ['while it runs', 'running'],
  ['after it has ended', 'ended'],
] as const)('a step whose job is added again under other ids %s', (_name, when) => {
  test('is called once, by one executor, and ends once', async () => {
    const [store] = stores as [Store];
    const { wait, letGo } = held();
    const last = held();
    probe.behaviour.set('a', () => wait.then(() => 'the one'));
    probe.behaviour.set('last', () => last.wait.then(() => null));
    const { id: planId } = await createPlan(store, {
      steps: [probeStep('a'), probeStep('b', { dependsOn: ['a'] }), probeStep('last')],
    });
    const others = Array.from({ length: 6 }, (_, at) => under(`by-hand-${at}`, jobOf(planId, 'a')));
    const addAgain = () => steps.addBulk(others.map(first));
    if (when === 'queued') await addAgain();
    await startExecutors();
    await expect.poll(() => probe.called(planId)).toContain('a');
    if (when === 'running') await addAgain();
    if (when === 'ended') {
      letGo();
      await expect.poll(() => outcomesOf(store, planId, 'b')).toEqual(['step.completed']);
      await addAgain();
    }
    await handled(...others.map(({ opts }) => opts.jobId));
    letGo();
    last.letGo();
    const plan = await untilPlan(store, planId, 'completed');
    expect(probe.called(planId).filter((stepId) => stepId === 'a')).toEqual(['a']);
    expect(await outcomesOf(store, planId, 'a')).toEqual(['step.completed']);
    expect(stepIn(plan, 'a')).toMatchObject({ attempt: 1, output: 'the one' });
    const started = (await store.readEvents(planId)).filter(({ type, stepId }) => type === 'step.started' && stepId === 'a');
    expect(started.map(({ data }) => data.takeover)).toEqual([undefined]);
    const [refused] = await steps.getFailed();
    expect(refused?.failedReason).toBe(`not the job of step a of plan ${planId}: that one is ${planId}-a-1`);
  });
});

test('a job that was added by hand comes along with the end of another step: its step is not claimed with it', async () => {
  const [store] = stores as [Store];
  const { id: planId } = await createPlan(store, { steps: [probeStep('a'), probeStep('b')] });
  const called: string[] = [];
  const worker = store.consumeSteps(
    async (job, _lease, early) => {
      const token = early?.token ?? `${job.stepId} held`;
      const claimed = early?.reply ?? (await store.claimStep(job, { token, executor: 'alone' }));
      if (!claimed.ok) return { word: claimed.refusal };
      called.push(job.stepId);
      if (called.length === 1) await steps.addBulk([under('by-hand', jobOf(planId, 'b'))].map(first));
      return { word: 'done', completion: { hold: { planId, stepId: job.stepId, token }, output: '1', onReply: () => {} } };
    },
    { concurrency: 1, executor: 'alone', persist: (call) => call(), onError: () => {} },
  );
  closers.push(() => worker.close());
  await untilPlan(store, planId, 'completed');
  expect(await steps.getJobState('by-hand')).toBe('failed');
  expect(called).toEqual(['a', 'b']);
  const started = (await store.readEvents(planId)).filter(({ type }) => type === 'step.started');
  expect(started.map(({ stepId, data }) => [stepId, data.takeover])).toEqual([
    ['a', undefined],
    ['b', undefined],
  ]);
});

test('jobs that were done are put back to wait, by hand: nothing is called again', async () => {
  const [store] = stores as [Store];
  const last = held();
  probe.behaviour.set('last', () => last.wait.then(() => null));
  probe.behaviour.set('flaky', (_call, number) => {
    if (number === 1) throw new Error('not yet');
    return number;
  });
  const { id: planId } = await createPlan(store, {
    steps: [probeStep('a'), probeStep('flaky', { retry: { maxAttempts: 2, delayMs: 0 } }), probeStep('last')],
  });
  await startExecutors();
  for (const stepId of ['a', 'flaky']) await expect.poll(() => outcomesOf(store, planId, stepId)).toEqual(['step.completed']);
  const ids = [stepJobId(planId, 'a', 1), stepJobId(planId, 'flaky', 1), stepJobId(planId, 'flaky', 1, 2)];
  await handled(...ids);
  const calls = [...probe.called(planId)];
  for (let time = 0; time < 3; time++) {
    for (const id of ids) await (await steps.getJob(id))?.retry('completed');
    await handled(...ids);
  }
  expect(probe.called(planId)).toEqual(calls);
  expect(calls.toSorted()).toEqual(['a', 'flaky', 'flaky', 'last']);
  last.letGo();
  const plan = await untilPlan(store, planId, 'completed');
  expect(stepIn(plan, 'flaky')).toMatchObject({ attempt: 2, output: 2 });
  expect(await outcomesOf(store, planId, 'flaky')).toEqual(['step.completed']);
});

test('a job that is put back to wait while its step runs: the other executor takes the step over, and the first one’s result is refused', async () => {
  const [store] = stores as [Store];
  const early = held();
  const late = held();
  probe.behaviour.set('a', async ({ executor }, number) => {
    await (number === 1 ? early : late).wait;
    return `${executor}, call ${number}`;
  });
  const { id: planId } = await createPlan(store, { steps: [probeStep('a'), probeStep('b', { dependsOn: ['a'] })] });
  await startExecutors();
  await expect.poll(() => probe.calls.length).toBe(1);
  const id = stepJobId(planId, 'a', 1);
  await redis
    .multi()
    .lrem('{cs0}:bull:steps:active', 1, id)
    .rpush('{cs0}:bull:steps:wait', id)
    .zadd('{cs0}:bull:steps:marker', 0, '0')
    .exec();
  await expect.poll(() => probe.calls.length, { timeout: 30_000 }).toBe(2);
  early.letGo();
  await expect
    .poll(() => probe.log.filter(({ message }) => message.startsWith('late result refused')), { timeout: 30_000 })
    .toMatchObject([{ stepId: 'a', refusal: 'stale_token' }]);
  late.letGo();
  const plan = await untilPlan(store, planId, 'completed');
  expect(probe.calls.filter(({ stepId }) => stepId === 'a').map(({ attempt, idempotencyKey }) => [attempt, idempotencyKey])).toEqual([
    [1, `${planId}.a.1`],
    [1, `${planId}.a.1`],
  ]);
  expect(stepIn(plan, 'a').output).toBe(`${probe.calls[1]?.executor}, call 2`);
  expect(await outcomesOf(store, planId, 'a')).toEqual(['step.completed']);
});

test('two executors that claim one delivery at the same moment: one of them has the step', async () => {
  const [one, two] = stores as [Store, Store];
  for (let round = 0; round < 20; round++) {
    const { id: planId } = await createPlan(one, { steps: [probeStep('a'), probeStep('b')] });
    const delivery = { planId, stepId: 'a', generation: 1, delivery: 1 };
    await Promise.all([one, two].map((store, at) => store.claimStep(delivery, { token: `t${at}`, executor: `e${at}` })));
    const ends = await Promise.all([one, two].map((store, at) => store.completeStep({ planId, stepId: 'a', token: `t${at}` }, `"${at}"`)));
    expect(ends.filter(({ ok }) => ok)).toHaveLength(1);
    expect(ends.find(({ ok }) => !ok)).toEqual({ ok: false, refusal: 'stale_token' });
    expect(await outcomesOf(one, planId, 'a')).toEqual(['step.completed']);
  }
});
