/**
 * All that can be lost, lost at once under a fleet at work: the queue with everything in it, an executor with what it had in
 * hand, the set of steps that wait for a place, the planning job of a task. Nobody is told; the fleet goes on by itself.
 * test/store/reconcile.test.ts has each loss by itself, and what is left alone.
 */

import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { Fleet } from '../e2e/fleet.ts';
import { placeOf } from '../e2e/ledger.ts';
import { recordStep } from '../e2e/record-step.ts';

test('queues, jobs, places and an executor are gone without a trace: every plan and task goes on by itself to its end, and what was done is not done again', async () => {
  const fleet = await Fleet.start({ executors: 1, env: { RECONCILE_EVERY_MS: '200' } });
  const redis = new Redis(fleet.redis.url);
  try {
    const gate = fleet.gate('held');
    const holds = { holdUntil: gate.file };
    const launch = (steps: Parameters<Fleet['launch']>[0]['steps'], cap = 3) =>
      fleet.launch({ objective: 'lose everything', steps, options: { maxParallelSteps: cap } });
    const running = await launch([
      recordStep('before'),
      recordStep('held', holds, { dependsOn: ['before'] }),
      recordStep('after', {}, { dependsOn: ['held'] }),
    ]);
    await fleet.untilLedger(running.id, ({ what, stepId }) => what === 'start' && stepId === 'held');
    const waiting = await launch([recordStep('held', holds), recordStep('second'), recordStep('third')], 1);
    const backoff = await launch([recordStep('flaky', { failAttempts: 1 }, { retry: { maxAttempts: 2, delayMs: 5_000 } })]);
    await expect.poll(async () => (await fleet.plan(backoff.id)).steps[0]?.status, { timeout: 20_000 }).toBe('retrying');
    await fleet.untilLedger(waiting.id, ({ what }) => what === 'start');
    await fleet.executors[0]?.end('SIGKILL');
    const queued = await launch([recordStep('only')]);
    const { task } = (await fleet.call('POST', '/v1/tasks', { body: { objective: 'list the files in .' } })).body;

    const lost = await redis.keys('{cs0}:bull:steps:*');
    const planning = await redis.keys('{cs0}:bull:planning:*');
    expect([lost.length, planning.length].every((count) => count > 5)).toBe(true);
    await redis.del(...lost, ...planning, `{cs0}:plan:${waiting.id}:ready`);
    gate.open();

    await fleet.startExecutor();
    await fleet.startPlanner();
    const plans = [running, waiting, backoff, queued];
    await Promise.all(plans.map(({ id }) => fleet.until(id, 'completed')));
    await expect.poll(async () => (await fleet.task(task.id)).status, { timeout: 30_000 }).toBe('planned');

    expect(fleet.calls(running.id)).toEqual(['before', 'held', 'held', 'after']);
    expect(fleet.calls(waiting.id)).toEqual(['held', 'held', 'second', 'third']);
    expect(fleet.calls(backoff.id)).toEqual(['flaky', 'flaky']);
    expect(fleet.calls(queued.id)).toEqual(['only']);
    const lines = fleet.ledger(running.id);
    expect(placeOf(lines, 'held', 'end')).toBeLessThan(placeOf(lines, 'after', 'start'));
    for (const { id } of plans) {
      const ended = (await fleet.events(id)).filter(({ type }) => type === 'step.completed').map(({ stepId }) => stepId);
      expect(ended).toEqual([...new Set(ended)]);
    }
  } finally {
    redis.disconnect();
    await fleet.close();
  }
});
