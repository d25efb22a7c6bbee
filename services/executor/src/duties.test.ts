import { Metrics } from '@countersign/service';
import {
  digestOf,
  MAINTENANCE_QUEUE,
  type PlanDraft,
  plainDecision,
  STEPS_QUEUE,
  type StepDraft,
  stepJobId,
  validatePlan,
} from '@countersign/shared';
import { type Mending, openStore, type Store } from '@countersign/store';
import { defineTool } from '@countersign/tools';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { send, useTestRedis } from '../../../test/redis/test-redis.ts';
import { startDuties } from './duties.ts';
import { startExecutor } from './executor.ts';
import { executorMeters } from './metrics.ts';

const redis = useTestRedis();
const metrics = new Metrics();
const meters = executorMeters(metrics);
/** What a test has no need of. */
const HOUR_MS = 3_600_000;
const echo = defineTool({
  name: 'test.echo',
  description: 'Gives back what it gets.',
  risk: 'read',
  input: z.object({}),
  run: (input) => input,
});
const toolbox = { tools: new Map([[echo.contract.name, echo]]), conditions: new Map() };

let store: Store;
const cleanUps: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  store = openStore({ redis: { url: redis.url } });
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  await store.close();
});

function collectingLogger() {
  const lines: Record<string, unknown>[] = [];
  const infos: Record<string, unknown>[] = [];
  const into = (list: Record<string, unknown>[]) => (fields: object, message: string) => void list.push({ ...fields, message });
  return { lines, infos, logger: { debug: () => {}, info: into(infos), warn: into(lines), error: into(lines) } };
}

const queueNamed = (name: string) => {
  const queue = store.queues().find((each) => each.name === name);
  if (queue === undefined) throw new Error(`the store has no queue ${name}`);
  return queue;
};

