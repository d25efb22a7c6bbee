/** What tasks and plans keep for traces, whatever shard they lie in. */
import { DEFAULT_POLICY, type PlanDraft, plainDecision, shardOf } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCommand, TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { ANN } from './plan-by-hand.ts';

const server = useTestRedis();
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 vendor=a';
const PLAN: PlanDraft = { objective: 'x', steps: [{ id: 'a', tool: TOOL }] };

let store: Store;
beforeEach(() => {
  store = openStore({ redis: { url: server.url }, shards: 4, clock: () => 5_000 });
});
afterEach(() => store.close());

async function createTask(trace?: string | null): Promise<string> {
  const request = { objective: 'x', input: {}, options: {}, tools: null, template: null };
  const created = await store.createTask({ request, actor: ANN, trace });
  return created.ok ? created.value.id : created.refusal.code;
}

async function createPlan(trace?: string | null): Promise<{ id: string; digest: string }> {
  const decision = plainDecision(1, 'for a test');
  const { content, digest } = await createCommand({ plan: PLAN, decision, draft: false });
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: ANN.id, decision, trace });
  return { id: created.ok ? created.value.id : created.refusal.code, digest };
}

test('a task and a plan keep where their creation stands in a trace, in every shard, and show it to nobody', async () => {
  const tasks = await Promise.all(Array.from({ length: 12 }, () => createTask(TRACE)));
  const plans = await Promise.all(Array.from({ length: 12 }, async () => (await createPlan(TRACE)).id));
  expect(new Set([...tasks, ...plans].map(shardOf)).size).toBeGreaterThan(1);
  for (const id of [...tasks, ...plans]) expect(await store.readTrace(id)).toBe(TRACE);
  expect(JSON.stringify([await store.getTask(tasks[0] as string), await store.getPlan(plans[0] as string)])).not.toContain(TRACE);
});

test('where nothing was traced, or nothing is there, there is none', async () => {
  for (const id of [await createTask(), await createTask(null), (await createPlan()).id, (await createPlan(null)).id])
    expect(await store.readTrace(id)).toBeNull();
  expect(await store.readTrace('pln_1m7w3sky1hcceat12c4e99')).toBeNull();
});

test('since when people are waited for is known until they have decided', async () => {
  const { id, digest } = await createPlan();
  expect(await store.waitingSince(id)).toBe(5_000);
  expect(await store.waitingSince(id, 'a')).toBeNull();
  expect(
    await store.approvePlan(id, { actor: { id: 'ada', roles: ['approver'] }, digest, policyVersion: DEFAULT_POLICY.version }),
  ).toMatchObject({
    ok: true,
  });
  expect(await store.waitingSince(id)).toBeNull();
});
