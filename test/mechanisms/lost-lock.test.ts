/** Two workers that have one job: a stopped one, that comes back, and the one that was given it since. Only that one may claim its step. */
import { STEPS_QUEUE, stepJobId } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { PlanByHand, PREFIX } from '../store/plan-by-hand.ts';

const server = useTestRedis();
let store: Store;
let redis: Redis;
let plan: PlanByHand;
let worker: Worker;
/** What the claims name. */
let delivery: { planId: string; stepId: string; generation: number; delivery: number };

beforeEach(async () => {
  store = openStore({ redis: { url: server.url } });
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  plan = await PlanByHand.start({ objective: 'lose a lock', steps: [{ id: 'a', tool: TOOL }] }, { store, redis });
  delivery = { planId: plan.planId, stepId: 'a', generation: 1, delivery: 1 };
  worker = new Worker(STEPS_QUEUE, null, { connection: redis, prefix: PREFIX });
});
afterEach(async () => {
  await worker.close();
  await plan.close();
  redis.disconnect();
  await store.close();
});

const claim = (lock: string) =>
  store.claimStep(delivery, { token: `claim of ${lock}`, executor: lock, lock: { queue: STEPS_QUEUE, token: lock } });
const lockKey = () => `${PREFIX}:${STEPS_QUEUE}:${stepJobId(plan.planId, 'a', 1, 1)}:lock`;

/** Takes the job; it is lost again when the lock runs out, and somebody else is given it. */
async function takenAndLost(): Promise<void> {
  expect((await worker.getNextJob('stopped'))?.data).toMatchObject({ planId: plan.planId, stepId: 'a' });
  await redis.set(lockKey(), 'heir');
}

test('whoever has the job claims its step', async () => {
  await worker.getNextJob('first');
  expect(await claim('first')).toMatchObject({ ok: true, claim: { attempt: 1 } });
});

test('a stopped worker that comes back does not take a step that runs from the one that was given its job', async () => {
  await takenAndLost();
  expect(await claim('heir')).toMatchObject({ ok: true });
  const events = await store.readEvents(plan.planId);
  expect(await claim('stopped')).toEqual({ ok: false, refusal: 'lock_lost' });
  expect(await store.readEvents(plan.planId)).toEqual(events);
  expect(await store.completeStep({ planId: plan.planId, stepId: 'a', token: 'claim of heir' }, '"done"')).toEqual({ ok: true });
});

test('nor one that the other has not claimed yet', async () => {
  await takenAndLost();
  expect(await claim('stopped')).toEqual({ ok: false, refusal: 'lock_lost' });
  expect(await claim('heir')).toMatchObject({ ok: true, claim: { attempt: 1 } });
});

test('nor one whose lock ran out and that nobody has been given yet', async () => {
  await worker.getNextJob('stopped');
  await redis.del(lockKey());
  expect(await claim('stopped')).toEqual({ ok: false, refusal: 'lock_lost' });
});
