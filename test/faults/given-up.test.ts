/** What was answered with a failure for want of time is not carried out later, when the network is back. */
import { openStore, type Store, StoreUnavailableError } from '@countersign/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { useTestRedis } from '../redis/test-redis.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

const redis = useTestRedis();
let proxy: TcpProxy;
let store: Store;
beforeEach(async () => {
  proxy = await startTcpProxy(() => Number(new URL(redis.url).port));
  store = openStore({ redis: { url: `redis://127.0.0.1:${proxy.port}` }, commandTimeoutMs: 300 });
  // From now on the server knows the script, and carries it out as it comes.
  await announce('before');
});
afterEach(async () => {
  await store.close();
  await proxy.close();
});

const announce = (...names: string[]): Promise<unknown> => Promise.all(names.map((name) => store.announceConditions([name])));
const readyAgain = () => expect.poll(() => store.readiness(), { timeout: 10_000 }).toEqual({ ready: true });

test('a command that was on its way when the network went away is gone once it has failed', async () => {
  proxy.blackHole(true);
  await expect(announce('given_up', 'in_the_same_write')).rejects.toThrow(StoreUnavailableError);
  // What the network still has of it is lost, too: only the client could send it again.
  proxy.refuse(true);
  proxy.refuse(false);
  proxy.blackHole(false);
  await readyAgain();
  await announce('afterwards');
  expect((await store.listConditions()).sort()).toEqual(['afterwards', 'before']);
});

test('a command that found no connection is gone once it has failed', async () => {
  proxy.refuse(true);
  await expect(announce('given_up', 'in_the_same_write')).rejects.toThrow(StoreUnavailableError);
  proxy.refuse(false);
  await readyAgain();
  await announce('afterwards');
  expect((await store.listConditions()).sort()).toEqual(['afterwards', 'before']);
});

test('a command whose connection breaks while there is time is sent again, and is carried out once', async () => {
  const lost = proxy.dropReply('while_there_is_time');
  await announce('while_there_is_time', 'in_the_same_write');
  await lost;
  expect((await store.listConditions()).sort()).toEqual(['before', 'in_the_same_write', 'while_there_is_time']);
});
