/** What models took for a task, and then for its plan. */
import { type PlanningRound, plainDecision, type TotalUsage, type Usage } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCommand, TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { ANN, planOf } from './plan-by-hand.ts';

const server = useTestRedis();
let store: Store;
beforeEach(() => {
  store = openStore({ redis: { url: server.url } });
});
afterEach(() => store.close());

const round = (usage: Usage | null, model: string | null = 'tiny'): PlanningRound => ({
  round: 1,
  planner: model === null ? 'rules' : 'openai',
  model,
  format: null,
  promptVersion: null,
  promptHash: null,
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 0,
  reply: null,
  issues: [],
  error: null,
  usage,
});
const took = (inputTokens: number, outputTokens: number, costUsd: number | null = null): Usage => ({
  inputTokens,
  outputTokens,
  costUsd,
  estimated: false,
});
const NOTHING: TotalUsage = { calls: 0, inputTokens: 0, outputTokens: 0, costUsd: null };

async function startTask(): Promise<string> {
  const request = { objective: 'x', input: {}, options: {}, tools: null, template: null };
  const created = await store.createTask({ request, actor: ANN });
  if (!created.ok) throw new Error(created.refusal.message);
  expect(await store.startPlanning(created.value.id, 'one')).toMatchObject({ ok: true, value: { usage: NOTHING } });
  return created.value.id;
}

async function planTask(taskId: string): Promise<string> {
  const { content, digest } = await createCommand({
    plan: { objective: 'x', steps: [{ id: 'a', tool: TOOL }] },
    decision: plainDecision(1, 'for a test'),
    draft: false,
  });
  const decision = plainDecision(1, 'for a test');
  const created = await store.createPlan({
    ...{ content, digest, origin: 'openai', promptVersion: '7', createdBy: ANN.id, decision },
    task: { id: taskId, token: 'one' },
  });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

const usageOf = async (taskId: string): Promise<TotalUsage | undefined> => (await store.getTask(taskId))?.usage;

test('every round that asked a model counts, also one without an answer', async () => {
  const taskId = await startTask();
  await store.recordRound(taskId, 'one', round(took(100, 20)));
  await store.recordRound(taskId, 'one', round(null));
  await store.recordRound(taskId, 'one', round(null, null));
  expect(await usageOf(taskId)).toEqual({ calls: 2, inputTokens: 100, outputTokens: 20, costUsd: null });
});

test('a round under an older token counts nothing', async () => {
  const taskId = await startTask();
  expect(await store.recordRound(taskId, 'older', round(took(100, 20)))).toMatchObject({ ok: false });
  expect(await usageOf(taskId)).toEqual(NOTHING);
});

test('costs add up to the millionth of a dollar', async () => {
  const taskId = await startTask();
  for (let times = 0; times < 3; times++) await store.recordRound(taskId, 'one', round(took(1, 1, 0.1 + times * 1e-6)));
  expect((await usageOf(taskId))?.costUsd).toBe(0.300003);
});

test('the plan takes over what its task took, and the task shows what its plan has come to', async () => {
  const taskId = await startTask();
  await store.recordRound(taskId, 'one', round(took(100, 20, 0.5)));
  const planId = await planTask(taskId);
  const first = { calls: 1, inputTokens: 100, outputTokens: 20, costUsd: 0.5 };
  expect(await planOf(store, planId)).toMatchObject({ usage: first, origin: 'openai', promptVersion: '7' });
  await store.requestRevision(planId, { actor: ANN, feedback: 'shorter' });
  const hold = { planId, number: 1, token: 'two' };
  await store.startRequest(hold);
  await store.recordRequestRound(hold, round(took(10, 5, 0.25)));
  const both = { calls: 2, inputTokens: 110, outputTokens: 25, costUsd: 0.75 };
  expect((await planOf(store, planId)).usage).toEqual(both);
  expect(await usageOf(taskId)).toEqual(both);
});

test('a task whose plan was deleted still says what both took', async () => {
  const taskId = await startTask();
  await store.recordRound(taskId, 'one', round(took(100, 20)));
  const planId = await planTask(taskId);
  await store.requestRevision(planId, { actor: ANN, feedback: 'shorter' });
  const hold = { planId, number: 1, token: 'two' };
  await store.startRequest(hold);
  await store.recordRequestRound(hold, round(took(10, 5)));
  await store.cancelPlan(planId, { actor: ANN });
  await store.deletePlan(planId);
  expect(await usageOf(taskId)).toEqual({ calls: 2, inputTokens: 110, outputTokens: 25, costUsd: null });
});
