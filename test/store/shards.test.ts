/** A store of several shards, on one Redis: to its callers it is one. */
import { DEFAULT_POLICY, type Event, shardOf } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { useTestRedis } from '../redis/test-redis.ts';
import { ANN, createPlan, createPlanIn, planOf, requestOf, stepsNamed, takeSteps } from './sharded-store.ts';

const SHARDS = 3;
const ALL = [0, 1, 2];

const server = useTestRedis();
let store: Store;
let redis: Redis;
let now: number | null;
const cleanUps: (() => Promise<unknown>)[] = [];

function open(shards: number): Store {
  const opened = openStore({ redis: { url: server.url }, shards, clock: () => now ?? Date.now() });
  cleanUps.push(() => opened.close());
  return opened;
}

beforeEach(() => {
  now = null;
  redis = new Redis(server.url);
  store = open(SHARDS);
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  redis.disconnect();
});

async function createTask(by: Store, objective = 'look', key?: string): Promise<string> {
  const idempotency = key === undefined ? undefined : { key, fingerprint: objective };
  const created = await by.createTask({ request: requestOf(objective), actor: ANN, idempotency });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

async function* pagesOf<Item>(list: (cursor?: string) => Promise<{ items: Item[]; nextCursor: string | null }>): AsyncGenerator<Item[]> {
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = await list(cursor);
    yield items;
    cursor = nextCursor ?? undefined;
  } while (cursor !== undefined);
}

async function collect<Item>(source: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of source) items.push(item);
  return items;
}

const newestFirst = (ids: readonly string[]): string[] => [...ids].sort().reverse();

describe('what is new', () => {
  test('goes to every shard, and is found by its id with all that belongs to it there', async () => {
    const ids = await Promise.all(Array.from({ length: 60 }, () => createTask(store)));
    expect([...new Set(ids.map(shardOf))].sort()).toEqual(ALL);
    for (const id of ids.slice(0, 6)) {
      expect(await store.getTask(id)).toMatchObject({ id, status: 'queued' });
      expect(await redis.exists(`{cs${shardOf(id)}}:task:${id}`)).toBe(1);
    }
    const jobs = await Promise.all(ALL.map((shard) => redis.llen(`{cs${shard}}:bull:planning:wait`)));
    expect(jobs.reduce((sum, count) => sum + count)).toBe(60);
  });

  test('a plan lies where its task does', async () => {
    for (let i = 0; i < 12; i++) {
      const id = await createTask(store);
      await store.startPlanning(id, 'token');
      const planId = await createPlan(store, { steps: stepsNamed('a') }, { task: { id, token: 'token' } });
      expect(shardOf(planId)).toBe(shardOf(id));
      expect(await store.getTask(id)).toMatchObject({ status: 'planned', planId });
    }
  });

  test('what belongs to no plan lies in the home shard', async () => {
    await store.announceConditions(['ready']);
    expect(await open(1).listConditions()).toEqual(['ready']);
  });
});

describe('lists', () => {
  test('of plans and tasks are newest first, and every page is full', async () => {
    const tasks: string[] = [];
    const plans: string[] = [];
    for (let i = 0; i < 20; i++) {
      tasks.push(await createTask(store));
      plans.push(await createPlan(store, { steps: stepsNamed('a') }, { quorum: i % 2 }));
    }
    const pages = await collect(pagesOf((cursor) => store.listPlans({ limit: 6, cursor })));
    expect(pages.map(({ length }) => length)).toEqual([6, 6, 6, 2]);
    expect(pages.flat().map(({ id }) => id)).toEqual(newestFirst(plans));
    const waiting = await collect(pagesOf((cursor) => store.listPlans({ status: 'pending_approval', limit: 5, cursor })));
    expect(waiting.map((page) => page.map(({ id }) => id))).toEqual([
      newestFirst(plans.filter((_, at) => at % 2 === 1)).slice(0, 5),
      newestFirst(plans.filter((_, at) => at % 2 === 1)).slice(5),
    ]);
    const listed = await collect(pagesOf((cursor) => store.listTasks({ limit: 7, cursor })));
    expect(listed.flat().map(({ id }) => id)).toEqual(newestFirst(tasks));
  });

  test('of approvals are oldest first', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 12; i++) {
      now = 1_800_000_000_000 + i;
      ids.push(await createPlan(store, { steps: stepsNamed('a') }, { quorum: 1 }));
    }
    expect((await store.listApprovals()).map(({ planId }) => planId)).toEqual(ids);
  });
});

