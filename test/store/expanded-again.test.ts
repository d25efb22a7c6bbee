/** A forEach step whose children are there, through pauses, retries and revisions. */
import { describe, expect, test } from 'vitest';
import { children, draft, each, step, useForEachTrial } from './for-each-trial.ts';
import { ANN, BROKEN, type PlanByHand } from './plan-by-hand.ts';

const { clock, start } = useForEachTrial();
const BY = { actor: ANN };

describe('a pause', () => {
  test('lets running children finish and holds back the others; resume delivers what was queued anew', async () => {
    const plan = await start([each({ retry: { maxAttempts: 2, delayMs: 1_000 } }), step('after', { dependsOn: ['each'] })], {
      maxParallelSteps: 3,
    });
    await plan.expand('each', [0, 1, 2, 3, 4]);
    await plan.claimed('each[0]', 'each[1]');
    await plan.fail('each[1]', BROKEN, 1_000);
    await plan.deliveries();
    await plan.store.pausePlan(plan.planId, BY);
    await plan.complete('each[0]');
    expect(await plan.claim('each[2]')).toEqual({ ok: false, refusal: 'plan_not_executing' });
    clock.now += 1_000;
    expect(await plan.claim('each[1]')).toEqual({ ok: false, refusal: 'plan_not_executing' });
    expect(await plan.statuses()).toMatchObject({
      each: 'running',
      'each[0]': 'completed',
      'each[1]': 'retrying',
      'each[2]': 'queued',
      'each[3]': 'queued',
      'each[4]': 'ready',
    });
    expect((await plan.step('each')).children?.map(({ reason }) => reason?.kind ?? null)).toEqual([
      null,
      'paused',
      'paused',
      'paused',
      'paused',
    ]);
    await plan.eventsAgree();

    await plan.store.resumePlan(plan.planId, BY);
    expect(await plan.deliveries()).toEqual(['each[2]', 'each[3]', 'each[1]']);
    await plan.runs('each[1]', 'each[2]', 'each[3]', 'each[4]');
    expect((await plan.step('each')).output).toEqual(children(5));
    await plan.runs('after');
    expect((await plan.plan()).status).toBe('completed');
  });

  test('in which the last child ends: its step ends, and what comes after waits for the resume', async () => {
    const plan = await start([each(), step('after', { dependsOn: ['each'] })]);
    await plan.expand('each', [0]);
    await plan.claimed('each[0]');
    await plan.store.pausePlan(plan.planId, BY);
    await plan.complete('each[0]');
    expect(await plan.statuses()).toMatchObject({ each: 'completed', after: 'ready' });
    expect(await plan.deliveries()).toEqual([]);
    await plan.store.resumePlan(plan.planId, BY);
    await plan.runs('after');
    expect((await plan.plan()).status).toBe('completed');
  });

  test('in which a child is taken over: it finishes', async () => {
    const plan = await start([each()]);
    await plan.expand('each', [0]);
    await plan.claimed('each[0]');
    await plan.store.pausePlan(plan.planId, BY);
    expect(await plan.claim('each[0]', 'the next one')).toMatchObject({ ok: true });
    await plan.store.completeStep(plan.hold('each[0]', 'the next one'), '1');
    expect(await plan.plan()).toMatchObject({ status: 'completed', progress: { completed: 1 } });
  });
});

