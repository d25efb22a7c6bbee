/** Services that start while Redis cannot do what they need yet: they wait for it, and say so. */
import { startExecutor } from '@countersign/executor';
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServiceName, type ServiceProcess, startService } from '../e2e/processes.ts';
import { send, useTestRedis } from '../redis/test-redis.ts';

const redis = useTestRedis();
let closers: (() => Promise<unknown>)[];
beforeEach(async () => {
  closers = [];
  await send(redis.url, 'CONFIG SET maxmemory 1');
});
afterEach(async () => {
  await send(redis.url, 'CONFIG SET maxmemory 0');
  for (const close of closers) await close();
});

function start(name: ServiceName): ServiceProcess {
  const service = startService(name, { REDIS_URL: redis.url, HOST: '127.0.0.1', PORT: '0', PLANNER: 'rules' });
  closers.push(() => service.end('SIGKILL'));
  return service;
}

const saysThatItWaits = (service: ServiceProcess) =>
  service.logged(({ message }) => message === 'Redis cannot be made ready for use yet: trying again');

test.each<ServiceName>(['api', 'planner', 'executor'])('%s: begins once a full Redis has memory again', async (name) => {
  const service = start(name);
  expect((await saysThatItWaits(service)).error).toContain('Redis is full');
  await send(redis.url, 'CONFIG SET maxmemory 0');
  await service.logged(({ message }) => message === 'started');
  expect(await service.end('SIGTERM')).toBe(0);
});

test('a service that is asked to go while it waits goes', async () => {
  const executor = start('executor');
  await saysThatItWaits(executor);
  expect(await executor.end('SIGTERM')).toBe(0);
});

/** An executor in this process, whose store has been made ready: what it says of itself meets the full Redis. */
function startHere(signal: AbortSignal, onWarn: () => void): Promise<{ close(): Promise<void> }> {
  const store: Store = openStore({ redis: { url: redis.url } });
  closers.push(() => store.close());
  const toolbox = { tools: new Map(), conditions: new Map([['is_wanted', () => true]]) };
  const logger = { debug() {}, info() {}, warn: onWarn, error() {} };
  return startExecutor({ store, toolbox, logger, name: 'here', concurrency: 1, drainMs: 0, signal });
}

test('an executor that cannot announce what it has yet goes on once it can', async () => {
  const begun = await startHere(new AbortController().signal, () => void send(redis.url, 'CONFIG SET maxmemory 0'));
  closers.unshift(() => begun.close());
  const store = openStore({ redis: { url: redis.url } });
  closers.push(() => store.close());
  expect(await store.listConditions()).toEqual(['is_wanted']);
});

test('and gives that up when it is asked to go', async () => {
  const asked = new AbortController();
  await expect(startHere(asked.signal, () => asked.abort())).rejects.toMatchObject({ name: 'AbortError' });
});
