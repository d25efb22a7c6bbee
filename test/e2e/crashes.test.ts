import { type PlanDraft, STEPS_QUEUE, type StepDraft } from '@countersign/shared';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';

let fleet: Fleet;
beforeEach(async () => {
  fleet = await Fleet.start({ executors: 2, planner: true });
});
afterEach(() => fleet?.close());

const step = (id: string, input: StepDraft['input'] = {}, more: Partial<StepDraft> = {}): StepDraft => ({
  id,
  tool: 'test.record',
  input,
  ...more,
});
const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({
  objective: 'test what crashes do',
  steps,
  options,
});

test('executors killed in the middle: the plan completes, recorded results stand, completed steps are not run again', async () => {
  const gate = fleet.gate('half');
  const first = Array.from({ length: 6 }, (_, i) => step(`a${i}`));
  const second = Array.from({ length: 6 }, (_, i) => step(`b${i}`, { holdUntil: gate.file }, { dependsOn: [`a${i}`] }));
  const last = step('end', {}, { dependsOn: second.map(({ id }) => id) });
  const created = await fleet.createPlan(draft([...first, ...second, last], { maxParallelSteps: 6 }));
  await fleet.approve(created);
  await fleet.untilLedger(created.id, ({ what, stepId }) => what === 'start' && stepId.startsWith('b'), 6);
  const before = await fleet.plan(created.id);

  await Promise.all(fleet.executors.map((executor) => executor.end('SIGKILL')));
  fleet.executors = [];
  gate.open();
  await fleet.startExecutor();
  await fleet.startExecutor();
  const plan = await fleet.until(created.id, 'completed', 55_000);

  const lines = fleet.ledger(created.id);
  for (const { id } of first) {
    expect(lines.filter(({ stepId, what }) => stepId === id && what === 'start')).toHaveLength(1);
    expect(plan.steps.find((each) => each.id === id)).toEqual(before.steps.find((each) => each.id === id));
  }
  // A step that was running is called again under the same idempotency key, and is still its first attempt.
  for (const { id } of second) {
    const starts = lines.filter(({ stepId, what }) => stepId === id && what === 'start');
    expect(starts.map(({ key, attempt }) => [key, attempt])).toEqual([
      [`${created.id}.${id}.1`, 1],
      [`${created.id}.${id}.1`, 1],
    ]);
    expect(new Set(starts.map(({ pid }) => pid)).size).toBe(2);
  }
  const takeovers = (await fleet.events(created.id)).filter(({ type, data }) => type === 'step.started' && data.takeover !== undefined);
  expect(takeovers.map(({ stepId }) => stepId).sort()).toEqual(second.map(({ id }) => id));
});

test('a restart of every process and of Redis while plans wait for approval: they still wait, and can be approved', async () => {
  const task = (await fleet.call('POST', '/v1/tasks', { body: { objective: 'list the files in .' } })).body.task;
  await expect.poll(async () => (await fleet.task(task.id)).status, { timeout: 20_000 }).toBe('planned');
  const { planId } = await fleet.task(task.id);
  const byHand = await fleet.reviewed((await fleet.createPlan(draft([step('only')]))).id);
  const before = await fleet.reviewed(String(planId));
  const eventsBefore = await fleet.events(byHand.id);

  await fleet.endServices('SIGKILL');
  await fleet.restartRedis();
  await fleet.startApi();
  await fleet.startPlanner();
  await fleet.startExecutor();

  expect(await fleet.plan(String(planId))).toEqual(before);
  expect(await fleet.plan(byHand.id)).toEqual(byHand);
  expect(await fleet.events(byHand.id)).toEqual(eventsBefore);
  const waiting = (await fleet.call('GET', '/v1/approvals')).body.items;
  expect(waiting.map((item: { planId: string }) => item.planId)).toEqual([planId, byHand.id]);
  await fleet.approve(before);
  await fleet.approve(byHand);
  await fleet.until(String(planId), 'completed');
  await fleet.until(byHand.id, 'completed');
});

