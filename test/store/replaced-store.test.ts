/** A Redis that is not the one any more that processes began with: nothing of it may read as "there is nothing". */
import { type EmbeddedRedis, StoreReplacedError, startEmbeddedRedis } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ANN, createPlan, createPlanIn, planOf, requestOf, stepsNamed } from './sharded-store.ts';
import { codesOf, prepareStore, type WatchedOptions, type WatchedStore } from './watched-store.ts';

const READY = { ready: true };
const REPLACED = { ready: false, code: 'store_replaced' };
/** so seldom that calls have to find out by themselves */
const SELDOM = { checkEveryMs: 600_000 };

let server: EmbeddedRedis;
let redis: Redis;
const cleanUps: (() => unknown)[] = [];
beforeAll(async () => {
  server = await startEmbeddedRedis();
  redis = new Redis(server.url);
});
beforeEach(() => redis.flushall());
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function prepare(options?: WatchedOptions): Promise<WatchedStore> {
  const store = await prepareStore(server.url, options);
  cleanUps.push(() => store.close());
  return store;
}

const createTask = (store: WatchedStore) => store.createTask({ request: requestOf('look'), actor: ANN });
const identityOf = (shard: number): Promise<string | null> => redis.get(`{cs${shard}}:store`);

/** How many connections wait with a command that blocks. */
async function waitingAt(command: string): Promise<number> {
  const lines = String(await redis.client('LIST')).split('\n');
  return lines.filter((line) => line.includes(` cmd=${command} `) && / flags=\w*b/.test(line)).length;
}

async function untilReplaced(store: WatchedStore): Promise<void> {
  await expect.poll(() => codesOf(store)).toEqual(['replaced']);
}

describe('the identity', () => {
  test('is one for all processes that prepare an empty Redis at the same time', async () => {
    const stores = await Promise.all(Array.from({ length: 12 }, () => prepare({ shards: 3 })));
    expect(new Set([await identityOf(0), await identityOf(1), await identityOf(2), null]).size).toBe(4);
    for (const store of stores) expect((await store.listPlans({ limit: 1 })).items).toEqual([]);
    const [first, ...others] = stores as [WatchedStore, ...WatchedStore[]];
    const id = await createPlanIn(first, 2, { draft: { steps: stepsNamed('a') } });
    for (const store of others) expect((await planOf(store, id)).id).toBe(id);
    expect(stores.flatMap(({ said }) => said).filter((line) => line.startsWith('error'))).toEqual([]);
  });

  test('is given to what an earlier release has left without one, and to shards that come later', async () => {
    await prepare();
    await redis.del('{cs0}:store');
    const first = await prepare({ creates: true });
    const identity = await identityOf(0);
    await prepare({ shards: 2, creates: true });
    expect(await identityOf(0)).toBe(identity);
    expect(await identityOf(1)).toMatch(/^[0-9a-f]{16}$/);
    expect(await first.readiness()).toEqual(READY);
  });
});

describe('a Redis that was emptied', () => {
  test('answers no call and takes nothing, from the first call on', async () => {
    const store = await prepare(SELDOM);
    const id = await createPlan(store, { steps: stepsNamed('a') });
    await redis.flushall();
    const [task] = await Promise.allSettled([createTask(store)]);
    const calls: Record<string, () => Promise<unknown>> = {
      createTask: () => createTask(store),
      createPlan: () => createPlan(store, { steps: stepsNamed('a') }),
      getPlan: () => store.getPlan(id),
      getTask: () => store.getTask('tsk_0000000000000000000000'),
      listPlans: () => store.listPlans({ limit: 10 }),
      listTasks: () => store.listTasks({ limit: 10 }),
      listApprovals: () => store.listApprovals(),
      listTools: () => store.listTools(),
      readEvents: () => store.readEvents(id),
      cancelPlan: () => store.cancelPlan(id, { actor: ANN }),
      claimStep: () => store.claimStep({ planId: id, stepId: 'a', generation: 1, delivery: 1 }, { token: 't', executor: 'test' }),
      completeStep: () => store.completeStep({ planId: id, stepId: 'a', token: 't' }, '1'),
      findAnswer: () => store.findAnswer({ key: 'k', fingerprint: 'f' }),
      findKey: () => store.findKey('key_0000000000000000000000'),
      readTotals: () => store.readTotals(),
      ping: () => store.ping(),
    };
    for (const [name, call] of Object.entries(calls)) await expect(call(), name).rejects.toThrow(StoreReplacedError);
    expect(task).toMatchObject({
      status: 'rejected',
      reason: expect.objectContaining({ message: expect.stringContaining('was emptied') }),
    });
    expect(await store.readiness()).toMatchObject(REPLACED);
    expect(await redis.dbsize()).toBe(0);
  });

  test('is told loudly, once, by a process that does nothing', async () => {
    const store = await prepare();
    const identity = await identityOf(0);
    await redis.flushall();
    await untilReplaced(store);
    const loud = () => store.said.filter((line) => line.startsWith('error'));
    expect(loud()).toEqual([
      expect.stringContaining(`error (replaced): Redis holds no store under {cs0}, and this process has worked with`),
    ]);
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await expect.poll(() => codesOf(store)).toEqual(['replaced', 'eviction']);
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    expect(loud()).toHaveLength(2);
    expect(await store.readiness()).toMatchObject({ ...REPLACED, reason: expect.stringContaining(`${identity}`) });
  });

  test('is a new store to processes that start then, and none to those from before', async () => {
    const before = await prepare();
    await redis.flushall();
    await untilReplaced(before);
    const after = await prepare();
    expect(after.said).toEqual(['info: no store was here: a new one begins']);
    expect(await createTask(after)).toMatchObject({ ok: true });
    const there = `Redis holds the store ${await identityOf(0)} under {cs0}`;
    await expect.poll(() => before.findings()[0]?.message).toContain(there);
    await expect(createTask(before)).rejects.toThrow(there);
    expect((await after.listTasks({ limit: 10 })).items).toHaveLength(1);
  });

  test('ends the streams of events that wait', async () => {
    const store = await prepare();
    const id = await createPlan(store, { steps: stepsNamed('a') }, { quorum: 1 });
    const events = store.tailEvents(id, { signal: AbortSignal.timeout(20_000) })[Symbol.asyncIterator]();
    expect((await events.next()).value?.type).toBe('plan.created');
    expect((await events.next()).value?.type).toBe('plan.submitted');
    const ended = expect(events.next()).rejects.toThrow(StoreReplacedError);
    await expect.poll(() => waitingAt('xread')).toBe(1);
    await redis.flushall();
    await ended;
  });
});

