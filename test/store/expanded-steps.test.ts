/** A forEach step whose children are there: how it ends, and what ends it. */
import { describe, expect, test } from 'vitest';
import { children, each, step, useForEachTrial } from './for-each-trial.ts';
import { ANN, BROKEN, FATAL } from './plan-by-hand.ts';

const { clock, clockRuns, start } = useForEachTrial();

describe('a step that has been expanded', () => {
  test('and whose job is delivered again is not queued any more, whoever claims it', async () => {
    const plan = await start([each()]);
    await plan.expand('each', [0]);
    const before = await plan.events();
    for (const token of ['another', 'each held']) expect(await plan.claim('each', token)).toEqual({ ok: false, refusal: 'not_queued' });
    for (const reply of [
      await plan.complete('each'),
      await plan.fail('each'),
      await plan.release('each'),
      await plan.store.expandStep(plan.hold('each'), ['1']),
    ])
      expect(reply).toEqual({ ok: false, refusal: 'stale_token' });
    expect(await plan.events()).toEqual(before);
    await plan.runs('each[0]');
    expect((await plan.plan()).status).toBe('completed');
  });

  test('fails when its outputs are too large together, and none of them is lost', async () => {
    const plan = await start([each(), step('behind', { dependsOn: ['each'] })]);
    await plan.expand('each', [0, 1, 2]);
    const large = 'x'.repeat(400_000);
    for (const id of children(3)) {
      await plan.claimed(id);
      expect(await plan.complete(id, large)).toEqual({ ok: true });
    }
    expect(await plan.step('each')).toMatchObject({
      status: 'failed',
      output: null,
      error: { code: 'output_too_large', retryable: false },
    });
    expect((await plan.step('each')).children?.map(({ status, output }) => [status, output === large])).toEqual(
      Array(3).fill(['completed', true]),
    );
    expect(await plan.plan()).toMatchObject({ status: 'failed', error: { code: 'output_too_large', stepId: 'each' } });
  });

  test('with onError stop fails with its first child that does; those that run are aborted, the others never start', async () => {
    const plan = await start([each(), step('alone'), step('behind', { dependsOn: ['each'] })], { maxParallelSteps: 3 });
    await plan.expand('each', [0, 1, 2, 3]);
    expect(await plan.deliveries()).toEqual(['each[0]', 'each[1]']);
    await plan.claimed('alone', 'each[0]', 'each[1]');
    await plan.fail('each[1]');
    expect(await plan.statuses()).toEqual({
      each: 'failed',
      'each[0]': 'running',
      'each[1]': 'failed',
      'each[2]': 'cancelled',
      'each[3]': 'cancelled',
      alone: 'running',
      behind: 'skipped',
    });
    expect(await plan.store.haltedPlans([plan.planId])).toEqual([{ planId: plan.planId, kind: 'stop' }]);
    expect((await plan.step('each')).children?.[3]?.reason).toMatchObject({ kind: 'plan_stopped', detail: { stepId: 'each' } });
    expect(await plan.store.beginStep(plan.hold('each[0]'), null)).toEqual({ ok: false, refusal: 'plan_stopping' });
    // What is done is done, though nobody waits for it any more.
    await plan.complete('each[0]');
    expect((await plan.plan()).status).toBe('executing');
    await plan.release('alone');
    expect(await plan.plan()).toMatchObject({ status: 'failed', error: { message: 'step each: 1 of 4 failed; each[1]: broken' } });
    expect(await plan.deliveries()).toEqual([]);
  });

  test('with onError continue lets the others go on, and then fails with the first child, by index, that failed', async () => {
    const plan = await start([each({ onError: 'continue' }), step('alone'), step('behind', { dependsOn: ['each'] })]);
    await plan.expand('each', [0, 1, 2]);
    await plan.claimed('each[2]', 'each[1]');
    await plan.fail('each[2]', { ...FATAL, message: 'the last' });
    expect((await plan.step('each')).status).toBe('running');
    await plan.fail('each[1]', { code: 'timeout', message: 'the middle', retryable: false });
    await plan.runs('each[0]');
    expect(await plan.step('each')).toMatchObject({
      status: 'failed',
      error: { code: 'timeout', message: '2 of 3 failed; each[1]: the middle' },
    });
    expect((await plan.step('behind')).reason).toMatchObject({ kind: 'dependency_failed', detail: { stepId: 'each' } });
    await plan.runs('alone');
    expect((await plan.plan()).status).toBe('partial');
  });

  test('is stopped by the failure of another step: it ends with its last running child', async () => {
    const plan = await start([each(), step('bad'), step('behind', { dependsOn: ['each'] })], { maxParallelSteps: 2 });
    await plan.expand('each', [0, 1]);
    await plan.claimed('bad', 'each[0]');
    await plan.fail('bad');
    expect(await plan.statuses()).toEqual({
      each: 'running',
      'each[0]': 'running',
      'each[1]': 'cancelled',
      bad: 'failed',
      behind: 'cancelled',
    });
    await plan.release('each[0]');
    expect(await plan.step('each')).toMatchObject({ status: 'cancelled', reason: { kind: 'plan_stopped', detail: { stepId: 'bad' } } });
    expect(await plan.plan()).toMatchObject({ status: 'failed', error: { stepId: 'bad' } });
  });

  test('that cleans up runs through while the plan is stopping', async () => {
    const plan = await start(
      [
        step('bad'),
        each({ dependsOn: ['bad'], runIf: 'all_done', retry: { maxAttempts: 2, delayMs: 0 } }),
        step('other', { dependsOn: ['bad'] }),
      ],
      { maxParallelSteps: 1 },
    );
    await plan.claimed('bad');
    await plan.fail('bad');
    await plan.expand('each', [0, 1]);
    await plan.claimed('each[0]');
    await plan.fail('each[0]', BROKEN);
    await plan.runs('each[0]', 'each[1]');
    expect(await plan.statuses()).toEqual({
      bad: 'failed',
      each: 'completed',
      'each[0]': 'completed',
      'each[1]': 'completed',
      other: 'skipped',
    });
    expect(await plan.plan()).toMatchObject({ status: 'failed', error: { stepId: 'bad' } });
  });

  test('is cancelled with its plan: first its children, in order, then the step, and nothing is recorded any more', async () => {
    const plan = await start([each(), step('later', { dependsOn: ['each'] })], { maxParallelSteps: 2 });
    await plan.expand('each', [0, 1, 2]);
    await plan.runs('each[0]');
    await plan.claimed('each[1]');
    const before = (await plan.events()).length;
    await plan.store.cancelPlan(plan.planId, { actor: ANN });
    expect((await plan.events()).slice(before)).toEqual([
      'step.cancelled each[1]',
      'step.cancelled each[2]',
      'step.cancelled each',
      'step.cancelled later',
      'plan.cancelled',
    ]);
    expect(await plan.complete('each[1]')).toEqual({ ok: false, refusal: 'plan_not_executing' });
    expect(await plan.claim('each[2]')).toEqual({ ok: false, refusal: 'plan_not_executing' });
    expect(await plan.store.haltedPlans([plan.planId])).toEqual([{ planId: plan.planId, kind: 'cancel' }]);
    expect((await plan.step('each')).children?.[0]).toMatchObject({ status: 'completed', output: 'each[0]' });
  });

  test('ends with the time of its plan', async () => {
    const plan = await start([each(), step('behind', { dependsOn: ['each'] })], { maxParallelSteps: 2, planTimeoutMs: 5_000 });
    await plan.expand('each', [0, 1, 2]);
    await plan.claimed('each[0]', 'each[1]');
    clock.now += 4_999;
    expect(await clockRuns()).toEqual([]);
    clock.now += 1;
    expect(await clockRuns()).toEqual(['plan_timed_out']);
    expect(await plan.statuses()).toEqual({
      each: 'running',
      'each[0]': 'running',
      'each[1]': 'running',
      'each[2]': 'cancelled',
      behind: 'cancelled',
    });
    await plan.complete('each[1]');
    await plan.release('each[0]');
    const ended = await plan.plan();
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'timeout', stepId: null } });
    expect(ended.steps.map(({ status, reason }) => [status, reason?.kind])).toEqual([
      ['cancelled', 'plan_timeout'],
      ['cancelled', 'plan_timeout'],
    ]);
    expect(await clockRuns()).toEqual([]);
  });

  test('ends at once with the time of its plan when none of its children runs', async () => {
    const plan = await start([each()], { planTimeoutMs: 5_000 });
    await plan.expand('each', [0, 1]);
    clock.now += 5_000;
    expect(await clockRuns()).toEqual(['plan_timed_out']);
    expect(await plan.statuses()).toEqual({ each: 'cancelled', 'each[0]': 'cancelled', 'each[1]': 'cancelled' });
    expect((await plan.plan()).status).toBe('failed');
  });
});