describe('a call with an Idempotency-Key', () => {
  const keys = Array.from({ length: 12 }, (_, i) => `key ${i}`);

  test.each([
    [1, 4],
    [3, 5],
    [4, 64],
  ])('is carried out once, also when it is repeated after %d shards have become %d', async (before, after) => {
    const first = open(before);
    const grown = open(after);
    for (const key of keys) {
      const id = await createTask(first, 'look', key);
      expect(await createTask(grown, 'look', key)).toBe(id);
      expect(await createTask(first, 'look', key)).toBe(id);
    }
    expect((await grown.listTasks({ limit: 100 })).items).toHaveLength(keys.length);
  });

  test.each([1, 2])('is carried out once, also when it is repeated by a process that knows of %d shards and no more yet', async (fewer) => {
    const before = open(fewer);
    const grown = open(8);
    for (const key of keys) {
      const id = await createTask(grown, 'look', key);
      expect(await createTask(before, 'look', key)).toBe(id);
    }
    expect((await grown.listTasks({ limit: 100 })).items).toHaveLength(keys.length);
  });

  test('is carried out once when processes with different numbers of shards are asked at the same time', async () => {
    const stores = [open(1), open(2), store, open(5), open(8)];
    for (const key of keys) {
      const ids = await Promise.all([...stores, ...stores].map((each) => createTask(each, 'look', key)));
      expect(new Set(ids).size).toBe(1);
    }
    expect((await open(8).listTasks({ limit: 100 })).items).toHaveLength(keys.length);
  });

  test('gives its answer again wherever it was carried out, and refuses another body', async () => {
    for (const key of keys) {
      const idempotency = { key, fingerprint: 'look' };
      const id = await createTask(store, 'look', key);
      const answer = { status: 202, body: { task: id } };
      await store.saveAnswer(idempotency, answer, id);
      const replay = { ok: true, value: { resourceId: id, answer } };
      expect(await store.findAnswer(idempotency)).toEqual(replay);
      expect(await open(7).findAnswer(idempotency)).toEqual(replay);
      expect(await store.findAnswer({ ...idempotency, fingerprint: 'other' })).toMatchObject({ refusal: { code: 'idempotency_conflict' } });
      await expect(createTask(store, 'other', key)).rejects.toThrow('another body');
    }
    expect(await store.findAnswer({ key: 'new', fingerprint: 'look' })).toEqual({ ok: true, value: null });
  });

  test.each(ALL)('on a plan of shard %d is remembered beside the plan', async (shard) => {
    const id = await createPlanIn(store, shard, { draft: { steps: stepsNamed('a') }, quorum: 1 });
    const { digest } = await planOf(store, id);
    const idempotency = { key: `approve ${shard}`, fingerprint: 'yes' };
    expect(await store.approvePlan(id, { actor: ANN, digest, policyVersion: DEFAULT_POLICY.version, idempotency })).toMatchObject({
      ok: true,
      value: { replay: null },
    });
    await store.saveAnswer(idempotency, { status: 200, body: 'first' }, id);
    expect(await store.findAnswer(idempotency, id)).toMatchObject({ value: { answer: { body: 'first' } } });
    expect(await store.approvePlan(id, { actor: ANN, digest, policyVersion: DEFAULT_POLICY.version, idempotency })).toMatchObject({
      value: { replay: { resourceId: id } },
    });
  });
});