describe('a retry', () => {
  test('of the step that failed keeps its completed children; the others run under a new generation', async () => {
    const plan = await start([step('first'), each({ dependsOn: ['first'], onError: 'continue' }), step('behind', { dependsOn: ['each'] })]);
    await plan.runs('first');
    await plan.expand('each', [0, 1, 2]);
    await plan.runs('each[0]', 'each[2]');
    await plan.claimed('each[1]');
    await plan.fail('each[1]');
    expect((await plan.plan()).status).toBe('partial');
    await plan.store.retryPlan(plan.planId, BY);
    expect(await plan.statuses()).toEqual({ first: 'completed', each: 'queued', behind: 'pending' });
    expect((await plan.step('each')).children).toBeNull();

    await plan.expand('each', [0, 1, 2]);
    expect((await plan.step('each')).children?.map(({ status, generation, output }) => [status, generation, output])).toEqual([
      ['completed', 1, 'each[0]'],
      ['queued', 2, null],
      ['completed', 1, 'each[2]'],
    ]);
    await plan.eventsAgree();
    await plan.runs('each[1]', 'behind');
    expect(await plan.step('each')).toMatchObject({ status: 'completed', generation: 2, output: children(3) });
    expect((await plan.plan()).status).toBe('completed');
  });

  test('of the step alone, twice: what completed in either round stays', async () => {
    const plan = await start([each({ onError: 'continue' }), step('other')]);
    await plan.runs('other');
    const failing = [children(3), ['each[1]', 'each[2]'], ['each[2]']];
    for (const [round, ids] of failing.entries()) {
      await plan.expand('each', ['x', 'y', 'z']);
      await plan.runs(ids[0] ?? '');
      for (const id of ids.slice(1)) {
        await plan.claimed(id);
        await plan.fail(id);
      }
      await plan.eventsAgree();
      if (round < 2) expect(await plan.store.retryStep(plan.planId, 'each', BY)).toMatchObject({ ok: true });
    }
    expect((await plan.step('each')).children?.map(({ generation, item }) => [generation, item])).toEqual([
      [1, 'x'],
      [2, 'y'],
      [3, 'z'],
    ]);
    expect((await plan.plan()).status).toBe('completed');
  });

  test('of a step all of whose children had completed, and whose outputs were too large, fails again at once', async () => {
    const plan = await start([each()]);
    await plan.expand('each', [0, 1]);
    for (const id of children(2)) {
      await plan.claimed(id);
      await plan.complete(id, 'x'.repeat(600_000));
    }
    await plan.store.retryPlan(plan.planId, BY);
    await plan.expand('each', [0, 1]);
    expect(await plan.plan()).toMatchObject({ status: 'failed', error: { code: 'output_too_large' } });
    expect(await plan.deliveries()).toEqual([]);
  });

  test('from what the list comes from has every element of the new list run', async () => {
    const plan = await start([step('list'), each({ dependsOn: ['list'], onError: 'continue' })]);
    await plan.runs('list');
    await plan.expand('each', [0, 1, 2]);
    await plan.runs('each[0]', 'each[2]');
    await plan.claimed('each[1]');
    await plan.fail('each[1]');
    await plan.store.retryPlan(plan.planId, { ...BY, from: ['list'] });
    await plan.eventsAgree();
    await plan.runs('list');
    await plan.expand('each', ['new']);
    expect((await plan.step('each')).children).toMatchObject([{ item: 'new', status: 'queued', generation: 2 }]);
    await plan.eventsAgree();
    await plan.runs('each[0]');
    expect((await plan.step('each')).output).toEqual(['each[0]']);
  });

  test('after a stop has a step that was cancelled with its children run anew', async () => {
    const plan = await start([each(), step('bad')], { maxParallelSteps: 2 });
    await plan.expand('each', [0, 1]);
    await plan.runs('each[0]');
    await plan.claimed('bad', 'each[1]');
    await plan.fail('bad');
    await plan.release('each[1]');
    await plan.store.retryPlan(plan.planId, BY);
    await plan.eventsAgree();
    await plan.expand('each', [0, 1]);
    await plan.runs('each[0]', 'each[1]', 'bad');
    expect((await plan.plan()).status).toBe('completed');
    expect((await plan.step('each')).children?.map(({ generation }) => generation)).toEqual([2, 2]);
  });

  describe('of a step that was stopped before it was expanded again', () => {
    const twiceRetried = async (from: string[] | undefined): Promise<PlanByHand> => {
      const plan = await start([step('list'), each({ dependsOn: ['list'], onError: 'continue' }), step('bad', { dependsOn: ['list'] })]);
      await plan.runs('list');
      await plan.expand('each', ['x', 'y']);
      await plan.runs('each[0]');
      await plan.claimed('each[1]');
      await plan.fail('each[1]');
      await plan.claimed('bad');
      await plan.fail('bad');
      await plan.store.retryPlan(plan.planId, BY);
      await plan.claimed('bad');
      await plan.fail('bad');
      expect(await plan.statuses()).toMatchObject({ each: 'cancelled', bad: 'failed' });
      await plan.store.retryPlan(plan.planId, { ...BY, from });
      return plan;
    };

    test('still keeps what had completed', async () => {
      const plan = await twiceRetried(undefined);
      await plan.expand('each', ['x', 'y']);
      expect((await plan.step('each')).children?.map(({ status, generation }) => [status, generation])).toEqual([
        ['completed', 1],
        ['queued', 3],
      ]);
      await plan.runs('each[1]', 'bad');
      expect((await plan.step('each')).output).toEqual(children(2));
    });

    test('keeps nothing where the list is made anew', async () => {
      const plan = await twiceRetried(['list']);
      await plan.runs('list');
      await plan.expand('each', ['new', 'new too']);
      expect((await plan.step('each')).children).toMatchObject([
        { item: 'new', status: 'queued', output: null },
        { item: 'new too', status: 'queued', output: null },
      ]);
      await plan.runs('each[0]', 'each[1]', 'bad');
      expect((await plan.plan()).status).toBe('completed');
    });
  });

  test('while a child of the failed step still runs takes nothing from it', async () => {
    const plan = await start([each({ onError: 'continue' }), step('bad', { onError: 'continue' })]);
    await plan.expand('each', [0, 1]);
    await plan.claimed('each[0]', 'bad');
    await plan.fail('bad');
    await plan.store.retryStep(plan.planId, 'bad', BY);
    expect(await plan.store.retryStep(plan.planId, 'each', BY)).toMatchObject({ ok: false, refusal: { code: 'wrong_state' } });
    await plan.complete('each[0]');
    await plan.runs('each[1]', 'bad');
    expect((await plan.plan()).status).toBe('completed');
  });
});