test('SIGTERM: an executor takes no more steps, finishes what runs, hands over the rest, and ends with 0', async () => {
  const gate = fleet.gate('term');
  const created = await fleet.createPlan(
    draft([
      step('running', { holdUntil: gate.file }),
      ...Array.from({ length: 5 }, (_, i) => step(`after${i}`, {}, { dependsOn: ['running'] })),
    ]),
  );
  await fleet.approve(created);
  await fleet.untilLedger(created.id, ({ what }) => what === 'start');
  const pid = fleet.ledger(created.id)[0]?.pid;
  const holder = fleet.executors.find((executor) => executor.pid === pid);
  const ended = holder?.end('SIGTERM');
  await holder?.logged(({ message }) => String(message).includes('closing'));
  gate.open();
  expect(await ended).toBe(0);
  const plan = await fleet.until(created.id, 'completed');
  expect(plan.steps[0]).toMatchObject({ attempt: 1 });
  const lines = fleet.ledger(created.id);
  expect(lines.filter(({ stepId, what }) => stepId === 'running' && what === 'start')).toHaveLength(1);
  expect(lines.filter(({ stepId, what }) => stepId !== 'running' && what === 'start').every((line) => line.pid !== pid)).toBe(true);
});

test('kill -9 of Redis while a plan runs: nothing recorded is lost, the plan completes', async () => {
  const gate = fleet.gate('redis');
  const created = await fleet.createPlan(
    draft([step('before'), step('held', { holdUntil: gate.file }, { dependsOn: ['before'] }), step('after', {}, { dependsOn: ['held'] })]),
  );
  await fleet.approve(created);
  await fleet.untilLedger(created.id, ({ stepId, what }) => stepId === 'held' && what === 'start');
  await fleet.restartRedis();
  gate.open();
  await fleet.until(created.id, 'completed', 55_000);
  expect(fleet.ledger(created.id).filter(({ what, stepId }) => what === 'start' && stepId === 'before')).toHaveLength(1);
});

test('executors killed and the queue of steps obliterated: what ran is handed out again, recorded results stand', async () => {
  const gate = fleet.gate('obliterated');
  const held = Array.from({ length: 3 }, (_, i) => step(`held${i}`, { holdUntil: gate.file }, { dependsOn: ['before'] }));
  const waiting = Array.from({ length: 5 }, (_, i) => step(`waiting${i}`, {}, { dependsOn: ['before'] }));
  const after = step('after', {}, { dependsOn: [...held, ...waiting].map(({ id }) => id) });
  const created = await fleet.createPlan(draft([step('before'), ...held, ...waiting, after], { maxParallelSteps: 3 }));
  await fleet.approve(created);
  await fleet.untilLedger(created.id, ({ stepId, what }) => stepId.startsWith('held') && what === 'start', 3);

  await Promise.all(fleet.executors.map((executor) => executor.end('SIGKILL')));
  fleet.executors = [];
  const redis = new Redis(fleet.redis.url, { maxRetriesPerRequest: null });
  const queue = new Queue(STEPS_QUEUE, { connection: redis, prefix: '{cs0}:bull' });
  await queue.obliterate({ force: true });
  await queue.close();
  redis.disconnect();
  gate.open();
  const executor = await fleet.startExecutor();

  await fleet.until(created.id, 'completed', 55_000);
  const starts = fleet.ledger(created.id).filter(({ what }) => what === 'start');
  for (const { id } of [step('before'), ...held, ...waiting, after]) {
    const keys = starts.filter(({ stepId }) => stepId === id).map(({ key, attempt }) => [key, attempt]);
    expect(keys, id).toEqual(Array.from({ length: id.startsWith('held') ? 2 : 1 }, () => [`${created.id}.${id}.1`, 1]));
  }
  const mended = executor.log().filter(({ planId, why }) => planId === created.id && why === 'job_missing');
  expect(mended.map(({ what, stepId }) => [what, stepId])).toEqual(held.map(({ id }) => ['step_handed_back', id]));
});
