import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type EmbeddedRedis, startEmbeddedRedis } from './embedded-redis.ts';
import { checkRedis, judgeRedis } from './redis-check.ts';

let server: EmbeddedRedis;
let client: Redis;
let lines: string[];
const logger = {
  warn: (_fields: object, message: string) => lines.push(`warn: ${message}`),
  error: (_fields: object, message: string) => lines.push(`error: ${message}`),
};

beforeAll(async () => {
  server = await startEmbeddedRedis();
  client = new Redis(server.url);
});
afterAll(async () => {
  client.disconnect();
  await server.stop();
});
beforeEach(async () => {
  lines = [];
  await client.config('SET', 'maxmemory-policy', 'noeviction', 'appendonly', 'yes');
});

test('a server as it should be: nothing is said', async () => {
  const check = await checkRedis(client, logger);
  expect(check).toMatchObject({ ok: true, cluster: false, findings: [] });
  expect(check.version).toMatch(/^\d+\.\d+/);
  expect(lines).toEqual([]);
});

test('a policy that evicts is refused, with what would be right', async () => {
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
  expect((await checkRedis(client, logger)).ok).toBe(false);
  expect(lines).toEqual([
    'error: Redis has maxmemory-policy allkeys-lru: it would drop plans when memory runs short; set maxmemory-policy noeviction',
  ]);
});

test('no append-only file is allowed, loudly', async () => {
  await client.config('SET', 'appendonly', 'no');
  expect((await checkRedis(client, logger)).ok).toBe(true);
  expect(lines).toEqual([expect.stringContaining('warn: Redis has appendonly no: PLANS AND APPROVALS ARE LOST')]);
});

test('a user who may not read INFO gets a warning, not a refusal', async () => {
  await client.acl('SETUSER', 'limited', 'on', '>pass', '~*', '+@all', '-info');
  const limited = new Redis(server.port, '127.0.0.1', { username: 'limited', password: 'pass', enableReadyCheck: false });
  try {
    expect(await checkRedis(limited, logger)).toMatchObject({ ok: true, version: null });
    expect(lines).toEqual([expect.stringContaining('warn: Redis does not let INFO be read')]);
  } finally {
    limited.disconnect();
  }
});

test('a wrong password, and none where one is needed: refused, without saying which one it was', async () => {
  const guarded = await startEmbeddedRedis();
  const admin = new Redis(guarded.url);
  await admin.config('SET', 'requirepass', 'right');
  const clients = ['wrong', undefined].map((password) => {
    const client = new Redis(guarded.port, '127.0.0.1', { lazyConnect: true, ...(password && { password }) });
    return client.on('error', () => {});
  });
  try {
    for (const each of clients) expect((await checkRedis(each, logger)).ok).toBe(false);
    expect(lines).toEqual([expect.stringContaining('(WRONGPASS)'), expect.stringContaining('(NOAUTH)')]);
    expect(lines.join()).not.toMatch(/wrong|right/);
  } finally {
    for (const each of clients) each.disconnect();
    await admin.config('SET', 'requirepass', '');
    admin.disconnect();
    await guarded.stop();
  }
});

test('CONFIG forbidden, as managed servers do: everything is still known', async () => {
  await client.acl('SETUSER', 'managed', 'on', '>pass', '~*', '+@all', '-config');
  const managed = new Redis(server.port, '127.0.0.1', { username: 'managed', password: 'pass' });
  try {
    expect((await checkRedis(managed, logger)).findings).toEqual([]);
  } finally {
    managed.disconnect();
  }
});

test('a read-only replica is refused and its primary named', async () => {
  const replica = await startEmbeddedRedis();
  const replicaClient = new Redis(replica.url);
  try {
    await replicaClient.replicaof('127.0.0.1', server.port);
    const check = await checkRedis(replicaClient, logger);
    expect(check.findings).toEqual([expect.objectContaining({ severity: 'refuse', code: 'replica' })]);
  } finally {
    replicaClient.disconnect();
    await replica.stop();
  }
});

test.each([
  ['6.0.16', false],
  ['5.0.14', false],
  ['6.2.0', true],
  ['7.0.15', true],
  ['10.0.0', true],
])('version %s: accepted is %s', async (version, ok) => {
  const info = (await client.info()).replace(/redis_version:.*/, `redis_version:${version}`);
  expect(judgeRedis(info).ok).toBe(ok);
  if (!ok) expect(judgeRedis(info).findings[0]?.message).toBe(`Redis is ${version}; Countersign needs 6.2 or newer`);
});

test('a node of a cluster is recognised', async () => {
  expect(judgeRedis((await client.info()).replace('cluster_enabled:0', 'cluster_enabled:1')).cluster).toBe(true);
});