describe('a revision', () => {
  test('that leaves a completed step as it is keeps its children with what they gave', async () => {
    const plan = await start([each(), step('bad', { dependsOn: ['each'] })]);
    await plan.expand('each', ['x', 'y']);
    await plan.runs('each[1]', 'each[0]');
    const before = await plan.step('each');
    await plan.claimed('bad');
    await plan.fail('bad');
    await plan.revise(draft([each(), step('good', { dependsOn: ['each'] })]));
    const pinned = await plan.step('each');
    expect(pinned).toMatchObject({ status: 'completed', reason: { kind: 'pinned', detail: { revision: 1 } }, output: children(2) });
    expect(pinned.children).toEqual(before.children);
    await plan.eventsAgree();
    await plan.runs('good');
    expect((await plan.plan()).status).toBe('completed');
  });

  test('that changes the step, or keeps one that had failed, expands it anew', async () => {
    const plan = await start([each({ onError: 'continue' }), step('other')]);
    await plan.expand('each', ['x', 'y']);
    await plan.runs('each[0]', 'other');
    await plan.claimed('each[1]');
    await plan.fail('each[1]');
    await plan.revise(draft([each({ onError: 'continue' }), step('other'), step('more')]));
    expect((await plan.step('each')).children).toBeNull();
    await plan.eventsAgree();
    await plan.expand('each', ['z']);
    await plan.runs('each[0]', 'more');
    expect((await plan.step('each')).children).toMatchObject([{ item: 'z', generation: 2 }]);
    await plan.eventsAgree();
    expect((await plan.plan()).status).toBe('completed');
  });
});