async function startPlan(steps: StepDraft[], options: PlanDraft['options'] = {}, quorum = 0): Promise<string> {
  const draft: PlanDraft = { objective: 'keep going', steps, options };
  const result = validatePlan(draft, { tools: new Map([[echo.contract.name, echo.contract]]) });
  if (!result.valid) throw new Error(JSON.stringify(result.issues));
  const { content } = result;
  const decision = plainDecision(quorum, 'as the test wants it');
  const created = await store.createPlan({ content, digest: await digestOf(content), origin: 'manual', createdBy: 'ann', decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

const startWorking = async (): Promise<void> => {
  const { logger } = collectingLogger();
  const executor = await startExecutor({ store, toolbox, logger, name: 'test', concurrency: 5, drainMs: 0 });
  cleanUps.push(() => executor.close());
};
const statusOf = async (planId: string) => (await store.getPlan(planId))?.status;

test('a fleet looks on its own: a plan that lost its job is mended once, with a line that says why, and completes', async () => {
  const planId = await startPlan([{ id: 'a', tool: 'test.echo', input: {} }]);
  await (await queueNamed(STEPS_QUEUE).getJob(stepJobId(planId, 'a', 1)))?.remove();
  const { lines, logger } = collectingLogger();
  for (let i = 0; i < 3; i++) {
    const duties = await startDuties({
      store,
      logger,
      meters,
      everyMs: { reconcile: 100, clock: HOUR_MS, webhooks: HOUR_MS, retention: HOUR_MS },
    });
    cleanUps.push(() => duties.close());
  }
  await startWorking();
  await expect.poll(() => statusOf(planId), { timeout: 30_000 }).toBe('completed');
  // Duties that end while their locks are renewed are warned of, too.
  expect(lines.filter(({ what }) => what !== undefined)).toEqual([
    {
      planId,
      stepId: 'a',
      what: 'step_queued',
      why: 'job_missing',
      message: 'step queued again: its job is gone',
    },
  ]);
  expect(await metrics.text()).toContain('countersign_reconciler_mendings_total{what="step_queued",why="job_missing"} 1\n');
});

test('each duty has one schedule, however many executors lay it down, and it comes back when its queue was lost', async () => {
  const queue = queueNamed(MAINTENANCE_QUEUE);
  const schedules = async () => (await queue.getJobSchedulers()).map(({ key, every }) => ({ key, every }));
  for (let i = 0; i < 3; i++) await store.scheduleDuty('reconcile', HOUR_MS);
  const [first] = await queue.getJobs(['delayed', 'waiting']);
  await store.scheduleDuty('reconcile', HOUR_MS);
  expect(await schedules()).toEqual([{ key: 'reconcile', every: HOUR_MS }]);
  expect((await queue.getJobs(['delayed', 'waiting'])).map(({ id }) => id)).toEqual([first?.id]);
  await queue.obliterate({ force: true });
  await store.scheduleDuty('reconcile', HOUR_MS);
  expect(await schedules()).toEqual([{ key: 'reconcile', every: HOUR_MS }]);
  expect(await queue.getJobs(['delayed', 'waiting'])).toHaveLength(1);
});

test('a tick that fails is told of, and a later one does its work', async () => {
  const planId = await startPlan([{ id: 'a', tool: 'test.echo', input: {} }]);
  await send(redis.url, 'SET {cs0}:reconcile broken');
  const { lines, logger } = collectingLogger();
  const duties = await startDuties({
    store,
    logger,
    meters,
    everyMs: { reconcile: 100, clock: HOUR_MS, webhooks: HOUR_MS, retention: HOUR_MS },
  });
  cleanUps.push(() => duties.close());
  await expect.poll(() => lines.length, { timeout: 20_000 }).toBeGreaterThan(1);
  expect(lines[0]).toEqual({
    duty: 'reconcile',
    error: expect.stringContaining('WRONGTYPE'),
    message: 'a duty was not finished: its next tick goes on',
  });
  await send(redis.url, 'DEL {cs0}:reconcile');
  await (await queueNamed(STEPS_QUEUE).getJob(stepJobId(planId, 'a', 1)))?.remove();
  await expect.poll(() => lines.at(-1), { timeout: 20_000 }).toMatchObject({ planId, what: 'step_queued' });
});

test('a plan that executors work on is not touched, however closely it is looked at', async () => {
  const steps = Array.from({ length: 40 }, (_, i): StepDraft => {
    const dependsOn = i < 4 ? [] : [`s${i - 4}`, `s${i - 1}`];
    return { id: `s${i}`, tool: 'test.echo', input: {}, dependsOn };
  });
  await startWorking();
  const planId = await startPlan(steps);
  const mended: Mending[] = [];
  let status: string | undefined;
  do {
    for await (const mending of store.reconcile({ restMs: 0 })) mended.push(mending);
    status = await statusOf(planId);
  } while (status === 'executing');
  expect([status, mended]).toEqual(['completed', []]);
  const started = (await store.readEvents(planId)).filter(({ type }) => type === 'step.started');
  expect(started).toHaveLength(steps.length);
});

test('the clock does what has become due, with a line for each', async () => {
  const steps = [{ id: 'a', tool: 'test.echo', input: {} }];
  const late = await startPlan(steps, { approvalTimeoutMs: 1 }, 1);
  const unanswered = await startPlan([{ ...steps[0], id: 'ask', tool: 'test.echo', approval: {} }], { approvalTimeoutMs: 1 });
  const inTime = await startPlan(steps, { approvalTimeoutMs: HOUR_MS }, 1);
  const { lines, infos, logger } = collectingLogger();
  const duties = await startDuties({
    store,
    logger,
    meters,
    everyMs: { reconcile: HOUR_MS, clock: 50, webhooks: HOUR_MS, retention: HOUR_MS },
  });
  cleanUps.push(() => duties.close());
  await expect.poll(() => infos.length, { timeout: 20_000 }).toBe(2);
  expect(infos).toEqual(
    expect.arrayContaining([
      { planId: late, what: 'plan_expired', message: 'plan expired: it was not approved in time' },
      { planId: unanswered, stepId: 'ask', what: 'gate_expired', message: 'step failed: it was not approved in time' },
    ]),
  );
  expect(await Promise.all([late, unanswered, inTime].map(statusOf))).toEqual(['expired', 'failed', 'pending_approval']);
  expect(lines).toEqual([]);
});