describe('the number of shards', () => {
  const logger = { info: () => {}, warn: () => {}, error: () => {} };
  const prepared = (shards: number, creates: boolean) => open(shards).prepare(logger, AbortSignal.timeout(20_000), { creates });
  const TOO_FEW = { ok: false, problems: [expect.stringMatching(/^SHARDS: must be 3 or more, and is 2: there are plans in 3 shards/)] };

  test('can grow, and never shrink: fewer are refused, with the number that is needed', async () => {
    expect(await prepared(2, true)).toEqual({ ok: true });
    expect(await prepared(3, true)).toEqual({ ok: true });
    for (const creates of [true, false]) expect(await prepared(2, creates)).toEqual(TOO_FEW);
    expect(await prepared(3, false)).toEqual({ ok: true });
  });

  test('counts once something may be created in them: executors with more can come before', async () => {
    expect(await prepared(2, true)).toEqual({ ok: true });
    expect(await prepared(3, false)).toEqual({ ok: true });
    expect(await prepared(2, true)).toEqual({ ok: true });
  });

  test('while it grows, a process with fewer finds by its id what others have created', async () => {
    const id = await createPlanIn(store, 2, { draft: { steps: stepsNamed('a') }, quorum: 1 });
    const before = open(1);
    const { digest } = await planOf(before, id);
    expect(await before.approvePlan(id, { actor: ANN, digest, policyVersion: DEFAULT_POLICY.version })).toMatchObject({ ok: true });
    expect(await planOf(store, id)).toMatchObject({ status: 'executing' });
    expect((await before.listPlans({ limit: 10 })).items).toEqual([]);
  });
});

describe.each(ALL)('in shard %d', (shard) => {
  test('a plan is approved, runs to its end and tells of it live', async () => {
    const hands = takeSteps(store, 4);
    cleanUps.push(() => hands.close());
    hands.letGo();
    const steps = [...stepsNamed('a', 'b'), ...stepsNamed('c').map((step) => ({ ...step, dependsOn: ['a', 'b'] }))];
    const id = await createPlanIn(store, shard, { draft: { steps }, quorum: 1 });
    const events: Event[] = [];
    const following = (async () => {
      for await (const event of store.tailEvents(id, { signal: AbortSignal.timeout(20_000) })) events.push(event);
    })();
    await store.approvePlan(id, { actor: ANN, digest: (await planOf(store, id)).digest, policyVersion: DEFAULT_POLICY.version });
    await following;
    expect(events.at(-1)?.type).toBe('plan.completed');
    expect(events).toEqual(await store.readEvents(id));
    expect(await planOf(store, id)).toMatchObject({ status: 'completed', progress: { percent: 100 } });
  });

  test('the clock does what is due', async () => {
    now = 1_800_000_000_000;
    const options = { approvalTimeoutMs: 1_000 };
    const id = await createPlanIn(store, shard, { draft: { steps: stepsNamed('a'), options }, quorum: 1 });
    now += 2_000;
    expect(await collect(store.runDue())).toEqual([{ what: 'plan_expired', planId: id, stepId: null }]);
    expect(await planOf(store, id)).toMatchObject({ status: 'expired' });
  });

  test('the reconciler puts right what lost its job', async () => {
    const id = await createPlanIn(store, shard, { draft: { steps: stepsNamed('a') } });
    const queue = store.queues().find((each) => each.name === 'steps' && each.shard === shard);
    await (await queue?.getJob(`${id}-a-1`))?.remove();
    expect(await collect(store.reconcile({ restMs: 0 }))).toEqual([
      { planId: id, taskId: null, stepId: 'a', what: 'step_queued', why: 'job_missing' },
    ]);
  });

  test('a cancel reaches whoever listens, and whoever looks', async () => {
    const halts: unknown[] = [];
    const unsubscribe = await store.onHalt((halt) => halts.push(halt));
    const hands = takeSteps(store, 1);
    cleanUps.push(() => hands.close());
    const id = await createPlanIn(store, shard, { draft: { steps: stepsNamed('a') } });
    await vi.waitFor(() => expect(hands.running.map(({ planId }) => planId)).toContain(id), { timeout: 10_000 });
    await store.cancelPlan(id, { actor: ANN });
    await vi.waitFor(() => expect(halts).toContainEqual({ planId: id, kind: 'cancel' }));
    const other = await createPlanIn(store, (shard + 1) % SHARDS, { draft: { steps: stepsNamed('a') } });
    expect(await store.haltedPlans([id, other])).toEqual([{ planId: id, kind: 'cancel' }]);
    unsubscribe();
  });
});

