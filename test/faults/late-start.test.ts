/** Services that start while Redis cannot do what they need yet: they wait for it, and say so. */
import { openStore } from '@countersign/store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ServiceProcess, startService } from '../e2e/processes.ts';
import { send, startTestRedis, type TestRedis } from '../redis/test-redis.ts';

let redis: TestRedis;
let executor: ServiceProcess;
beforeAll(async () => {
  redis = await startTestRedis();
  const store = openStore({ redis: { url: redis.url } });
  expect(await store.prepare({ info() {}, warn() {}, error() {} }, new AbortController().signal, { creates: true })).toEqual({ ok: true });
  await store.close();
});
afterAll(async () => {
  await executor?.end('SIGKILL');
  await redis?.stop();
});

test('an executor that starts while Redis takes no writes goes to work once it does', async () => {
  await send(redis.url, 'CONFIG SET maxmemory 1');
  executor = startService('executor', { REDIS_URL: redis.url });
  const { error } = await executor.logged(({ message }) => message === 'Redis is away: trying again');
  expect(error).toContain('OOM');
  await send(redis.url, 'CONFIG SET maxmemory 0');
  await executor.logged(({ message }) => message === 'started');
  expect(await executor.end('SIGTERM')).toBe(0);
});

test('one that is asked to go meanwhile goes', async () => {
  await send(redis.url, 'CONFIG SET maxmemory 1');
  executor = startService('executor', { REDIS_URL: redis.url });
  await executor.logged(({ message }) => message === 'Redis is away: trying again');
  expect(await executor.end('SIGTERM')).toBe(0);
});
