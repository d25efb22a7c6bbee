import { createRulesPlanner, type Planner, PlanningInterruptedError } from '@countersign/planner';
import { LIMITS } from '@countersign/shared';
import { type EmbeddedRedis, openStore, type Store, StoreUnavailableError, startEmbeddedRedis } from '@countersign/store';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { answer, askRevision, createPlan, GATED, LATE_ROUND, readPlan, TOOLS } from './asking-plans.ts';

let redis: EmbeddedRedis;
let store: Store;
let tests = 0;
beforeAll(async () => {
  redis = await startEmbeddedRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  store = openStore({ redis: { url: redis.url }, tag: `a${++tests}-` });
  await store.announceTools(TOOLS);
});
afterEach(() => store.close());

const plannerThat = (revise: Planner['revise']): Planner => ({ ...createRulesPlanner(), revise });

describe('two planners', () => {
  test('the second one takes the request over, and what the first one found is dropped', async () => {
    const job = await askRevision(store, await createPlan(store, GATED), 'Then count the files in test');
    let release = (): void => {};
    let wentOn = false;
    const first = answer(job, {
      store,
      planner: plannerThat(async ({ onRound }) => {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        await onRound(LATE_ROUND);
        wentOn = true;
        throw new Error('went on');
      }),
      token: 'first',
    });
    await vi.waitFor(async () => expect((await readPlan(store, job.planId)).planning?.status).toBe('planning'));
    const second = answer(job, {
      store,
      planner: plannerThat(async (request) => {
        release();
        expect(await first).toMatchObject({ outcome: 'dropped' });
        expect(wentOn).toBe(false);
        return createRulesPlanner().revise(request);
      }),
      token: 'second',
    });
    expect(await second).toMatchObject({ outcome: 'revised' });
    expect(await readPlan(store, job.planId)).toMatchObject({
      revision: 2,
      planning: { status: 'done', rounds: [{ reply: expect.stringContaining('count') }] },
    });
  });

  test('an interrupted one throws, so that the job is delivered again, and is no loss, however often', async () => {
    const job = await askRevision(store, await createPlan(store, GATED), 'Then count the files in test');
    for (let restart = 0; restart < LIMITS.planningTakeovers + 2; restart++) {
      const stopping = new AbortController();
      const planner = plannerThat(async () => {
        stopping.abort();
        throw new Error('interrupted');
      });
      await expect(answer(job, { store, planner, token: `planner-${restart}`, signal: stopping.signal })).rejects.toThrow(
        PlanningInterruptedError,
      );
    }
    expect(await answer(job, { store, planner: createRulesPlanner(), token: 'last' })).toMatchObject({ outcome: 'revised' });
  });

  test('five that just go away fail the request with the reason', async () => {
    const job = await askRevision(store, await createPlan(store, GATED), 'Then count the files in test');
    const hold = { planId: job.planId, number: job.request };
    for (let loss = 0; loss < LIMITS.planningTakeovers; loss++) await store.startRequest({ ...hold, token: `planner-${loss}` });
    expect(await answer(job, { store, planner: createRulesPlanner(), token: 'sixth' })).toMatchObject({ outcome: 'dropped' });
    expect((await readPlan(store, job.planId)).planning).toMatchObject({ status: 'failed', error: { code: 'planner_lost' } });
  });
});

test('a store that goes away while the model works is thrown, so that the job is delivered again', async () => {
  const own = await startEmbeddedRedis();
  const outer = store;
  store = openStore({ redis: { url: own.url }, commandTimeoutMs: 500 });
  await store.announceTools(TOOLS);
  const job = await askRevision(store, await createPlan(store, GATED), 'Then count the files in test');
  const planner = plannerThat(async () => {
    await own.kill();
    return { ok: false, error: { code: 'not_understood', message: 'what?', detail: {} } };
  });
  await expect(answer(job, { store, planner })).rejects.toThrow(StoreUnavailableError);
  await store.close();
  store = outer;
  await own.stop();
});
