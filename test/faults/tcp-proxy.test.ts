import { Redis, type RedisOptions } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { useTestRedis } from '../redis/test-redis.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

const redis = useTestRedis();
const clients: Redis[] = [];
let proxy: TcpProxy;
let direct: Redis;
beforeEach(async () => {
  proxy = await startTcpProxy(() => Number(new URL(redis.url).port));
  direct = new Redis(redis.url);
  await direct.flushall();
});
afterEach(async () => {
  for (const client of [direct, ...clients.splice(0)]) client.disconnect();
  await proxy.close();
});

/** A client that gives up at once, so that every test sees what happened. */
async function through(options: RedisOptions = {}): Promise<Redis> {
  const client = new Redis({
    port: proxy.port,
    host: '127.0.0.1',
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    ...options,
  });
  clients.push(client);
  client.on('error', () => {});
  await client.ping();
  return client;
}

test('passes on what both sides say, large values too', async () => {
  const client = await through();
  const large = 'x'.repeat(3_000_000);
  await client.set('large', large);
  expect(await client.get('large')).toBe(large);
  expect(proxy.connections).toBe(1);
});

test('delay: every command takes that long, and the order is kept', async () => {
  const client = await through();
  proxy.delay(40);
  const startedAt = performance.now();
  expect(await Promise.all(Array.from({ length: 5 }, (_, i) => client.rpush('list', i)))).toEqual([1, 2, 3, 4, 5]);
  // Twice 40: a timer may come a millisecond early.
  expect(performance.now() - startedAt).toBeGreaterThan(77);
  proxy.delay(0);
  expect(await client.lrange('list', 0, -1)).toEqual(['0', '1', '2', '3', '4']);
});

test('black hole: nothing passes until it ends, and then all of it', async () => {
  const client = await through();
  proxy.blackHole(true);
  let said = false;
  const setting = client.set('a', '1').then(() => {
    said = true;
  });
  await direct.ping();
  expect(await direct.get('a')).toBeNull();
  expect(said).toBe(false);
  proxy.blackHole(false);
  await setting;
  expect(await direct.get('a')).toBe('1');
});

test('half open: the client hears nothing of the end, its commands get no answer, and a new connection works', async () => {
  const client = await through({ commandTimeout: 300 });
  let isClosed = false;
  client.on('close', () => {
    isClosed = true;
  });
  expect(proxy.halfOpen()).toBe(1);
  await expect(client.set('a', '1')).rejects.toThrow('timed out');
  expect([isClosed, await direct.get('a')]).toEqual([false, null]);
  expect(await (await through()).ping()).toBe('PONG');
});

test('reset: connections break, and a new one works', async () => {
  const client = await through();
  const closed = new Promise((resolve) => client.once('close', resolve));
  expect(proxy.reset()).toBe(1);
  await closed;
  expect(proxy.connections).toBe(0);
  expect(await (await through()).ping()).toBe('PONG');
});

test('refuse: nobody gets in until it ends, and then at the same port', async () => {
  const before = await through();
  const { port } = proxy;
  proxy.refuse(true);
  await expect(through()).rejects.toThrow();
  await expect(before.ping()).rejects.toThrow();
  proxy.refuse(false);
  await expect.poll(async () => (await through().catch(() => null)) !== null).toBe(true);
  expect(proxy.port).toBe(port);
});

test('drop reply: the command is carried out, its answer is lost, and other connections go on', async () => {
  const [client, other] = [await through(), await through()];
  const dropped = proxy.dropReply('key-of-the-lost');
  await other.set('another', '1');
  await expect(client.incr('key-of-the-lost')).rejects.toThrow();
  await dropped;
  await expect.poll(() => direct.get('key-of-the-lost')).toBe('1');
  expect(await other.get('another')).toBe('1');
  expect(await other.incr('key-of-the-lost')).toBe(2);
});

test('drop reply: a marker that comes in two pieces is found', async () => {
  const client = await through();
  const dropped = proxy.dropReply(`${'y'.repeat(70_000)}-end`);
  await expect(client.set('long', `${'y'.repeat(200_000)}-end`)).rejects.toThrow();
  await dropped;
  await expect.poll(() => direct.strlen('long')).toBe(200_004);
});
