import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide, gated, NOTHING_MENDED, startPlan, untilSteps } from './deciding.ts';
import { Fleet } from './fleet.ts';
import { recordStep, statuses, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({
    executors: 2,
    env: { ...NOTHING_MENDED, EXECUTOR_CONCURRENCY: '1', CLOCK_EVERY_MS: '100' },
  });
});
afterAll(() => fleet?.close());

/** A plan in a pause that has a step in every status in which one can wait. */
async function pausedPlan(name: string): Promise<{ id: string }> {
  const hold = fleet.gate(name);
  const first = fleet.gate(`${name}-first`);
  const plan = await startPlan(
    fleet,
    [
      recordStep('done', { value: 7, holdUntil: first.file }),
      recordStep('again', { failAttempts: 1 }, { retry: { maxAttempts: 2, delayMs: 5_000 } }),
      recordStep('a', { holdUntil: hold.file }, { dependsOn: ['done'] }),
      recordStep('b', { holdUntil: hold.file }, { dependsOn: ['done'] }),
      gated('asks'),
      // Behind the two that take both executors, and so left in the queue.
      recordStep('queued', { value: '{{done.output.value}}' }),
      recordStep('ready', { value: '{{done.output.value}}' }),
      recordStep(
        'end',
        { value: ['{{asks.approval.data}}', '{{queued.output.value}}', '{{ready.output.value}}'] },
        { dependsOn: ['a', 'b'] },
      ),
    ],
    { maxParallelSteps: 3, planTimeoutMs: 600_000 },
  );
  // Only then: a step that has started goes before what waits to, and would take the executor that this attempt needs.
  await untilSteps(fleet, plan, { done: 'running', again: 'retrying' });
  first.open();
  await untilSteps(fleet, plan, { a: 'running', b: 'running', again: 'retrying', asks: 'awaiting_approval', queued: 'queued' });
  await fleet.act(plan.id, 'pause');
  hold.open();
  await untilSteps(fleet, plan, {
    ...{ done: 'completed', again: 'retrying', a: 'completed', b: 'completed' },
    ...{ asks: 'awaiting_approval', queued: 'queued', ready: 'ready', end: 'pending' },
  });
  return plan;
}

async function goOn(plan: { id: string }): Promise<void> {
  await fleet.act(plan.id, 'resume');
  await decide(fleet, [plan, 'asks'], { data: 'yes' });
  const done = await fleet.until(plan.id, 'completed');
  expect(stepOf(done, 'end').output).toEqual({ value: ['yes', 7, 7] });
  expect(fleet.calls(plan.id).sort()).toEqual(['a', 'again', 'again', 'asks', 'b', 'done', 'end', 'queued', 'ready']);
}

test('a pause survives kill -9 of Redis and of every service; what waits goes on after the resume, once each', async () => {
  const plan = await pausedPlan('everything');
  const before = { plan: await fleet.plan(plan.id), events: await fleet.events(plan.id), called: fleet.calls(plan.id) };

  await fleet.endServices('SIGKILL');
  await fleet.restartRedis();
  await fleet.startApi();
  await fleet.startExecutor();
  await fleet.startExecutor();
  // Work passes through the new fleet.
  await fleet.until((await startPlan(fleet, [recordStep('a'), recordStep('b')])).id, 'completed');

  expect(await fleet.plan(plan.id)).toEqual(before.plan);
  expect(await fleet.events(plan.id)).toEqual(before.events);
  expect(fleet.calls(plan.id)).toEqual(before.called);
  await goOn(plan);
});

test('a pause survives kill -9 of Redis under services that stay, and an orderly restart of the services', async () => {
  const plan = await pausedPlan('redis-and-terms');
  await fleet.restartRedis();
  await expect.poll(async () => (await fleet.call('GET', '/readyz')).status, { timeout: 20_000 }).toBe(200);
  await fleet.until((await startPlan(fleet, [recordStep('a'), recordStep('b')])).id, 'completed');
  expect((await fleet.plan(plan.id)).status).toBe('paused');

  await fleet.endServices('SIGTERM');
  await fleet.startApi();
  await fleet.startExecutor();
  expect(statuses((await fleet.plan(plan.id)).steps)).toMatchObject({
    again: 'retrying',
    asks: 'awaiting_approval',
    queued: 'queued',
    ready: 'ready',
  });
  await goOn(plan);
});

test('the end of its executor in a pause: a running step is handed to another one, and the plan stays paused', async () => {
  const hold = fleet.gate('handed-on');
  const plan = await startPlan(fleet, [recordStep('a', { holdUntil: hold.file }), recordStep('next', {}, { dependsOn: ['a'] })]);
  await fleet.untilLedger(plan.id, ({ what }) => what === 'start');
  await fleet.act(plan.id, 'pause');
  await Promise.all(fleet.executors.map((executor) => executor.end('SIGKILL')));
  fleet.executors = [];
  hold.open();
  await fleet.startExecutor();
  await untilSteps(fleet, plan, { a: 'completed', next: 'ready' });
  expect((await fleet.plan(plan.id)).status).toBe('paused');
  expect(fleet.calls(plan.id)).toEqual(['a', 'a']);
  await fleet.act(plan.id, 'resume');
  const done = await fleet.until(plan.id, 'completed');
  expect(done.steps.map(({ attempt }) => attempt)).toEqual([1, 1]);
  expect(fleet.calls(plan.id)).toEqual(['a', 'a', 'next']);
});
