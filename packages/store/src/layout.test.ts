import { once } from 'node:events';
import { DEFAULT_POLICY, type PolicyDecision } from '@countersign/shared';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { restoreFormerLayout } from '../../../test/redis/former-layout.ts';
import { shardConnection } from './connection.ts';
import { type EmbeddedRedis, startEmbeddedRedis } from './embedded-redis.ts';
import { bringLayoutUp, type LayoutOptions } from './layout.ts';
import { connectionName } from './layout-clients.ts';
import { firstShard } from './migrations/1-first-shard.ts';
import type { Migration, MigrationContext } from './migrations/migration.ts';
import { StoreSockets } from './store-sockets.ts';

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

/** A process, as far as the layout is concerned, with what it said. */
function openProcess(url = server.url) {
  const sockets = new StoreSockets({ redis: { url }, name: connectionName('{cs0}'), commandTimeoutMs: 5_000, onError: () => {} });
  const connection = shardConnection(sockets, { tag: 'cs', shard: 0 });
  cleanUps.push(() => sockets.close());
  const said: string[] = [];
  const logger = { info: (_fields: object, text: string) => said.push(text), warn: (_fields: object, text: string) => said.push(text) };
  const states: string[] = [];
  const prepare = (options: Partial<LayoutOptions> = {}) =>
    bringLayoutUp({
      connection,
      logger,
      signal: AbortSignal.timeout(30_000),
      onState: (state) => states.push(state),
      ...options,
    });
  return { connection, said, states, prepare };
}

const keysUnder = async (tag: string): Promise<string[]> => (await redis.keys(`${tag}:*`)).map((key) => key.slice(tag.length + 1)).sort();

/** What a key holds, in an order of its own where Redis has none. */
async function readKey(from: Redis, key: string): Promise<unknown> {
  const type = await from.type(key);
  if (type === 'string') return from.get(key);
  if (type === 'hash') return Object.entries(await from.hgetall(key)).sort();
  if (type === 'list') return from.lrange(key, 0, -1);
  if (type === 'set') return (await from.smembers(key)).sort();
  if (type === 'zset') return from.zrangebyscore(key, '-inf', '+inf', 'WITHSCORES');
  return from.xrange(key, '-', '+');
}

/** All that is kept under `{cs0}`, but for who brought it there and when. */
async function content(from = redis): Promise<Record<string, unknown>> {
  const keys = (await from.keys('{cs0}:*')).filter((key) => !key.startsWith('{cs0}:layout')).sort();
  return Object.fromEntries(await Promise.all(keys.map(async (key) => [key, await readKey(from, key)])));
}

/** Aborts before the report of that number, as if the process were killed there. */
const killedAt = (number: number): Migration => ({
  ...firstShard,
  run({ report, ...context }: MigrationContext) {
    let reports = 0;
    return firstShard.run({
      ...context,
      report: async (progress) => {
        if (++reports === number) throw new Error('killed');
        await report(progress);
      },
    });
  },
});

const MARKERS = ['conditions', 'plans', 'tasks', 'tools'];

