/** What is removed because it ended long ago, or because there is enough of it; and what stays. */
import { PLAN_STATUSES, type PlanDraft, type PlanStatus, plainDecision } from '@countersign/shared';
import { type Ended, type EndedKind, type KeepLimits, openStore, type Store } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createCommand, TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { ANN, FATAL, PlanByHand } from './plan-by-hand.ts';

const server = useTestRedis();
const DAY_MS = 86_400_000;
const MONTH: KeepLimits = { forMs: 30 * DAY_MS, count: 1_000 };
const STEP = { id: 'a', tool: TOOL };

let now: number;
let store: Store;
let redis: Redis;
const cleanUps: (() => Promise<unknown>)[] = [];
beforeAll(() => {
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
});
afterAll(() => redis.disconnect());
const open = (shards = 1): Store => {
  const opened = openStore({ redis: { url: server.url }, shards, clock: () => now });
  cleanUps.push(() => opened.close());
  return opened;
};
beforeEach(() => {
  now = 1_800_000_000_000;
  store = open();
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function createPlan({
  quorum = 1,
  plan = {},
  draft = false,
  task,
}: {
  quorum?: number;
  plan?: Partial<PlanDraft>;
  draft?: boolean;
  task?: { id: string; token: string };
} = {}): Promise<string> {
  const decision = plainDecision(quorum, 'for a test');
  const { content, digest } = await createCommand({ plan: { objective: 'x', steps: [STEP], ...plan }, decision, draft });
  const created = await store.createPlan({
    ...{ content, digest, origin: 'manual', createdBy: ANN.id, decision, draft },
    ...(task === undefined ? {} : { task }),
  });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

async function byHand(plan: Partial<PlanDraft> = {}): Promise<PlanByHand> {
  const started = await PlanByHand.start({ objective: 'x', steps: [STEP], ...plan }, { store, redis });
  cleanUps.push(() => started.close());
  return started;
}

/** A plan of which a step failed, so that it can be retried. */
async function failedPlan(): Promise<string> {
  const plan = await byHand();
  await plan.claimed('a');
  await plan.fail('a', FATAL);
  return plan.planId;
}

async function cancelledPlan(): Promise<string> {
  const id = await createPlan();
  expect(await store.cancelPlan(id, { actor: ANN })).toMatchObject({ ok: true });
  return id;
}

const WAYS: Record<PlanStatus, () => Promise<string>> = {
  draft: () => createPlan({ draft: true }),
  pending_approval: () => createPlan(),
  approved: () => createPlan({ quorum: 0, plan: { options: { startAt: new Date(now + 1_000 * DAY_MS).toISOString() } } }),
  executing: () => createPlan({ quorum: 0 }),
  async paused() {
    const id = await createPlan({ quorum: 0 });
    await store.pausePlan(id, { actor: ANN });
    return id;
  },
  cancelled: cancelledPlan,
  async rejected() {
    const id = await createPlan();
    const digest = (await store.getPlan(id))?.digest ?? '';
    await store.rejectPlan(id, { actor: ANN, digest, reason: 'no' });
    return id;
  },
  async expired() {
    const id = await createPlan({ plan: { options: { approvalTimeoutMs: 1 } } });
    now += 2;
    for await (const _due of store.runDue());
    return id;
  },
  async completed() {
    const plan = await byHand();
    await plan.claimed('a');
    await plan.complete('a');
    return plan.planId;
  },
  async partial() {
    const plan = await byHand({ steps: [STEP, { id: 'b', tool: TOOL, onError: 'continue' }] });
    await plan.claimed('a', 'b');
    await plan.complete('a');
    await plan.fail('b', FATAL);
    return plan.planId;
  },
  failed: failedPlan,
};
const ENDED = new Set<PlanStatus>(['cancelled', 'rejected', 'expired', 'completed', 'partial', 'failed']);

async function createTask(): Promise<string> {
  const request = { objective: 'x', input: {}, options: {}, tools: null, template: null };
  const created = await store.createTask({ request, actor: ANN });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

async function plannedTask(): Promise<{ taskId: string; planId: string }> {
  const taskId = await createTask();
  await store.startPlanning(taskId, 'one');
  await store.recordRound(taskId, 'one', {
    ...{ round: 1, planner: 'rules', model: null, format: null, promptVersion: null, promptHash: null },
    ...{ startedAt: '2027-01-15T08:00:00.000Z', durationMs: 0, reply: null, issues: [], error: null, usage: null },
  });
  return { taskId, planId: await createPlan({ task: { id: taskId, token: 'one' } }) };
}

const idsOf = (ended: readonly Ended[]): string[] => ended.map(({ id }) => id);
const outlived = async (kind: EndedKind, limits = MONTH): Promise<string[]> => idsOf(await store.outlived(kind, limits, 1_000));

/** Removes all that is over the limits; gives what came of each. */
async function removeAll(kind: EndedKind, limits = MONTH): Promise<string[]> {
  const removals: string[] = [];
  for (const ended of await store.outlived(kind, limits, 1_000)) removals.push(await store.removeEnded(ended));
  return removals;
}

/** The keys that there are of these ids, and those whose members or fields name one, but for what has bounds of its own. */
async function traces(ids: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const key of await redis.keys('*')) {
    if (ids.some((id) => key.includes(id))) found.push(key);
    const type = await redis.type(key);
    const read: Record<string, () => Promise<string[]>> = {
      zset: () => redis.zrange(key, '0', '-1'),
      set: () => redis.smembers(key),
      list: () => redis.lrange(key, 0, -1),
      hash: () => redis.hkeys(key),
    };
    const members = (await read[type]?.()) ?? [];
    if (members.some((member) => ids.some((id) => member.includes(id)))) found.push(key);
  }
  return found.filter((key) => !key.includes(':bull:'));
}

describe('by age', () => {
  test('of plans of every status the ended ones go, the first that ended first, and nothing of them is left', async () => {
    const ids = new Map<PlanStatus, string>();
    for (const status of PLAN_STATUSES) {
      ids.set(status, await WAYS[status]());
      expect((await store.getPlan(ids.get(status) ?? ''))?.status).toBe(status);
      now += 1_000;
    }
    expect(await outlived('plan')).toEqual([]);
    now += 31 * DAY_MS;
    const ended = PLAN_STATUSES.filter((status) => ENDED.has(status)).map((status) => ids.get(status) ?? '');
    expect(await outlived('plan')).toEqual(ended);
    expect(await removeAll('plan')).toEqual(ended.map(() => 'removed'));
    const left = (await store.listPlans({ limit: 200 })).items.map(({ status }) => status);
    expect(left.sort()).toEqual(PLAN_STATUSES.filter((status) => !ENDED.has(status)).sort());
    expect(await traces(ended)).toEqual([]);
    expect(await outlived('plan')).toEqual([]);
  });

  test('what counts is the end, not the beginning', async () => {
    const id = await createPlan();
    now += 60 * DAY_MS;
    await store.cancelPlan(id, { actor: ANN });
    now += 30 * DAY_MS;
    expect(await outlived('plan')).toEqual([]);
    now += 1;
    expect(await outlived('plan')).toEqual([id]);
  });

  test('a plan that is removed twice, or by two at once, is removed once', async () => {
    await cancelledPlan();
    const [ended] = await store.outlived('plan', { forMs: -1, count: 9 }, 10);
    const removals = await Promise.all([store.removeEnded(ended as Ended), open().removeEnded(ended as Ended)]);
    expect(removals.sort()).toEqual(['not_found', 'removed']);
  });
});

describe('by count', () => {
  test('over several shards: those that ended first go, until there are as many as may be', async () => {
    store = open(3);
    const ids: string[] = [];
    for (let number = 0; number < 12; number++) {
      ids.push(await cancelledPlan());
      now += 1_000;
    }
    const five = { forMs: 30 * DAY_MS, count: 5 };
    expect(await outlived('plan', five)).toEqual(ids.slice(0, 7));
    expect(idsOf(await store.outlived('plan', five, 3))).toEqual(ids.slice(0, 3));
    await removeAll('plan', five);
    expect((await store.listPlans({ limit: 50 })).items.map(({ id }) => id).sort()).toEqual(ids.slice(7).sort());
    expect(await traces(ids.slice(0, 7))).toEqual([]);
  });

  test('plans under way do not count', async () => {
    for (let number = 0; number < 3; number++) await createPlan({ quorum: 0 });
    await cancelledPlan();
    expect(await outlived('plan', { forMs: DAY_MS, count: 1 })).toEqual([]);
  });
});

describe('a plan stays', () => {
  const chosen = async (): Promise<Ended> => (await store.outlived('plan', { forMs: -1, count: 9 }, 1))[0] as Ended;

  test('where it was retried since it was chosen, also when it has failed again by then', async () => {
    const plan = await byHand();
    await plan.claimed('a');
    await plan.fail('a', FATAL);
    const before = await chosen();
    now += 5;
    await store.retryPlan(plan.planId, { actor: ANN });
    expect(await store.removeEnded(before)).toBe('wrong_state');
    await plan.claimed('a');
    await plan.fail('a', FATAL);
    expect(await store.removeEnded(before)).toBe('moved');
    expect(await store.removeEnded(await chosen())).toBe('removed');
  });

  test('where something happened to it after its record was read', async () => {
    const id = await failedPlan();
    const recordedTo = await store.lastEventId(id);
    await store.skipStep(id, 'a', { actor: ANN });
    expect(await store.removeEnded(await chosen(), recordedTo)).toBe('moved');
    expect(await store.removeEnded(await chosen(), await store.lastEventId(id))).toBe('removed');
  });

  test('while it asks something of the planner', async () => {
    const id = await failedPlan();
    await store.requestRevision(id, { actor: ANN, feedback: 'do it otherwise' });
    expect(await store.removeEnded(await chosen())).toBe('asking');
    await store.startRequest({ planId: id, number: 1, token: 'one' });
    await store.failRequest({ planId: id, number: 1, token: 'one' }, { code: 'x', message: 'x', detail: {} });
    expect(await store.removeEnded(await chosen())).toBe('removed');
  });
});

describe('tasks', () => {
  test('one with a plan goes with it, and not before', async () => {
    const { taskId, planId } = await plannedTask();
    now += 31 * DAY_MS;
    expect(await removeAll('task')).toEqual([]);
    await store.cancelPlan(planId, { actor: ANN });
    now += 31 * DAY_MS;
    expect(await removeAll('plan')).toEqual(['removed']);
    expect(await store.getTask(taskId)).toBeNull();
    expect(await traces([taskId, planId])).toEqual([]);
  });

  test('one whose plan was deleted by hand stays and says so, until its own time is over', async () => {
    const { taskId, planId } = await plannedTask();
    expect(await store.getTask(taskId)).toMatchObject({ planId, planDeletedAt: null });
    await store.cancelPlan(planId, { actor: ANN });
    await store.deletePlan(planId);
    expect(await store.getTask(taskId)).toMatchObject({ planId, planDeletedAt: new Date(now).toISOString(), status: 'planned' });
    expect(await traces([planId])).toEqual([]);
    expect(await removeAll('task')).toEqual([]);
    now += 31 * DAY_MS;
    expect(await removeAll('task')).toEqual(['removed']);
    expect(await traces([taskId])).toEqual([]);
  });

  test('failed and cancelled ones go by themselves; those under way stay', async () => {
    const cancelled = await createTask();
    await store.cancelTask(cancelled, { actor: ANN });
    const failed = await createTask();
    await store.startPlanning(failed, 'one');
    await store.failTask(failed, 'one', { code: 'x', message: 'x', detail: {} });
    const waiting = await createTask();
    now += 31 * DAY_MS;
    expect((await outlived('task')).sort()).toEqual([cancelled, failed].sort());
    expect(await store.taskRecord(failed)).toMatchObject({
      ...{ version: 1, task: { id: failed, status: 'failed' } },
      events: [{ type: 'task.queued', taskId: failed }, { type: 'task.planning' }, { type: 'task.failed' }],
    });
    expect(await removeAll('task')).toEqual(['removed', 'removed']);
    expect(await traces([cancelled, failed])).toEqual([]);
    expect((await store.listTasks({ limit: 10 })).items.map(({ id }) => id)).toEqual([waiting]);
  });

  test('one that an older release put into the index although its plan is there leaves it', async () => {
    const { taskId } = await plannedTask();
    await redis.zadd('{cs0}:tasks:ended', 1, taskId);
    expect(await removeAll('task')).toEqual(['has_plan']);
    expect(await removeAll('task')).toEqual([]);
    expect(await store.getTask(taskId)).not.toBeNull();
  });
});

test('an answer is kept with the record of its call, and does not outlive it', async () => {
  const idempotency = { key: 'k', fingerprint: 'f' };
  const answer = { status: 201, body: { x: 1 } };
  await store.saveAnswer(idempotency, answer, 'pln_0000000000000000000000');
  expect(await redis.keys('*')).toEqual([]);
  const id = await createPlan();
  await store.cancelPlan(id, { actor: ANN, idempotency });
  await store.saveAnswer(idempotency, answer, id);
  expect(await store.findAnswer(idempotency, id)).toMatchObject({ ok: true, value: { answer } });
  for (const key of await redis.keys('*:idem:*')) expect(await redis.ttl(key), key).toBeGreaterThan(0);
});
