/** Connections whose other end is gone without a word, as after a power loss: they are noticed, and made anew. */
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { useTestRedis } from '../redis/test-redis.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

const redis = useTestRedis();
let proxy: TcpProxy;
let store: Store;
beforeEach(async () => {
  proxy = await startTcpProxy(() => Number(new URL(redis.url).port));
  store = openStore({ redis: { url: `redis://127.0.0.1:${proxy.port}` }, commandTimeoutMs: 300 });
  expect(await store.readiness()).toEqual({ ready: true });
});
afterEach(async () => {
  await store.close();
  await proxy.close();
});

test('that of commands: the command that finds out fails, and those after it are answered', async () => {
  proxy.halfOpen();
  expect(await store.readiness()).toMatchObject({ ready: false });
  await expect.poll(() => store.readiness(), { timeout: 5_000 }).toEqual({ ready: true });
});
