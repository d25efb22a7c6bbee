/** What a revision's steps will do, asked for and kept by the store. */
import { DEFAULT_POLICY, type PlanDraft, plainDecision, REVIEWS_QUEUE, type ReviewJob } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCommand, reviseCommand, TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { ANN, PREFIX, planOf } from './plan-by-hand.ts';

const server = useTestRedis();
let store: Store;
let redis: Redis;
let reviews: Queue<ReviewJob>;
beforeEach(() => {
  store = openStore({ redis: { url: server.url } });
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  reviews = new Queue(REVIEWS_QUEUE, { connection: redis, prefix: PREFIX });
});
afterEach(async () => {
  await reviews.close();
  redis.disconnect();
  await store.close();
});

const PLAN: PlanDraft = { objective: 'x', steps: [{ id: 'a', tool: TOOL }] };
const FOUND = { a: { effects: 'writes a.md', dryRun: { bytes: 3 } } };

async function create({ quorum = 1, draft = false } = {}): Promise<string> {
  const { content, digest } = await createCommand({ plan: PLAN, decision: plainDecision(quorum, 'for a test'), draft });
  const decision = plainDecision(quorum, 'for a test');
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: ANN.id, decision, draft });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

async function revise(planId: string, { quorum = 1 } = {}): Promise<void> {
  const { digest: basedOn } = await planOf(store, planId);
  const plan = { ...PLAN, description: 'anew' };
  const { content, digest } = await reviseCommand({ plan, decision: plainDecision(quorum, 'for a test'), actor: ANN.id, basedOn });
  const decision = plainDecision(quorum, 'for a test');
  expect(await store.revisePlan(planId, { content, digest, origin: 'manual', actor: ANN, decision, basedOn })).toMatchObject({ ok: true });
}

const asked = async (): Promise<ReviewJob[]> => (await reviews.getJobs(['waiting'])).map(({ data }) => data);

test.each([
  ['waits for people', {}, true],
  ['is a draft', { draft: true }, true],
  ['starts at once', { quorum: 0 }, false],
])('a plan that %s: whether a review is asked for', async (_, how, isAsked) => {
  const planId = await create(how);
  expect(await asked()).toEqual(isAsked ? [{ planId, revision: 1 }] : []);
});

test('a revision that waits for people is asked about, one that starts at once is not', async () => {
  const [waits, starts] = [await create(), await create()];
  await reviews.drain();
  await revise(waits);
  await revise(starts, { quorum: 0 });
  expect(await asked()).toEqual([{ planId: waits, revision: 2 }]);
});

test('what is found stands with the plan until it is revised', async () => {
  const planId = await create();
  expect(await planOf(store, planId)).toMatchObject({ reviewedAt: null, steps: [{ effects: null, dryRun: null }] });
  expect(await store.recordReview({ planId, revision: 1 }, FOUND)).toBe(true);
  expect(await planOf(store, planId)).toMatchObject({ reviewedAt: expect.stringMatching(/^\d{4}-.*Z$/), steps: [FOUND.a] });
  await revise(planId);
  expect(await planOf(store, planId)).toMatchObject({ reviewedAt: null, steps: [{ effects: null, dryRun: null }] });
});

test('what is found of a revision that is not the current one any more, or of a plan that is gone, is dropped', async () => {
  const planId = await create();
  await revise(planId);
  expect(await store.recordReview({ planId, revision: 1 }, FOUND)).toBe(false);
  expect(await planOf(store, planId)).toMatchObject({ reviewedAt: null });
  expect(await store.recordReview({ planId, revision: 2 }, FOUND)).toBe(true);
  await store.cancelPlan(planId, { actor: ANN });
  expect(await store.deletePlan(planId)).toMatchObject({ ok: true });
  expect(await store.recordReview({ planId, revision: 2 }, FOUND)).toBe(false);
  const left = (await redis.keys(`*${planId}*`)).filter((key) => !key.startsWith(PREFIX));
  expect(left, 'what is left of the plan besides finished jobs').toEqual([]);
});

test.each([
  [
    'approved',
    (planId: string, digest: string) => store.approvePlan(planId, { actor: ANN, digest, policyVersion: DEFAULT_POLICY.version }),
  ],
  ['rejected', (planId: string, digest: string) => store.rejectPlan(planId, { actor: ANN, digest, reason: 'no' })],
  ['cancelled', (planId: string) => store.cancelPlan(planId, { actor: ANN })],
])('what is found of a plan that was %s meanwhile is dropped: nobody could read it in time', async (_, decide) => {
  const planId = await create();
  const { digest } = await planOf(store, planId);
  expect(await decide(planId, digest)).toMatchObject({ ok: true });
  expect(await store.recordReview({ planId, revision: 1 }, FOUND)).toBe(false);
  expect(await planOf(store, planId)).toMatchObject({ reviewedAt: null, steps: [{ effects: null }] });
});