describe('another store in its place', () => {
  test('has its jobs left alone, and all goes on when the right one is back', async () => {
    const store = await prepare();
    const identity = (await identityOf(0)) as string;
    const taken: string[] = [];
    const consumer = store.consumePlanning(async () => void taken.push('job'), { concurrency: 1, onError: () => {} });
    cleanUps.push(() => consumer.close());
    await redis.set('{cs0}:store', 'another');
    await untilReplaced(store);

    const other = await prepare();
    const itsOwn: string[] = [];
    const itsConsumer = other.consumePlanning(async () => void itsOwn.push('job'), { concurrency: 1, onError: () => {} });
    for (let number = 0; number < 20; number++) await createTask(other);
    await expect.poll(() => itsOwn.length, { timeout: 10_000 }).toBe(20);
    expect(taken).toEqual([]);
    await itsConsumer.close();
    // It does not even wait there: what wakes it would be missed by whom it is for.
    await expect.poll(() => waitingAt('bzpopmin'), { timeout: 10_000 }).toBe(0);

    await redis.set('{cs0}:store', identity);
    await expect.poll(() => codesOf(store)).toEqual([]);
    expect(store.said.at(-1)).toBe('info (replaced): Redis holds the store again that this process has worked with');
    expect(await createTask(store)).toMatchObject({ ok: true });
    await expect.poll(() => taken.length, { timeout: 10_000 }).toBe(1);
  });

  test('a fresh server on the same port is refused, and the old one with its file taken again', async () => {
    const first = await startEmbeddedRedis();
    cleanUps.push(() => first.stop());
    const store = await prepareStore(first.url);
    cleanUps.push(() => store.close());
    const id = await createPlan(store, { steps: stepsNamed('a') });
    await first.kill();
    const fresh = await startEmbeddedRedis({ port: first.port });
    cleanUps.push(() => fresh.stop());
    await expect.poll(() => store.readiness(), { timeout: 10_000 }).toMatchObject(REPLACED);
    await expect(store.getPlan(id)).rejects.toThrow(StoreReplacedError);
    await fresh.stop();
    const again = await startEmbeddedRedis({ port: first.port, dataDir: first.dataDir });
    cleanUps.push(() => again.stop());
    await expect.poll(() => store.readiness(), { timeout: 10_000 }).toEqual(READY);
    expect((await planOf(store, id)).id).toBe(id);
  });
});

describe('one shard of several', () => {
  test('that was emptied makes the whole store another one, and is named at the next start', async () => {
    const store = await prepare({ shards: 3, creates: true });
    const id = await createPlanIn(store, 1, { draft: { steps: stepsNamed('a') } });
    await redis.del(await redis.keys('{cs1}:*'));
    await expect(store.getPlan(id)).rejects.toThrow(StoreReplacedError);
    await untilReplaced(store);
    expect(await store.readiness()).toMatchObject({ ...REPLACED, reason: expect.stringContaining('no store under {cs1}') });
    const next = await prepare({ shards: 3, creates: true });
    expect(next.said).toEqual([expect.stringContaining('error: the shard {cs1} is empty, although plans were created in it')]);
    expect(await next.readiness()).toEqual(READY);
  });
});
