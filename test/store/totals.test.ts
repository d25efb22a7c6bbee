/** What there is at one moment, counted. */
import { plainDecision } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCommand, TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { ANN } from './plan-by-hand.ts';

const server = useTestRedis();
/** what the store takes for now, in ms since 1970 */
let now: number;
let store: Store;
beforeEach(() => {
  now = 1_800_000_000_000;
  store = openStore({ redis: { url: server.url }, clock: () => now });
});
afterEach(() => store.close());

async function createPlan(quorum: number, steps = [{ id: 'a', tool: TOOL }] as object[]): Promise<string> {
  const plan = { objective: 'x', steps: steps as { id: string; tool: string }[], options: { maxParallelSteps: 1_000 } };
  const decision = plainDecision(quorum, 'for a test');
  const { content, digest } = await createCommand({ plan, decision, draft: false });
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: ANN.id, decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

const queueNamed = async (name: string) => (await store.readTotals()).queues.find(({ queue }) => queue === name);

test('of an empty store: everything is there, and is nothing', async () => {
  const { plans, tasks, approvals, queues, events } = await store.readTotals(['mail']);
  expect(new Set([...Object.values(plans), ...Object.values(tasks)])).toEqual(new Set([0]));
  expect(approvals).toEqual({ plan: { count: 0, oldestMs: 0 }, gate: { count: 0, oldestMs: 0 } });
  expect(queues.map(({ queue }) => queue)).toEqual(expect.arrayContaining(['steps', 'planning', 'mail']));
  for (const { jobs, oldestWaitingMs } of queues)
    expect([jobs, oldestWaitingMs]).toEqual([{ waiting: 0, active: 0, delayed: 0, prioritized: 0, failed: 0 }, 0]);
  expect(events).toEqual({});
});

test('plans and tasks by status, and what waits for people by kind with its age', async () => {
  const first = await createPlan(1);
  now += 60_000;
  const waiting = await createPlan(1);
  await createPlan(0, [{ id: 'ask', tool: TOOL, approval: { message: 'Well?' } }]);
  await store.createTask({ request: { objective: 'x', input: {}, options: {}, tools: null, template: null }, actor: ANN });
  now += 30_000;
  expect(await store.readTotals()).toMatchObject({
    plans: { pending_approval: 2, executing: 1, completed: 0 },
    tasks: { queued: 1, planning: 0 },
    approvals: { plan: { count: 2, oldestMs: 90_000 }, gate: { count: 1, oldestMs: 30_000 } },
  });
  await store.cancelPlan(first, { actor: ANN });
  await store.cancelPlan(waiting, { actor: ANN });
  expect(await store.readTotals()).toMatchObject({
    plans: { pending_approval: 0, cancelled: 2 },
    approvals: { plan: { count: 0, oldestMs: 0 }, gate: { count: 1 } },
    events: { 'plan.created': 3, 'plan.cancelled': 2, 'step.cancelled': 2, 'task.queued': 1 },
  });
});

test('the routine of steps is not counted, so that a step costs no further write', async () => {
  await createPlan(0);
  expect(Object.keys((await store.readTotals()).events).sort()).toEqual([
    'plan.approved',
    'plan.created',
    'plan.started',
    'plan.submitted',
  ]);
});

test('jobs by state, and how long the oldest has waited: however many came after it', async () => {
  await createPlan(0);
  now += 120_000;
  for (let number = 0; number < 30; number++) await createPlan(0);
  expect(await queueNamed('steps')).toMatchObject({ jobs: { prioritized: 31, active: 0 }, oldestWaitingMs: 120_000 });
});

test('a job waits from the end of its delay on, not from its beginning', async () => {
  const planning = store.queues().find(({ name }) => name === 'planning');
  const job = await planning?.add('later', {}, { delay: 3_600_000, timestamp: now });
  expect(await queueNamed('planning')).toMatchObject({ jobs: { delayed: 1, waiting: 0 }, oldestWaitingMs: 0 });
  await job?.promote();
  now += 3_601_000;
  expect(await queueNamed('planning')).toMatchObject({ jobs: { delayed: 0, waiting: 1 }, oldestWaitingMs: 1_000 });
});

test('every command of the store is told of, with its name and whether Redis could do it', async () => {
  const told: { name: string; durationMs: number; ok: boolean }[] = [];
  const observed = openStore({ redis: { url: server.url }, onCommand: (command) => told.push(command) });
  await observed.ping();
  await observed.getPlan('pln_0000000000000000000000');
  await observed.listTools();
  await observed.close();
  await expect(observed.ping()).rejects.toThrow();
  expect(told.map(({ name, ok }) => [name, ok])).toEqual([
    ['ping', true],
    ['read-plan', true],
    ['plain', true],
    ['ping', false],
  ]);
  expect(told.every(({ durationMs }) => durationMs >= 0)).toBe(true);
});

test('shards are added up, and their queues are one', async () => {
  const sharded = openStore({ redis: { url: server.url }, shards: 3, clock: () => now });
  for (let number = 0; number < 12; number++) {
    const decision = plainDecision(number % 2, 'for a test');
    const { content, digest } = await createCommand({
      plan: { objective: 'x', steps: [{ id: 'a', tool: TOOL }] },
      decision,
      draft: false,
    });
    expect((await sharded.createPlan({ content, digest, origin: 'manual', createdBy: ANN.id, decision })).ok).toBe(true);
    now += 1_000;
  }
  const totals = await sharded.readTotals();
  expect(totals).toMatchObject({ plans: { executing: 6, pending_approval: 6 }, events: { 'plan.created': 12 } });
  expect(totals.approvals.plan).toEqual({ count: 6, oldestMs: 11_000 });
  expect(totals.queues.map(({ queue }) => queue)).toEqual(expect.arrayContaining(['planning', 'steps', 'reviews', 'maintenance']));
  expect(new Set(totals.queues.map(({ queue }) => queue)).size).toBe(totals.queues.length);
  expect(totals.queues.find(({ queue }) => queue === 'steps')).toMatchObject({ jobs: { prioritized: 6 }, oldestWaitingMs: 12_000 });
  const all = sharded.queues().filter(({ name }) => name === 'steps');
  expect((await Promise.all(all.map((queue) => queue.getPrioritizedCount()))).filter((count) => count > 0).length).toBeGreaterThan(1);
  await sharded.close();
});
