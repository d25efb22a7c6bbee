/** An executor while Redis is full: it keeps what it has in hand, and records it once there is memory. */
import { Metrics } from '@countersign/service';
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type InspectedRedis, inspectRedis } from '../../../test/redis/inspected-redis.ts';
import { useTestRedis } from '../../../test/redis/test-redis.ts';
import { type HeldExecutor, launch, startHeldExecutor, whenPlanIs } from '../test/held-executor.ts';
import { startDuties } from './duties.ts';
import { executorMeters } from './metrics.ts';

const ada = { actor: { id: 'ada', roles: ['admin' as const] } };
const server = useTestRedis();
let redis: InspectedRedis;
let store: Store;
let executor: HeldExecutor;
beforeEach(async () => {
  redis = inspectRedis(server.url);
  store = openStore({ redis: { url: server.url } });
  executor = await startHeldExecutor({ redisUrl: server.url });
});
afterEach(async () => {
  await redis.limitMemory(0);
  await executor.close();
  await store.close();
  redis.close();
});

const saidFull = () => expect.poll(() => executor.log.join('\n'), { timeout: 10_000 }).toMatch(/trying again.*Redis is full/);
const typesOf = async (planId: string): Promise<string[]> =>
  (await store.readEvents(planId)).map(({ type }) => type).filter((type) => type.startsWith('step.'));

/** Resolves once the lock of the step's job has been renewed. */
async function whenRenewed(planId: string, stepId: string): Promise<void> {
  let last = 0;
  const rose = async (): Promise<boolean> => {
    const left = await redis.client.pttl(`{cs0}:bull:steps:${planId}-${stepId}-1:lock`);
    const isLonger = last > 0 && left > last;
    last = left;
    return isLonger;
  };
  await expect.poll(rose, { timeout: 10_000, interval: 20 }).toBe(true);
}

test('a result is recorded once there is memory: the same attempt, one call, and its lease is kept meanwhile', async () => {
  const planId = await launch(store, [{ id: 'a' }, { id: 'b', dependsOn: ['a'] }]);
  const first = await executor.called();
  await redis.limitMemory(1);
  const before = await redis.keyspace();
  await whenRenewed(planId, 'a');
  first.end('done');
  await saidFull();
  await whenRenewed(planId, 'a');
  // Locks are renewed, what says when a queue was last checked goes after a second, and a worker takes what wakes it.
  const passing = /:(lock|stalled-check|marker)$/;
  const without = (all: Record<string, unknown>) => Object.fromEntries(Object.entries(all).filter(([key]) => !passing.test(key)));
  const { '{cs0}:bull:steps:stalled': _marked, ...held } = without(before);
  expect(without(await redis.keyspace())).toMatchObject(held);
  await redis.limitMemory(0);
  (await executor.called(1)).end('done, too');
  await whenPlanIs(store, planId, 'completed');
  expect(executor.calls).toHaveLength(2);
  expect(await typesOf(planId)).toEqual([
    'step.ready',
    'step.queued',
    'step.started',
    'step.completed',
    'step.ready',
    'step.queued',
    'step.started',
    'step.completed',
  ]);
});

test('a failure is recorded, and another attempt made, once there is memory', async () => {
  const planId = await launch(store, [{ id: 'a', retry: { maxAttempts: 2, delayMs: 0 } }]);
  const first = await executor.called();
  await redis.limitMemory(1);
  first.fail(new Error('not yet'));
  await saidFull();
  await redis.limitMemory(0);
  const second = await executor.called(1);
  expect(second.ctx.attempt).toBe(2);
  second.end('done');
  await whenPlanIs(store, planId, 'completed');
});

test('an attempt that becomes due is made once there is memory', async () => {
  const planId = await launch(store, [{ id: 'a', retry: { maxAttempts: 2, delayMs: 300 } }]);
  (await executor.called()).fail(new Error('not yet'));
  await expect.poll(() => typesOf(planId)).toContain('step.retrying');
  await redis.limitMemory(1);
  await expect.poll(() => executor.log.join('\n'), { timeout: 10_000 }).toMatch(/OOM|Redis is full/);
  expect(executor.calls).toHaveLength(1);
  await redis.limitMemory(0);
  (await executor.called(1)).end('done');
  await whenPlanIs(store, planId, 'completed');
});

test('a cancel aborts the running tool, and nothing else is recorded', async () => {
  const planId = await launch(store, [{ id: 'a' }, { id: 'b', dependsOn: ['a'] }]);
  const { ctx } = await executor.called();
  await redis.limitMemory(1);
  expect(await store.cancelPlan(planId, ada)).toMatchObject({ ok: true });
  await expect.poll(() => ctx.signal.aborted, { timeout: 10_000 }).toBe(true);
  await expect.poll(() => executor.log.join('\n'), { timeout: 10_000 }).toMatch(/late result refused|plan_not_executing/);
  await redis.limitMemory(0);
  expect((await store.getPlan(planId))?.status).toBe('cancelled');
  expect((await typesOf(planId)).slice(-2)).toEqual(['step.cancelled', 'step.cancelled']);
});

test('duties go on by themselves', async () => {
  const HOUR_MS = 3_600_000;
  let runs = 0;
  const log: string[] = [];
  const say = (_fields: object, message: string): number => log.push(message);
  const duties = await startDuties({
    store,
    logger: { debug() {}, info() {}, warn: say, error: say },
    meters: { ...executorMeters(new Metrics()), dutyRun: (duty) => (duty === 'clock' ? runs++ : null) },
    everyMs: { reconcile: HOUR_MS, clock: 100, webhooks: HOUR_MS, retention: HOUR_MS },
  });
  try {
    await expect.poll(() => runs, { timeout: 10_000 }).toBeGreaterThan(1);
    await redis.limitMemory(1);
    await expect.poll(() => log, { timeout: 10_000 }).toContain('queue connection');
    await redis.limitMemory(0);
    const before = runs;
    await expect.poll(() => runs, { timeout: 20_000 }).toBeGreaterThan(before + 2);
  } finally {
    await redis.limitMemory(0);
    await duties.close();
  }
});
