/** The children of a forEach step, each run by hand. */
import { LIMITS } from '@countersign/shared';
import { describe, expect, test } from 'vitest';
import { children, each, step, useForEachTrial } from './for-each-trial.ts';
import { ANN, BROKEN } from './plan-by-hand.ts';

const { clock, start } = useForEachTrial();

describe('children', () => {
  test('end in any order, and the output of their step is the list in theirs', async () => {
    const plan = await start([each(), step('after', { dependsOn: ['each'] })]);
    await plan.expand('each', ['x', { y: [] }, 12345678901234567890n.toString()]);
    expect(await plan.deliveries()).toEqual(children(3));
    expect(await plan.statuses()).toEqual({
      each: 'running',
      after: 'pending',
      'each[0]': 'queued',
      'each[1]': 'queued',
      'each[2]': 'queued',
    });
    await plan.claimed('each[2]', 'each[0]');
    await plan.complete('each[2]', 2);
    await plan.runs('each[1]');
    expect((await plan.step('each')).output).toBeNull();
    expect((await plan.plan()).progress).toMatchObject({ total: 2, running: 1, completed: 0, waiting: 1, percent: 0 });
    await plan.complete('each[0]', { z: {} });
    expect(await plan.step('each')).toMatchObject({ status: 'completed', attempt: 1, output: [{ z: {} }, 'each[1]', 2] });
    expect((await plan.step('each')).children?.map(({ item, output }) => [item, output])).toEqual([
      ['x', { z: {} }],
      [{ y: [] }, 'each[1]'],
      ['12345678901234567890', 2],
    ]);
    await plan.runs('after');
    expect(await plan.plan()).toMatchObject({ status: 'completed', progress: { total: 2, completed: 2, percent: 100 } });
  });

  test('take places under the cap, in their order and before later steps; their step takes none', async () => {
    const plan = await start([each(), step('later')], { maxParallelSteps: 2 });
    expect(await plan.deliveries()).toEqual(['each', 'later']);
    await plan.expand('each', [0, 1, 2]);
    expect(await plan.deliveries()).toEqual(['each[0]']);
    expect((await plan.step('each')).children?.[1]?.reason).toMatchObject({ kind: 'cap', detail: { cap: 2 } });
    await plan.runs('each[0]');
    expect(await plan.deliveries()).toEqual(['each[1]']);
    await plan.runs('later');
    expect(await plan.deliveries()).toEqual(['each[2]']);
    await plan.runs('each[2]', 'each[1]');
    expect((await plan.plan()).status).toBe('completed');
  });

  test('come before a later step that waits for the cap since before they were there', async () => {
    const plan = await start([each(), step('later')], { maxParallelSteps: 1 });
    expect(await plan.deliveries()).toEqual(['each']);
    await plan.expand('each', [0, 1]);
    for (const id of ['each[0]', 'each[1]', 'later']) {
      expect(await plan.deliveries()).toEqual([id]);
      await plan.runs(id);
    }
    expect((await plan.plan()).status).toBe('completed');
  });

  test('are taken over when their executor goes away: the same attempt, and what the first one says late is refused', async () => {
    const plan = await start([each()]);
    await plan.expand('each', [0, 1]);
    await plan.claimed('each[0]');
    expect(await plan.claim('each[0]', 'the next one')).toMatchObject({ ok: true, claim: { attempt: 1 } });
    expect(await plan.complete('each[0]')).toEqual({ ok: false, refusal: 'stale_token' });
    const takeover = (await plan.store.readEvents(plan.planId)).at(-1);
    expect(takeover).toMatchObject({ type: 'step.started', stepId: 'each[0]', attempt: 1, data: { takeover: 1 } });
    expect(await plan.store.completeStep(plan.hold('each[0]', 'the next one'), '"taken over"')).toEqual({ ok: true });
    await plan.runs('each[1]');
    expect((await plan.step('each')).output).toEqual(['taken over', 'each[1]']);
  });

  test('that take down one executor after the other fail, and their step with them', async () => {
    const plan = await start([each({ onError: 'continue' })]);
    await plan.expand('each', [0, 1]);
    for (let crash = 0; crash < LIMITS.crashes; crash++)
      expect(await plan.claim('each[0]', `executor ${crash}`)).toMatchObject({ ok: true });
    expect(await plan.claim('each[0]', 'the last one')).toEqual({ ok: false, refusal: 'too_many_crashes' });
    await plan.runs('each[1]');
    expect(await plan.step('each')).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining(`each[0]: gave up: ${LIMITS.crashes} executors`) },
    });
  });

  test('are retried by themselves, with a backoff of their own, and can be handed back', async () => {
    const plan = await start([each({ retry: { maxAttempts: 2, delayMs: 1_000 } })], { maxParallelSteps: 2 });
    await plan.expand('each', [0, 1, 2]);
    await plan.claimed('each[0]');
    await plan.fail('each[0]', BROKEN, 1_000);
    // Its place goes to the next one meanwhile.
    expect(await plan.deliveries()).toContain('each[2]');
    expect((await plan.step('each')).children?.[0]).toMatchObject({
      status: 'retrying',
      attempt: 1,
      error: BROKEN,
      reason: { kind: 'backoff', detail: { attempt: 2, maxAttempts: 2 } },
    });
    expect(await plan.claim('each[0]')).toMatchObject({ ok: false, refusal: 'not_due', dueInMs: 1_000 });
    clock.now += 1_000;
    expect(await plan.claim('each[0]')).toEqual({ ok: false, refusal: 'parked' });
    await plan.claimed('each[1]');
    await plan.release('each[1]');
    expect((await plan.step('each')).children?.slice(0, 2)).toMatchObject([
      { status: 'queued', attempt: 1 },
      { status: 'retrying', attempt: 0 },
    ]);
    await plan.claimed('each[0]');
    await plan.fail('each[0]', BROKEN, 1_000);
    expect(await plan.step('each')).toMatchObject({
      status: 'failed',
      error: { code: 'tool_error', message: '1 of 3 failed; each[0]: broken', retryable: false },
    });
  });

  test('are nobody’s to decide, skip or retry by themselves', async () => {
    const plan = await start([each({ onError: 'continue' })]);
    await plan.expand('each', [0, 1]);
    await plan.claimed('each[0]');
    await plan.fail('each[0]');
    const by = { actor: ANN };
    const before = await plan.events();
    for (const answer of [
      await plan.store.skipStep(plan.planId, 'each[1]', by),
      await plan.store.retryStep(plan.planId, 'each[0]', by),
      await plan.store.approveGate(plan.planId, 'each[1]', by),
      await plan.store.rejectGate(plan.planId, 'each[1]', by),
    ])
      expect(answer).toMatchObject({ ok: false, refusal: { code: 'not_found' } });
    expect(await plan.events()).toEqual(before);
  });
});
