/** What plans ask of the planner, when the job of it is lost. */
import { PLANNING_QUEUE, plainDecision } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { Queue, UnrecoverableError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCommand, TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { ANN, PREFIX, planOf, reconciled } from './plan-by-hand.ts';

const server = useTestRedis();
let store: Store;
let redis: Redis;
let planning: Queue;
beforeEach(() => {
  store = openStore({ redis: { url: server.url } });
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  planning = new Queue(PLANNING_QUEUE, { connection: redis, prefix: PREFIX });
});
afterEach(async () => {
  await planning.close();
  redis.disconnect();
  await store.close();
});

/** A plan that waits for an approval, and for a revision by feedback. */
async function asking(): Promise<string> {
  const { content, digest } = await createCommand({
    plan: { objective: 'x', steps: [{ id: 'a', tool: TOOL }] },
    decision: plainDecision(1, 'for a test'),
    draft: false,
  });
  const decision = plainDecision(1, 'somebody has to');
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: ANN.id, decision });
  if (!created.ok) throw new Error(created.refusal.message);
  const asked = await store.requestRevision(created.value.id, { actor: ANN, feedback: 'shorter' });
  expect(asked).toMatchObject({ ok: true });
  return created.value.id;
}

const delivered = async (): Promise<unknown[]> => (await planning.getJobs(['waiting'])).map(({ data }) => data);

test('a request whose job is lost gets another one, as often as it is lost', async () => {
  const planId = await asking();
  expect(await reconciled(store)).toEqual([]);
  for (let round = 0; round < 3; round++) {
    await planning.obliterate({ force: true });
    expect(await reconciled(store)).toEqual(['request_queued job_missing']);
    expect(await reconciled(store), 'a second run').toEqual([]);
    expect(await delivered()).toEqual([{ planId, request: 1 }]);
  }
  expect((await planOf(store, planId)).planning).toMatchObject({ number: 1, status: 'queued', rounds: [] });
});

test('a request whose planner went away with its job is taken over by the next one, and mended once by two at once', async () => {
  const planId = await asking();
  const worker = new Worker(PLANNING_QUEUE, null, { connection: redis, prefix: PREFIX, autorun: false });
  const job = await worker.getNextJob('test', { block: false });
  expect(await store.startRequest({ planId, number: 1, token: 'lost' })).toMatchObject({ ok: true });
  expect(await reconciled(store)).toEqual([]);
  await job?.moveToFailed(new UnrecoverableError('behind its back'), 'test', false);
  await worker.close();
  expect((await Promise.all([reconciled(store), reconciled(store)])).flat()).toEqual(['request_queued job_failed']);
  expect(await store.startRequest({ planId, number: 1, token: 'next' })).toMatchObject({ ok: true, value: { feedback: 'shorter' } });
  expect(await store.failRequest({ planId, number: 1, token: 'lost' }, { code: 'x', message: 'late', detail: {} })).toMatchObject({
    ok: false,
  });
});

test('requests that are answered, dropped or a moment old are left alone', async () => {
  const answered = await asking();
  await store.startRequest({ planId: answered, number: 1, token: 'planner' });
  await store.failRequest({ planId: answered, number: 1, token: 'planner' }, { code: 'x', message: 'not possible', detail: {} });
  const dropped = await asking();
  await store.cancelPlan(dropped, { actor: ANN });
  const recent = await asking();
  await planning.obliterate({ force: true });
  expect(await reconciled(store, 3_600_000)).toEqual([]);
  expect(await reconciled(store)).toEqual(['request_queued job_missing']);
  expect(await delivered()).toEqual([{ planId: recent, request: 1 }]);
});
