/** Which deliveries to a webhook's endpoint have one of its places, and which wait for one. */
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { send, useTestRedis } from '../redis/test-redis.ts';
import { ANN } from './plan-by-hand.ts';

const redis = useTestRedis();
let store: Store;
beforeEach(() => {
  store = openStore({ redis: { url: redis.url } });
});
afterEach(() => store.close());

/** Deliveries of nothing to nowhere, for a test that makes them by hand. */
async function deliveriesByHand() {
  const url = 'http://127.0.0.1:1/';
  const made = await store.createWebhook({ url, events: ['plan.ended'], description: '', enabled: true }, { actor: ANN });
  if (!made.ok) throw new Error(made.refusal.message);
  const webhookId = made.value.id;
  const to = (deliveryId: string, job: number) => ({ webhookId, deliveryId, job });
  const attempt = { responseStatus: null, error: null, durationMs: 1, retryInMs: null, disable: null };
  const count = async (command: string, name: string) =>
    Number((await send(redis.url, `${command} {cs0}:webhook:${webhookId}:${name}`)).slice(1));
  return {
    webhookId,
    async add(): Promise<string> {
      const tested = await store.testWebhook(webhookId, { type: 'webhook.test', body: '{}' }, {});
      if (!tested.ok) throw new Error(tested.refusal.message);
      return tested.value.id;
    },
    begin: (id: string, job: number) => store.beginDelivery(to(id, job)),
    delivered: (id: string, job: number) => store.recordDelivery(to(id, job), { ...attempt, responseStatus: 200 }),
    failed: (id: string, job: number) => store.recordDelivery(to(id, job), { ...attempt, error: 'no', retryInMs: 3_600_000 }),
    left: async () => ({
      places: await count('SCARD', 'places'),
      waiting: await count('LLEN', 'waiting'),
      jobs: await count('ZCARD', 'jobs'),
    }),
    async mend(): Promise<string[]> {
      const mended: string[] = [];
      for await (const { deliveryId } of store.mendDeliveries({ restMs: 0 })) mended.push(deliveryId);
      return mended;
    },
  };
}

test('a delivery that is parked twice, for the reply was lost, waits once: it kept its place for ever, and nothing else went out', async () => {
  const hand = await deliveriesByHand();
  const [a, b, c, d, e] = [await hand.add(), await hand.add(), await hand.add(), await hand.add(), await hand.add()];
  for (const id of [a, b, c]) expect(await hand.begin(id, 1)).toMatchObject({ ok: true });
  // Three failures: a single place is left, and two that were let in before have more than that.
  for (const id of [a, b, c]) expect(await hand.failed(id, 1)).toMatchObject({ word: 'retrying' });
  for (const id of [d, e]) expect(await hand.begin(id, 1)).toMatchObject({ ok: true });
  for (const id of [a, b, a, b]) expect(await hand.begin(id, 2)).toEqual({ ok: false, refusal: 'parked' });
  expect(await hand.left()).toEqual({ places: 2, waiting: 2, jobs: 3 });
  expect(await hand.delivered(d, 1)).toMatchObject({ word: 'delivered' });
  for (const id of [a, b]) expect(await hand.begin(id, 3)).toMatchObject({ ok: true });
  for (const [id, job] of [
    [e, 1],
    [a, 3],
    [b, 3],
  ] as const)
    expect(await hand.delivered(id, job)).toMatchObject({ word: 'delivered' });
  expect(await hand.begin(c, 2)).toMatchObject({ ok: true });
  expect(await hand.delivered(c, 2)).toMatchObject({ word: 'delivered' });
  expect(await hand.left()).toEqual({ places: 0, waiting: 0, jobs: 0 });
});

test('a place of a delivery that has ended is given back: by whoever gets its job, and by the duty', async () => {
  const hand = await deliveriesByHand();
  const [ended, next] = [await hand.add(), await hand.add()];
  await hand.begin(ended, 1);
  await hand.delivered(ended, 1);
  const takePlace = async () => {
    await send(redis.url, `SADD {cs0}:webhook:${hand.webhookId}:places ${ended}`);
    await send(redis.url, `ZADD {cs0}:webhook:${hand.webhookId}:jobs 1 ${ended}`);
  };
  await takePlace();
  expect(await hand.begin(ended, 1)).toEqual({ ok: false, refusal: 'delivered' });
  expect(await hand.left()).toEqual({ places: 1, waiting: 0, jobs: 1 });
  await takePlace();
  expect(await hand.mend()).toEqual([]);
  expect(await hand.left()).toEqual({ places: 1, waiting: 0, jobs: 1 });
  expect(await hand.begin(next, 1)).toMatchObject({ ok: true });
});

test('a place whose delivery was never given a job, half a transition, gets one', async () => {
  const hand = await deliveriesByHand();
  const id = await hand.add();
  await send(redis.url, `ZREM {cs0}:webhook:${hand.webhookId}:jobs ${id}`);
  expect(await hand.mend()).toEqual([id]);
  expect(await hand.left()).toEqual({ places: 1, waiting: 0, jobs: 1 });
  expect(await hand.begin(id, 2)).toMatchObject({ ok: true });
});

test('what comes while ten thousand wait is dead at once, and waits for nothing', async () => {
  const hand = await deliveriesByHand();
  const many = Array.from({ length: 5_000 }, (_, i) => `0 earlier${i}`).join(' ');
  for (const each of [many, many.replaceAll('earlier', 'later')])
    await send(redis.url, `ZADD {cs0}:webhook:${hand.webhookId}:deliveries:pending ${each}`);
  const id = await hand.add();
  expect(await store.getDelivery(hand.webhookId, id)).toMatchObject({ status: 'dead', error: expect.stringContaining('not tried') });
  expect(await hand.left()).toEqual({ places: 0, waiting: 0, jobs: 0 });
});