describe('which layout there is', () => {
  test('an empty Redis gets the layout of this release at once, whoever comes first', async () => {
    expect(await Promise.all([openProcess().prepare(), openProcess().prepare()])).toEqual([{ ok: true }, { ok: true }]);
    expect(await redis.hgetall('{cs0}:layout')).toMatchObject({ number: '1', build: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });

  test('a newer one is refused, with the release that is needed', async () => {
    await redis.hset('{cs0}:layout', 'number', 2, 'build', '9.1.0');
    const { prepare } = openProcess();
    const problem = expect.stringMatching(/has layout 2, written by Countersign 9\.1\.0; this is .* up to 1: start 9\.1\.0 or newer/);
    expect(await prepare()).toEqual({ ok: false, problem });
    expect(await keysUnder('{cs0}')).toEqual(['layout']);
  });

  test('what has been used without a number is layout 0, also where nothing has to move', async () => {
    await redis.hset('{cs0}:tools', 'a', '{}');
    const { prepare, said } = openProcess();
    expect(await prepare()).toEqual({ ok: true });
    expect(said).toEqual([expect.stringContaining('migration to layout 1 begins'), 'migration to layout 1 is done']);
    expect(await redis.hget('{cs0}:tools', 'a')).toBe('{}');
  });
});

describe('from layout 0', () => {
  beforeEach(() => restoreFormerLayout(server.url));

  test('everything moves, and what has ended is indexed by when it did', async () => {
    const before = (await keysUnder('{cs}')).filter((key) => !key.startsWith('bull:maintenance:'));
    const { prepare, states } = openProcess();
    expect(await prepare()).toEqual({ ok: true });
    expect(await keysUnder('{cs}')).toEqual(MARKERS);
    const made = ['layout', 'plans:ended', 'tasks:ended'];
    expect(await keysUnder('{cs0}')).toEqual([...before, ...made].sort());
    expect(states.at(-1)).toMatch(/^what lies in Redis is brought to layout 1: (\d+) of \1$/);
    const ended = ['completed', 'failed', 'rejected', 'cancelled'].map((status) => redis.zrange(`{cs0}:plans:${status}`, '0', '-1'));
    const ids = (await Promise.all(ended)).flat();
    expect((await redis.zrange('{cs0}:plans:ended', '0', '-1')).sort()).toEqual(ids.sort());
    expect(ids.length).toBe(4);
    for (const id of ids) expect(await redis.zscore('{cs0}:plans:ended', id)).toBe(await redis.hget(`{cs0}:plan:${id}`, 'finishedAt'));
    expect((await redis.zrange('{cs0}:tasks:ended', '0', '-1')).length).toBe(2);
  });

  test('plans get the decision of the default policy, and those that were approved the record of it', async () => {
    await openProcess().prepare();
    const ids = await redis.zrange('{cs0}:plans', '0', '-1');
    const seen: string[] = [];
    for (const id of ids) {
      const [text, quorum, submitters] = await redis.hmget(`{cs0}:plan:${id}`, 'policy', 'quorum', 'submitters');
      const decision = JSON.parse(text ?? 'null') as PolicyDecision;
      const demands = quorum === '0' ? [] : [{ count: Number(quorum), roles: [], notSubmitter: false }];
      expect(decision).toMatchObject({ version: DEFAULT_POLICY.version, rule: null, demands });
      expect(JSON.parse(submitters ?? '[]')).toContain(await redis.hget(`{cs0}:plan:${id}`, 'createdBy'));
      const [state, approved] = await redis.hmget(`{cs0}:plan:${id}:steps`, '@', '=');
      const [status = '', , revision] = state?.split('|') ?? [];
      expect(approved).toBe(['draft', 'pending_approval', 'rejected', 'cancelled'].includes(status) ? null : revision);
      for (const vote of await redis.lrange(`{cs0}:plan:${id}:votes`, 0, -1)) {
        expect(JSON.parse(vote)).toMatchObject({
          roles: [],
          policy: DEFAULT_POLICY.version,
          digest: await redis.hget(`{cs0}:plan:${id}`, 'digest'),
        });
        seen.push(status);
      }
    }
    expect(seen).toContain('pending_approval');
  });

  test('what lives for a time goes on doing so', async () => {
    const [key = ''] = await redis.keys('{cs}:idem:*');
    await openProcess().prepare();
    expect(await redis.pttl(key.replace('{cs}', '{cs0}'))).toBeGreaterThan(80_000_000);
  });

  test('killed between two batches, the next process finishes it, with the same end', async () => {
    await openProcess().prepare();
    const whole = await content();
    for (let at = 1; ; at++) {
      await redis.flushall();
      await restoreFormerLayout(server.url);
      const killed = await openProcess()
        .prepare({ migrations: [killedAt(at)] })
        .catch((error: Error) => error.message);
      if (killed !== 'killed') {
        expect(at).toBeGreaterThan(5);
        return;
      }
      expect(await redis.hget('{cs0}:layout', 'number')).toBeNull();
      expect(await openProcess().prepare()).toEqual({ ok: true });
      expect(await keysUnder('{cs}')).toEqual(MARKERS);
      expect(await content()).toEqual(whole);
    }
  });

  test('run once more after its end it changes nothing', async () => {
    await openProcess().prepare();
    const whole = await content();
    await redis.hdel('{cs0}:layout', 'number');
    await redis.hset('{cs0}:layout', 'migrating', 1);
    expect(await openProcess().prepare()).toEqual({ ok: true });
    expect(await content()).toEqual(whole);
  });

  test('one process migrates while the others wait, and another goes on when it is killed', async () => {
    let die = (): void => {};
    const reached = new Promise<void>((resolve) => {
      const standing: Migration = {
        ...firstShard,
        run: async ({ report }) => {
          await report({ done: 3, total: 10 });
          resolve();
          await new Promise<void>((_resolve, reject) => {
            die = () => reject(new Error('killed'));
          });
        },
      };
      cleanUps.push(() => die());
      openProcess()
        .prepare({ migrations: [standing], lockMs: 60_000 })
        .catch(() => {});
    });
    await reached;
    const others = [openProcess(), openProcess()];
    const prepared = Promise.all(others.map(({ prepare }) => prepare()));
    await expect
      .poll(() => others.map(({ states }) => states.at(-1)))
      .toEqual(Array(2).fill('another process brings what lies in Redis to layout 1: 3 of 10'));
    expect(others[0]?.said).toContain('not ready: another process brings what lies in Redis to layout 1: 3 of 10');
    expect(await redis.pttl('{cs0}:layout:lock')).toBeGreaterThan(0);
    // As if its process had been killed and the lock had run out.
    await redis.del('{cs0}:layout:lock');
    expect(await prepared).toEqual([{ ok: true }, { ok: true }]);
    expect(others.flatMap(({ said }) => said).filter((text) => text === 'migration to layout 1 is done')).toHaveLength(1);
  });

  test('who has lost the lock writes nothing down any more', async () => {
    const stolen: Migration = {
      ...firstShard,
      run: async ({ report }) => {
        await redis.set('{cs0}:layout:lock', 'another');
        await report({ done: 1, total: 1 });
      },
    };
    await expect(openProcess().prepare({ migrations: [stolen] })).rejects.toThrow('another process has taken over the migration');
    expect(await redis.get('{cs0}:layout:lock')).toBe('another');
    expect(await redis.hget('{cs0}:layout', 'number')).toBeNull();
  });

  test('a process that is asked to end while it migrates lets go at the next batch', async () => {
    const ending = new AbortController();
    const slow: Migration = {
      ...firstShard,
      run: async ({ report }) => {
        ending.abort(new Error('asked to end'));
        await report({ done: 1, total: 2 });
      },
    };
    await expect(openProcess().prepare({ migrations: [slow], signal: ending.signal })).rejects.toThrow('asked to end');
    expect(await redis.exists('{cs0}:layout:lock')).toBe(0);
  });

  test.each([
    ['a worker of the release without numbers', '{cs}:bull:c3RlcHM='],
    ['any process of an older layout', connectionName('{cs0}', 0)],
  ])('%s is waited for: it would go on writing', async (_who, name) => {
    const older = new Redis(server.url, { connectionName: name });
    cleanUps.push(() => older.disconnect());
    await once(older, 'ready');
    const { prepare, states } = openProcess();
    const prepared = prepare();
    await expect.poll(() => states.at(-1)).toMatch(/^processes of an older release are still connected, from 127\.0\.0\.1; stop them/);
    expect(await redis.exists('{cs}:plans')).toBe(1);
    older.disconnect();
    expect(await prepared).toEqual({ ok: true });
  });

  test('processes of this release, and connections of others, are no older ones', async () => {
    for (const name of [connectionName('{cs0}'), '{cs0}:bull:c3RlcHM=', '{other}:bull:c3RlcHM=', 'dashboard']) {
      const other = new Redis(server.url, { connectionName: name });
      cleanUps.push(() => other.disconnect());
      await once(other, 'ready');
    }
    const { prepare, states } = openProcess();
    expect(await prepare()).toEqual({ ok: true });
    expect(states.join()).not.toContain('older');
  });

  test('who may not see the others is told to look after them, and migrates', async () => {
    await redis.acl('SETUSER', 'blind', 'on', '>pass', '~*', '&*', '+@all', '-client', '+client|setname');
    const { prepare, said } = openProcess(server.url.replace('redis://', 'redis://blind:pass@'));
    expect(await prepare()).toEqual({ ok: true });
    expect(said).toContainEqual(expect.stringMatching(/may not see who else is connected .* stop all older processes yourself/));
  });

  test('an older process that comes too late cannot write, so that nothing is lost unseen', async () => {
    await openProcess().prepare();
    await expect(redis.zadd('{cs}:tasks', 0, 'tsk_late')).rejects.toThrow('WRONGTYPE');
    await expect(redis.hset('{cs}:tools', 'late', '{}')).rejects.toThrow('WRONGTYPE');
  });

  test('plans under both tags: refused, because nobody knows which are right', async () => {
    await redis.zadd('{cs0}:plans', 0, 'pln_other');
    const before = await keysUnder('{cs}');
    expect(await openProcess().prepare()).toEqual({ ok: false, problem: expect.stringMatching(/under \{cs\} and.* \{cs0\}.*remove/) });
    expect(await keysUnder('{cs}')).toEqual(before);
  });
});

test('on a cluster, where both tags lie in different slots, keys are copied', async () => {
  const node = await startEmbeddedRedis({ settings: { 'cluster-enabled': 'yes' } });
  cleanUps.push(() => node.stop());
  const client = new Redis(node.url);
  cleanUps.push(() => client.disconnect());
  await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await expect.poll(() => client.cluster('INFO'), { timeout: 20_000 }).toContain('cluster_state:ok');
  await restoreFormerLayout(server.url);
  await openProcess().prepare();
  await restoreFormerLayout(node.url);
  expect(await openProcess(node.url).prepare()).toEqual({ ok: true });
  expect(await content(client)).toEqual(await content());
  const [key = ''] = await client.keys('{cs0}:idem:*');
  expect(await client.pttl(key)).toBeGreaterThan(80_000_000);
});
