/** Children that lost their jobs, put right and then run to their end; and paused plans, of which nothing is put right. */
import { stepJobId } from '@countersign/shared';
import { describe, expect, test } from 'vitest';
import { children, each, step, useForEachTrial } from './for-each-trial.ts';
import { ANN, BROKEN, type PlanByHand, reconciled } from './plan-by-hand.ts';

const { clock, start } = useForEachTrial();

async function loses(plan: PlanByHand, stepId: string, delivery = 1): Promise<void> {
  const job = await plan.queue.getJob(stepJobId(plan.planId, stepId, 1, delivery));
  expect(job, `the job of ${stepId}, delivery ${delivery}`).toBeDefined();
  await job?.remove();
}

async function completes(plan: PlanByHand, ...rest: string[]): Promise<void> {
  expect(await reconciled(plan.store), 'a second run').toEqual([]);
  await plan.runs(...rest);
  expect((await plan.step('each')).output).toHaveLength((await plan.step('each')).children?.length ?? 0);
  expect((await plan.plan()).status).toBe('completed');
}

describe('a child that is', () => {
  test('queued, its job removed: delivered anew', async () => {
    const plan = await start([each()]);
    await plan.expand('each', [0, 1, 2]);
    await loses(plan, 'each[1]');
    expect(await reconciled(plan.store)).toEqual(['step_queued each[1] job_missing']);
    expect(await plan.deliveries()).toEqual(['each[0]', 'each[2]', 'each[1]']);
    expect((await plan.store.readEvents(plan.planId)).at(-1)).toMatchObject({
      type: 'step.queued',
      stepId: 'each[1]',
      data: { delivery: 2 },
    });
    await plan.runs('each[1]');
    expect(await reconciled(plan.store)).toEqual(['step_queued each[0] job_completed', 'step_queued each[2] job_completed']);
    await completes(plan, 'each[0]', 'each[2]');
  });

  test('running, its job gone: handed back, the try does not count, and the executor that lost it is refused', async () => {
    const plan = await start([each(), step('alone')], { maxParallelSteps: 3 });
    await plan.runs('alone');
    await plan.expand('each', [0, 1]);
    await plan.claimed('each[0]');
    await plan.runs('each[1]');
    expect(await reconciled(plan.store)).toEqual(['step_handed_back each[0] job_completed']);
    expect(await plan.complete('each[0]')).toEqual({ ok: false, refusal: 'stale_token' });
    expect((await plan.step('each')).children?.[0]).toMatchObject({ status: 'queued', attempt: 0 });
    await completes(plan, 'each[0]');
  });

  test('retrying, its delayed job removed: queued again once it is due', async () => {
    const plan = await start([each({ retry: { maxAttempts: 2, delayMs: 1_000 } })]);
    await plan.expand('each', [0]);
    await plan.claimed('each[0]');
    await plan.fail('each[0]', BROKEN, 1_000);
    await loses(plan, 'each[0]', 2);
    expect(await reconciled(plan.store)).toEqual([]);
    clock.now += 1_000;
    expect(await reconciled(plan.store)).toEqual(['step_readied each[0] job_missing']);
    await completes(plan, 'each[0]');
  });

  test('ready, the ready set lost: queued when there is room, in its order', async () => {
    const plan = await start([each(), step('later')], { maxParallelSteps: 1 });
    await plan.expand('each', [0, 1, 2]);
    await plan.redis.del(`{cs0}:plan:${plan.planId}:ready`);
    expect(await reconciled(plan.store)).toEqual([
      'plan_counted counts_differ',
      ...['each[1]', 'each[2]', 'later'].map((id) => `step_readied ${id} not_in_ready_set`),
    ]);
    await completes(plan, ...children(3), 'later');
  });

  test('running in a plan that is stopping, its job gone: cancelled, and its step and its plan end with it', async () => {
    const plan = await start([each(), step('bad')]);
    await plan.expand('each', [0]);
    await plan.claimed('each[0]', 'bad');
    await plan.fail('bad');
    expect(await plan.statuses()).toMatchObject({ each: 'running', 'each[0]': 'running' });
    expect(await reconciled(plan.store)).toEqual(['step_cancelled each[0] job_completed', 'plan_ended nothing_running']);
    expect(await plan.statuses()).toEqual({ each: 'cancelled', 'each[0]': 'cancelled', bad: 'failed' });
  });
});

describe('what is left alone', () => {
  test('a step that has been expanded, whose own job is long done', async () => {
    const plan = await start([each()]);
    await plan.expand('each', [0, 1]);
    await plan.queue.clean(0, 0, 'completed');
    const before = await plan.events();
    expect(await reconciled(plan.store)).toEqual([]);
    expect(await plan.events()).toEqual(before);
    await completes(plan, 'each[0]', 'each[1]');
  });

  test('a paused plan, whatever it has lost: the resume delivers it anew', async () => {
    const plan = await start([each(), step('other')], { maxParallelSteps: 3 });
    await plan.expand('each', [0, 1, 2]);
    await plan.claimed('each[0]');
    await plan.store.pausePlan(plan.planId, { actor: ANN });
    await plan.queue.obliterate({ force: true });
    expect(await reconciled(plan.store)).toEqual([]);
    await plan.complete('each[0]');
    await plan.store.resumePlan(plan.planId, { actor: ANN });
    expect(await plan.deliveries()).toEqual(['each[1]', 'other', 'each[2]']);
    await plan.runs('each[1]', 'each[2]', 'other');
    expect((await plan.plan()).status).toBe('completed');
  });
});