describe('queues', () => {
  const limitsOf = async (name: string) =>
    Promise.all(ALL.map((shard) => redis.hmget(`{cs${shard}}:bull:${name}:meta`, 'concurrency', 'max', 'duration')));

  test('a limit of the fleet is divided over the shards, and lifted in all of them', async () => {
    await store.limitQueue('mail', { concurrency: 4, rate: { max: 11, durationMs: 1_000 } });
    expect(await limitsOf('mail')).toEqual([
      ['2', '4', '1000'],
      ['1', '4', '1000'],
      ['1', '3', '1000'],
    ]);
    await store.limitQueue('mail', {});
    expect(await limitsOf('mail')).toEqual(ALL.map(() => [null, null, null]));
  });

  test('a limit that cannot be divided changes nothing', async () => {
    await expect(store.limitQueue('mail', { rate: { max: 2, durationMs: 1_000 } })).rejects.toThrow("can't be divided over 3 shards");
    expect(await limitsOf('mail')).toEqual(ALL.map(() => [null, null, null]));
  });

  test('each shard has its own of what plans need, and the fleet one of each that belongs to no plan', () => {
    const named = store.queues(['mail']).map(({ name, shard }) => `${name} ${shard}`);
    const each = ['planning', 'steps', 'reviews', 'mail'].flatMap((name) => ALL.map((shard) => `${name} ${shard}`));
    expect(named.sort()).toEqual([...each, 'maintenance 0', 'webhooks 0'].sort());
  });
});

describe('a process takes so many steps at a time', () => {
  const many = (count: number) => ({
    steps: stepsNamed(...Array.from({ length: count }, (_, i) => `s${i}`)),
    options: { maxParallelSteps: 100 },
  });

  test('over all shards together', async () => {
    const hands = takeSteps(store, 4);
    cleanUps.push(() => hands.close());
    const ids = await Promise.all(ALL.map((shard) => createPlanIn(store, shard, { draft: many(12) })));
    for (let finished = 0; finished < 30; finished++) {
      await vi.waitFor(() => expect(hands.running).toHaveLength(4), { timeout: 10_000 });
      hands.finish();
    }
    hands.letGo();
    for (const id of ids) await expect.poll(async () => (await planOf(store, id)).status, { timeout: 10_000 }).toBe('completed');
    expect(hands.most).toBe(4);
  });

  test('and one shard alone may have all of them', async () => {
    const hands = takeSteps(store, 4);
    cleanUps.push(() => hands.close());
    await createPlanIn(store, 1, { draft: many(8) });
    await vi.waitFor(() => expect(hands.running).toHaveLength(4), { timeout: 10_000 });
    expect(new Set(hands.running.map(({ planId }) => shardOf(planId)))).toEqual(new Set([1]));
  });

  test.each([1, 4])('and with %d a busy shard starves no other', async (concurrency) => {
    const hands = takeSteps(store, concurrency);
    cleanUps.push(() => hands.close());
    const busy = await createPlanIn(store, 0, { draft: many(60) });
    await vi.waitFor(() => expect(hands.running).toHaveLength(concurrency), { timeout: 10_000 });
    const id = await createPlanIn(store, 2, { draft: { steps: stepsNamed('a') } });
    // Each step of the busy plan that ends is a chance; it has enough of them left to keep all places for itself.
    await vi.waitFor(
      () => {
        if (!hands.running.some(({ planId }) => planId === id)) {
          hands.finish(({ planId }) => planId === busy);
          throw new Error('not yet');
        }
      },
      { timeout: 10_000, interval: 20 },
    );
    expect((await planOf(store, busy)).progress.completed).toBeLessThan(60 - concurrency);
  });
});
