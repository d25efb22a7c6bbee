/** Who follows a failed plan that the planner writes anew is told when that comes to nothing, which is no event. */
import { type EventType, linkSignals } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collectGarbage } from '../collect-garbage.ts';
import { TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { PlanByHand } from './plan-by-hand.ts';

const server = useTestRedis();
let store: Store;
let redis: Redis;
let plan: PlanByHand;
beforeEach(async () => {
  store = openStore({ redis: { url: server.url } });
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  const options = { replan: { maxRevisions: 1 } };
  plan = await PlanByHand.start({ objective: 'x', steps: [{ id: 'a', tool: TOOL }], options }, { store, redis });
});
afterEach(async () => {
  await plan.close();
  redis.disconnect();
  await store.close();
});

test('the events end when the planner gives up, although garbage is collected meanwhile: they never ended', async () => {
  const types: EventType[] = [];
  const patience = linkSignals([], 20_000);
  const following = (async () => {
    for await (const { type } of store.tailEvents(plan.planId, { signal: patience.signal })) types.push(type);
  })();
  await plan.claimed('a');
  await plan.fail('a');
  await expect.poll(() => types.at(-1)).toBe('plan.failed');
  const collecting = setInterval(collectGarbage, 50);
  try {
    const hold = { planId: plan.planId, number: 1, token: 'planner' };
    expect(await store.startRequest(hold)).toMatchObject({ ok: true });
    await store.failRequest(hold, { code: 'x', message: 'not possible', detail: {} });
    await following;
  } finally {
    clearInterval(collecting);
    patience.release();
  }
  expect(patience.timedOut).toBe(false);
  expect((await plan.plan()).planning).toMatchObject({ kind: 'replan', status: 'failed' });
});
