/** Plans and tasks that lost a job: each is broken as it may really break, mended, and then run to its end. */
import { type Plan, plainDecision, STEPS_QUEUE, type StepDraft, type StepError, type StepJob, stepJobId } from '@countersign/shared';
import { type Mending, openStore, type Store } from '@countersign/store';
import { Queue, UnrecoverableError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCommand, TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';

const PREFIX = '{cs0}:bull';
const ANN = { id: 'ann', roles: ['admin' as const] };
const BROKEN: StepError = { code: 'tool_error', message: 'broken', retryable: true };

const server = useTestRedis();
let store: Store;
let redis: Redis;
let steps: Queue<StepJob>;
let planning: Queue;
const cleanUps: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  store = openStore({ redis: { url: server.url } });
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  steps = new Queue(STEPS_QUEUE, { connection: redis, prefix: PREFIX });
  planning = new Queue('planning', { connection: redis, prefix: PREFIX });
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  await steps.close();
  await planning.close();
  redis.disconnect();
  await store.close();
});

const step = (id: string, more: Partial<StepDraft> = {}): StepDraft => ({ id, tool: TOOL, input: {}, ...more });

async function startPlan(drafts: readonly StepDraft[], options: { maxParallelSteps?: number } = {}): Promise<string> {
  const plan = { objective: 'lose a job', steps: [...drafts], options };
  const { content, digest } = await createCommand({ plan, decision: plainDecision(0, 'for a test'), draft: false });
  const decision = plainDecision(0, 'nobody has to');
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: 'ann', decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

async function planOf(planId: string): Promise<Plan> {
  const plan = await store.getPlan(planId);
  if (plan === null) throw new Error(`there is no plan ${planId}`);
  return plan;
}

async function reconcile(restMs = 0, by: Store = store): Promise<Mending[]> {
  const mended: Mending[] = [];
  for await (const mending of by.reconcile({ restMs })) mended.push(mending);
  return mended;
}

/** In few words: `step_queued a job_missing`. */
const said = (mended: readonly Mending[]): string[] =>
  mended.map(({ what, stepId, why }) => [what, stepId, why].filter((word) => word !== null).join(' '));

const claim = async (planId: string, stepId: string, delivery = 1): Promise<void> => {
  const token = `${stepId}.${delivery}`;
  expect(await store.claimStep({ planId, stepId, generation: 1, delivery }, { token, executor: 'test' })).toMatchObject({ ok: true });
};
const holdOf = (planId: string, stepId: string, delivery = 1) => ({ planId, stepId, token: `${stepId}.${delivery}` });

const removeJob = async (planId: string, stepId: string, delivery = 1): Promise<void> => {
  const job = await steps.getJob(stepJobId(planId, stepId, 1, delivery));
  expect(job, `the job of ${stepId}, delivery ${delivery}`).toBeDefined();
  await job?.remove();
};

/** Takes the next job as a worker would, and finishes it without a word to the store. */
async function finishNextJob(queue: string, as: 'failed' | 'completed'): Promise<void> {
  const worker = new Worker(queue, null, { connection: redis, prefix: PREFIX, autorun: false });
  const job = await worker.getNextJob('test');
  if (as === 'failed') await job?.moveToFailed(new UnrecoverableError('behind its back'), 'test', false);
  else await job?.moveToCompleted(null, 'test', false);
  await worker.close();
}

/** Runs what the queue delivers until the test ends. */
function runSteps(): void {
  const connection = redis.duplicate();
  const worker = new Worker<StepJob>(
    STEPS_QUEUE,
    async ({ data, id }) => {
      const token = `worker ${id}`;
      const claimed = await store.claimStep(data, { token, executor: 'worker' });
      if (claimed.ok) await store.completeStep({ ...data, token }, '1');
    },
    { connection, prefix: PREFIX, concurrency: 5 },
  );
  cleanUps.push(async () => {
    await worker.close();
    connection.disconnect();
  });
}

async function completes(planId: string): Promise<Plan> {
  runSteps();
  if (gated.has(planId)) {
    const shownTo = await store.listApprovals();
    expect(shownTo.map(({ stepId }) => stepId)).toEqual(['b']);
    await store.approveGate(planId, 'b', { actor: ANN });
  }
  await expect.poll(async () => (await planOf(planId)).status, { timeout: 20_000 }).toBe('completed');
  const plan = await planOf(planId);
  const recorded = (await store.readEvents(planId)).filter(({ type }) => type === 'step.completed').map(({ stepId }) => stepId);
  expect(recorded.sort()).toEqual(plan.steps.map(({ id }) => id).sort());
  const [, , , , , inflight, ready, running] = ((await redis.hget(`{cs0}:plan:${planId}:steps`, '@')) ?? '').split('|');
  expect({ inflight, ready, running }, 'the counts of an ended plan').toEqual({ inflight: '0', ready: '0', running: '0' });
  return plan;
}

interface Case {
  name: string;
  steps: StepDraft[];
  cap?: number;
  break(planId: string): Promise<unknown>;
  mended: string[];
  /** the events that the mending appended */
  events: string[];
}

const backoff = { retry: { maxAttempts: 3, delayMs: 1 } };

/** plans of which a person approves what they are shown */
const gated = new Set<string>();

const CASES: Case[] = [
  {
    name: 'queued, its job removed: delivered anew',
    steps: [step('a'), step('b', { dependsOn: ['a'] })],
    break: (planId) => removeJob(planId, 'a'),
    mended: ['step_queued a job_missing'],
    events: ['step.queued a 2'],
  },
  {
    name: 'queued, its job failed without a claim: delivered anew',
    steps: [step('a')],
    break: () => finishNextJob(STEPS_QUEUE, 'failed'),
    mended: ['step_queued a job_failed'],
    events: ['step.queued a 2'],
  },
  {
    name: 'queued, its job completed without a claim: delivered anew',
    steps: [step('a')],
    break: () => finishNextJob(STEPS_QUEUE, 'completed'),
    mended: ['step_queued a job_completed'],
    events: ['step.queued a 2'],
  },
  {
    name: 'queued and running, the whole queue obliterated: both run again, in their order',
    steps: [step('a'), step('b'), step('c', { dependsOn: ['a', 'b'] })],
    async break(planId) {
      await claim(planId, 'b');
      await steps.obliterate({ force: true });
    },
    mended: ['step_queued a job_missing', 'step_handed_back b job_missing'],
    events: ['step.queued a 2', 'step.retrying b', 'step.queued b 2'],
  },
  {
    name: 'running, its job failed without a record: run again under a new delivery',
    steps: [step('a'), step('b', { dependsOn: ['a'] })],
    async break(planId) {
      await claim(planId, 'a');
      await finishNextJob(STEPS_QUEUE, 'failed');
    },
    mended: ['step_handed_back a job_failed'],
    events: ['step.retrying a', 'step.queued a 2'],
  },
  {
    name: 'running, its job gone, a step before it waits for the cap: that one takes the place, both run',
    steps: [step('a', backoff), step('b'), step('c')],
    cap: 1,
    async break(planId) {
      await claim(planId, 'a');
      await store.failStep(holdOf(planId, 'a'), { error: BROKEN, delayMs: 1 });
      await claim(planId, 'b');
      await redis.zrem(`{cs0}:plan:${planId}:ready`, 'c');
      await steps.obliterate({ force: true });
      await expect.poll(async () => Date.parse(String((await planOf(planId)).steps[0]?.reason?.detail.until)) < Date.now()).toBe(true);
    },
    mended: [
      'plan_counted counts_differ',
      'step_readied a job_missing',
      'step_handed_back b job_missing',
      'step_readied c not_in_ready_set',
    ],
    events: ['step.retrying b', 'step.queued a 3'],
  },
  {
    name: 'retrying, its delayed job removed: queued again once it is due',
    steps: [step('a', backoff)],
    async break(planId) {
      await claim(planId, 'a');
      await store.failStep(holdOf(planId, 'a'), { error: BROKEN, delayMs: 1 });
      await removeJob(planId, 'a', 2);
      await expect.poll(async () => Date.parse(String((await planOf(planId)).steps[0]?.reason?.detail.until)) < Date.now()).toBe(true);
    },
    mended: ['step_readied a job_missing'],
    events: ['step.queued a 3'],
  },
  {
    name: 'ready, the ready set lost: queued when there is room',
    steps: [step('a'), step('b'), step('c')],
    cap: 1,
    async break(planId) {
      await redis.del(`{cs0}:plan:${planId}:ready`);
    },
    mended: ['plan_counted counts_differ', 'step_readied b not_in_ready_set', 'step_readied c not_in_ready_set'],
    events: [],
  },
  {
    name: 'ready with room under the cap: admitted',
    steps: [step('a'), step('b'), step('c')],
    cap: 1,
    async break(planId) {
      const state = (await redis.hget(`{cs0}:plan:${planId}:steps`, '@')) ?? '';
      await redis.hset(`{cs0}:plan:${planId}:steps`, '@', state.replace('executing||1|1|', 'executing||1|2|'));
    },
    mended: ['steps_admitted room_under_cap'],
    events: ['step.queued b 1'],
  },
  {
    name: 'queued, its job in no list: delivered anew',
    steps: [step('a')],
    break: (planId) => redis.zrem(`${PREFIX}:${STEPS_QUEUE}:prioritized`, stepJobId(planId, 'a', 1, 1)),
    mended: ['step_queued a job_unlisted'],
    events: ['step.queued a 2'],
  },
  {
    name: 'pending, all that it waits for has ended: it is decided',
    steps: [step('a'), step('b'), step('c', { dependsOn: ['a', 'b'] })],
    async break(planId) {
      for (const id of ['a', 'b']) await claim(planId, id);
      await store.completeStep(holdOf(planId, 'a'), '1');
      await redis.hset(`{cs0}:plan:${planId}:waits`, '0', '7', '1', '7');
      await store.completeStep(holdOf(planId, 'b'), '1');
    },
    mended: ['step_decided c dependencies_ended'],
    events: ['step.ready c', 'step.queued c 1'],
  },
  {
    name: 'pending, its count of what is left too high: counted anew',
    steps: [step('a'), step('b'), step('c', { dependsOn: ['a', 'b'] })],
    break: (planId) => redis.hset(`{cs0}:plan:${planId}:waits`, '0', '7', '1', '7'),
    mended: ['waits_counted counts_differ'],
    events: [],
  },
  {
    name: 'counted wrongly: its steps are counted anew',
    steps: [step('a'), step('b')],
    async break(planId) {
      const state = (await redis.hget(`{cs0}:plan:${planId}:steps`, '@')) ?? '';
      await redis.hset(`{cs0}:plan:${planId}:steps`, '@', state.replace('executing||1|5|2|2|0|0|0|', 'executing||1|5|2|5|0|3|1|'));
    },
    mended: ['plan_counted counts_differ'],
    events: [],
  },
  {
    name: 'in the index of another status: it is put in its own',
    steps: [step('a')],
    async break(planId) {
      await redis.zrem('{cs0}:plans:executing', planId);
      await redis.zadd('{cs0}:plans:completed', 0, planId);
    },
    mended: ['placed other_index'],
    events: [],
  },
  {
    name: 'a gate, and not among what waits for people: it is put there',
    steps: [step('a'), step('b', { approval: { message: 'Go on?', quorum: 1 } })],
    async break(planId) {
      await redis.del('{cs0}:approvals');
      gated.add(planId);
    },
    mended: ['gate_listed b not_in_index'],
    events: [],
  },
  {
    name: 'all steps ended, the plan not: it completes',
    steps: [step('a')],
    async break(planId) {
      await claim(planId, 'a');
      await store.completeStep(holdOf(planId, 'a'), '1');
      await setBack(planId);
    },
    mended: ['plan_ended all_steps_ended'],
    events: ['plan.completed'],
  },
];

/** As if the plan's end had not been recorded. */
async function setBack(planId: string): Promise<void> {
  const { status } = await planOf(planId);
  const state = (await redis.hget(`{cs0}:plan:${planId}:steps`, '@')) ?? '';
  await redis.hset(`{cs0}:plan:${planId}:steps`, '@', state.replace(status, 'executing'));
  await redis.zrem(`{cs0}:plans:${status}`, planId);
  await redis.zrem('{cs0}:plans:ended', planId);
  await redis.zadd('{cs0}:plans:executing', 0, planId);
}

const shown = async (planId: string): Promise<string[]> =>
  (await store.readEvents(planId)).map(({ type, stepId, data }) =>
    [type, stepId, data.delivery].filter((word) => word !== undefined).join(' '),
  );

describe('a step or plan that is', () => {
  test.each(CASES)('$name', async (each) => {
    const planId = await startPlan(each.steps, { maxParallelSteps: each.cap ?? 5 });
    await each.break(planId);
    const before = await shown(planId);
    expect(said(await reconcile())).toEqual(each.mended);
    expect((await shown(planId)).slice(before.length)).toEqual(each.events);
    expect(await reconcile(), 'a second run').toEqual([]);
    await completes(planId);
  });

  test.each(CASES)('$name; mended by two at once, it is mended once', async (each) => {
    const planId = await startPlan(each.steps, { maxParallelSteps: each.cap ?? 5 });
    await each.break(planId);
    const other = openStore({ redis: { url: server.url } });
    cleanUps.push(() => other.close());
    const runs = await Promise.all([reconcile(), reconcile(0, other), reconcile(), reconcile(0, other)]);
    expect(said(runs.flat())).toEqual(each.mended);
    await completes(planId);
  });
});

test('a running step whose job is lost again and again is given up, as one that takes its executors down', async () => {
  const planId = await startPlan([step('a'), step('b', { dependsOn: ['a'] })]);
  for (let delivery = 1; delivery <= 10; delivery++) {
    await claim(planId, 'a', delivery);
    await removeJob(planId, 'a', delivery);
    expect(said(await reconcile())).toEqual(
      delivery < 10 ? ['step_handed_back a job_missing'] : ['step_failed a job_missing', 'plan_ended nothing_running'],
    );
  }
  const plan = await planOf(planId);
  expect([plan.status, ...plan.steps.map(({ status }) => status)]).toEqual(['failed', 'failed', 'skipped']);
  expect(plan.steps[0]).toMatchObject({ attempt: 1, error: { code: 'tool_error', message: expect.stringContaining('10 executors') } });
});

test('what the lost executor still says of a step that was handed out again is refused', async () => {
  const planId = await startPlan([step('a')]);
  await claim(planId, 'a');
  await removeJob(planId, 'a');
  await reconcile();
  expect(await store.completeStep(holdOf(planId, 'a'), '"late"')).toEqual({ ok: false, refusal: 'stale_token' });
  expect((await completes(planId)).steps[0]?.output).toBe(1);
});

describe('a stopping plan', () => {
  const stopped = async (): Promise<string> => {
    const planId = await startPlan([step('bad'), step('long')]);
    await claim(planId, 'long');
    await claim(planId, 'bad');
    await store.failStep(holdOf(planId, 'bad'), { error: { ...BROKEN, retryable: false }, delayMs: 0 });
    expect((await planOf(planId)).status).toBe('executing');
    return planId;
  };

  test('whose running step lost its job: the step is cancelled, the plan fails', async () => {
    const planId = await stopped();
    expect(await reconcile()).toEqual([]);
    await steps.obliterate({ force: true });
    expect(said(await reconcile())).toEqual(['step_cancelled long job_missing', 'plan_ended nothing_running']);
    const plan = await planOf(planId);
    expect([plan.status, ...plan.steps.map(({ status }) => status)]).toEqual(['failed', 'failed', 'cancelled']);
  });

  test('in which nothing runs any more fails', async () => {
    const planId = await stopped();
    await store.releaseStep(holdOf(planId, 'long'));
    await setBack(planId);
    expect(said(await reconcile())).toEqual(['plan_ended nothing_running']);
    expect((await planOf(planId)).status).toBe('failed');
    expect(await reconcile()).toEqual([]);
  });
});

describe('what is left alone', () => {
  test('a plan whose jobs wait, are delayed or are in hand', async () => {
    const planId = await startPlan([step('a'), step('b', { retry: { maxAttempts: 2, delayMs: 60_000 } }), step('c'), step('d')], {
      maxParallelSteps: 2,
    });
    await claim(planId, 'b');
    await store.failStep(holdOf(planId, 'b'), { error: BROKEN, delayMs: 60_000 });
    await claim(planId, 'a');
    const before = await shown(planId);
    expect(await reconcile()).toEqual([]);
    expect(await shown(planId)).toEqual(before);
  });

  test('a step in backoff whose job is gone, until it is due', async () => {
    const planId = await startPlan([step('a', backoff)]);
    await claim(planId, 'a');
    await store.failStep(holdOf(planId, 'a'), { error: BROKEN, delayMs: 60_000 });
    await steps.obliterate({ force: true });
    expect(await reconcile()).toEqual([]);
  });

  test('a plan that changed a moment ago, whatever it looks like', async () => {
    const planId = await startPlan([step('a')]);
    await removeJob(planId, 'a');
    expect(await reconcile(3_600_000)).toEqual([]);
    expect(said(await reconcile(0))).toEqual(['step_queued a job_missing']);
  });

  test('plans that wait for a person, and ended ones', async () => {
    const planId = await startPlan([step('a')]);
    await store.cancelPlan(planId, { actor: ANN });
    await steps.obliterate({ force: true });
    expect(await reconcile()).toEqual([]);
  });

  test('a busy plan that is well, looked at all the time', async () => {
    const rows = Array.from({ length: 6 }, (_, row) =>
      Array.from({ length: 5 }, (_, i) =>
        step(`s${row}x${i}`, row === 0 ? {} : { dependsOn: [`s${row - 1}x${i}`, `s${row - 1}x${(i + 1) % 5}`] }),
      ),
    );
    const planId = await startPlan(rows.flat(), { maxParallelSteps: 3 });
    const done = completes(planId).then(() => true);
    const mended: Mending[] = [];
    let looks = 0;
    while (!(await Promise.race([done, Promise.resolve(false)]))) {
      mended.push(...(await reconcile()));
      looks++;
    }
    expect(mended).toEqual([]);
    expect(looks).toBeGreaterThan(1);
    const events = await shown(planId);
    for (const { id } of rows.flat()) {
      const own = events.filter((event) => event.split(' ')[1] === id);
      expect(own).toEqual([`step.ready ${id}`, `step.queued ${id} 1`, `step.started ${id}`, `step.completed ${id}`]);
    }
  });
});

describe('a task', () => {
  const newTask = async (): Promise<string> => {
    const created = await store.createTask({
      request: { objective: 'x', input: {}, options: {}, tools: null, template: null },
      actor: ANN,
    });
    if (!created.ok) throw new Error(created.refusal.message);
    return created.value.id;
  };
  const delivered = async (): Promise<unknown[]> => (await planning.getJobs(['waiting'])).map(({ data }) => data);

  test('queued, its planning job removed: it gets another one, as often as it is lost', async () => {
    const taskId = await newTask();
    for (let round = 0; round < 3; round++) {
      await planning.obliterate({ force: true });
      expect(await reconcile()).toEqual([{ planId: null, taskId, stepId: null, what: 'task_queued', why: 'job_missing' }]);
      expect(await reconcile(), 'a second run').toEqual([]);
      expect(await delivered()).toEqual([{ taskId }]);
    }
  });

  test('planning, its job failed: the next planner takes it over', async () => {
    const taskId = await newTask();
    await store.startPlanning(taskId, 'lost');
    expect(await reconcile()).toEqual([]);
    await finishNextJob('planning', 'failed');
    const runs = await Promise.all([reconcile(), reconcile()]);
    expect(said(runs.flat())).toEqual(['task_queued job_failed']);
    expect(await delivered()).toEqual([{ taskId }]);
    expect((await store.startPlanning(taskId, 'new')).ok).toBe(true);
    expect((await store.failTask(taskId, 'lost', { code: 'x', message: 'late', detail: {} })).ok).toBe(false);
  });

  test('that has ended, or changed a moment ago, is left alone', async () => {
    const ended = await newTask();
    await store.cancelTask(ended, { actor: ANN });
    const recent = await newTask();
    await planning.obliterate({ force: true });
    expect(await reconcile(3_600_000)).toEqual([]);
    expect((await reconcile()).map(({ taskId }) => taskId)).toEqual([recent]);
  });
});

test('many plans at rest: each sweep goes on where the last one stopped, and all are mended', async () => {
  const chain = Array.from({ length: 3_000 }, (_, i) => step(`s${i}`, i === 0 ? {} : { dependsOn: [`s${i - 1}`] }));
  const plans: string[] = [];
  for (let i = 0; i < 20; i++) plans.push(await startPlan(chain));
  await steps.obliterate({ force: true });
  const first = (await reconcile()).map(({ planId }) => planId);
  const second = (await reconcile()).map(({ planId }) => planId);
  expect(first.length).toBeGreaterThan(0);
  expect(second.length).toBeGreaterThan(0);
  expect([...first, ...second]).toEqual(plans);
  expect(await reconcile()).toEqual([]);
});
