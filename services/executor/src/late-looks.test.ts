/** A cancel that comes while an executor's way to Redis is slow or broken: no tool is called after it, and one that runs is aborted. */
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../../../test/faults/tcp-proxy.ts';
import { useTestRedis } from '../../../test/redis/test-redis.ts';
import { type HeldExecutor, launch, startHeldExecutor, whenPlanIs } from '../test/held-executor.ts';

const ada = { actor: { id: 'ada', roles: ['admin' as const] } };
/** ms, each way: an answer takes longer than a look may */
const SLOW_MS = 260;

const redis = useTestRedis();
let proxy: TcpProxy;
/** goes to Redis by itself */
let store: Store;
let executor: HeldExecutor;
beforeEach(async () => {
  proxy = await startTcpProxy(() => Number(new URL(redis.url).port));
  store = openStore({ redis: { url: redis.url } });
  executor = await startHeldExecutor({ redisUrl: `redis://127.0.0.1:${proxy.port}`, commandTimeoutMs: 2_000 });
});
afterEach(async () => {
  proxy.delay(0);
  proxy.refuse(false);
  await executor.close();
  await store.close();
  await proxy.close();
});

/** A step that is looked at once more before its call, and leaves its input when it is. */
const looked = { id: 'a', input: { of: '{{task.objective}}' } };

test('begun, cancelled, and only then told that it may begin: the tool is not called', async () => {
  proxy.delay(SLOW_MS);
  const planId = await launch(store, [looked]);
  const begun = async () => (await store.getPlan(planId))?.steps[0]?.resolvedInput ?? null;
  await expect.poll(begun, { timeout: 20_000, interval: 10 }).not.toBeNull();
  expect(await store.cancelPlan(planId, ada)).toMatchObject({ ok: true });
  const decided = () => executor.calls.length > 0 || executor.log.some((line) => line.startsWith('step not begun'));
  await expect.poll(decided, { timeout: 20_000 }).toBe(true);
  expect(executor.calls).toEqual([]);
});

test('where every answer is slow, steps are called all the same', async () => {
  proxy.delay(SLOW_MS);
  const planId = await launch(store, [looked]);
  (await executor.called()).end('done');
  proxy.delay(0);
  await whenPlanIs(store, planId, 'completed');
});

test('a cancel that a running tool cannot hear of, because its executor is cut off, aborts it once that is back', async () => {
  const planId = await launch(store, [{ id: 'a' }]);
  const { ctx } = await executor.called();
  proxy.refuse(true);
  expect(await store.cancelPlan(planId, ada)).toMatchObject({ ok: true });
  expect(ctx.signal.aborted).toBe(false);
  proxy.refuse(false);
  await expect.poll(() => ctx.signal.aborted, { timeout: 20_000 }).toBe(true);
  await whenPlanIs(store, planId, 'cancelled');
});
