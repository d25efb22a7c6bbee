import { createModel } from '@countersign/llm';
import { createOpenaiPlanner, createRulesPlanner, type Planner, PlanningInterruptedError, planTask } from '@countersign/planner';
import { DEFAULT_POLICY, LIMITS, type PlanDraft, type PlanOptionsInput } from '@countersign/shared';
import { type EmbeddedRedis, openStore, type Store, StoreUnavailableError, startEmbeddedRedis } from '@countersign/store';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ModelBehaviour, type ModelServer, startModelServer } from '../model-server/model-server.ts';
import { COUNT, LATE_ROUND } from './asking-plans.ts';

const ACTOR = { id: 'ada', roles: ['submitter'] as const };
const GOOD = {
  content: {
    problem: '',
    description: 'Counts.',
    steps: [{ id: 'a', tool: 'count', description: '', input: '{"path":"src"}', dependsOn: [] }],
  },
};

let redis: EmbeddedRedis;
let store: Store;
let server: ModelServer | null = null;
let tests = 0;
beforeAll(async () => {
  redis = await startEmbeddedRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  store = openStore({ redis: { url: redis.url }, tag: `t${++tests}-` });
  await store.announceTools([COUNT]);
});
afterEach(async () => {
  await server?.close();
  server = null;
  await store.close();
});

async function createTask({ options = {}, tools = null }: { options?: PlanOptionsInput; tools?: string[] | null } = {}): Promise<string> {
  const created = await store.createTask({
    request: { objective: 'Count the files in src', input: {}, options, tools, template: null },
    actor: ACTOR,
  });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

async function modelPlanner(behaviour: ModelBehaviour): Promise<Planner> {
  server = await startModelServer(behaviour);
  return createOpenaiPlanner(createModel({ apiKey: null, baseUrl: server.url, model: 'tiny' }));
}

interface RunOptions {
  token?: string;
  signal?: AbortSignal;
  toolsWithinMs?: number;
}
const run = (
  taskId: string,
  planner: Planner,
  { token = 'one', signal = new AbortController().signal, toolsWithinMs = 0 }: RunOptions = {},
) => planTask(taskId, { store, planner, newToken: () => token, signal, watchEveryMs: 20, toolsWithinMs });

const plannerThat = (plan: Planner['plan']): Planner => ({ ...createRulesPlanner(), plan });

describe('a task', () => {
  test('taken from the queue becomes a plan that waits for approval, with the rounds that led to it', async () => {
    const planner = await modelPlanner([{ content: { steps: [] } }, GOOD]);
    const consumer = store.consumePlanning(async (job) => ('taskId' in job ? run(job.taskId, planner) : undefined), {
      concurrency: 1,
      onError: () => {},
    });
    const taskId = await createTask();
    await vi.waitFor(async () => expect((await store.getTask(taskId))?.status).toBe('planned'), { timeout: 20_000 });
    await consumer.close();
    const task = await store.getTask(taskId);
    expect(task?.rounds).toMatchObject([
      { round: 1, issues: [{ code: 'limit_exceeded' }] },
      { round: 2, issues: [], model: 'tiny' },
    ]);
    const plan = await store.getPlan(task?.planId ?? '');
    expect(plan).toMatchObject({
      status: 'pending_approval',
      taskId,
      createdBy: 'ada',
      quorum: 1,
      steps: [{ id: 'a', input: { path: 'src' } }],
    });
    expect(await store.listRevisions(plan?.id ?? '')).toMatchObject([{ revision: 1, origin: 'openai', digest: plan?.digest }]);
  });

  test('leaves the version of the prompts on its rounds, its plan and the revision, and what it took on the plan', async () => {
    const taskId = await createTask();
    const planner = await modelPlanner([{ content: { steps: [] } }, GOOD]);
    const result = await run(taskId, planner);
    if (result.outcome !== 'planned') throw new Error(JSON.stringify(result));
    const { promptVersion = '' } = planner;
    expect(promptVersion).not.toBe('');
    expect((await store.getTask(taskId))?.rounds).toMatchObject([{ promptVersion }, { promptVersion }]);
    const usage = { calls: 2, inputTokens: 200, outputTokens: 40, costUsd: null };
    expect(await store.getPlan(result.planId)).toMatchObject({ promptVersion, usage });
    expect(await store.listRevisions(result.planId)).toMatchObject([{ promptVersion }]);
  });

  test('may use its own tools only, whatever a planner writes', async () => {
    await store.announceTools([COUNT, { ...COUNT, name: 'rm' }]);
    const draft = { objective: 'x', steps: [{ id: 'a', tool: 'rm', input: { path: 'x' } }] };
    const all = plannerThat(async () => ({ ok: true, draft }));
    expect(await run(await createTask({ tools: ['count'] }), all)).toMatchObject({
      outcome: 'failed',
      error: { code: 'invalid_plan', detail: { issues: [{ path: 'steps[0].tool', code: 'unknown_tool' }] } },
    });
    expect(await run(await createTask(), all)).toMatchObject({ outcome: 'planned' });
    await modelPlanner([GOOD]).then(async (planner) => run(await createTask({ tools: ['count'] }), planner));
    const prompt = JSON.stringify(server?.requests[0]?.body);
    expect(prompt).toContain('count');
    expect(prompt).not.toMatch(/\brm\b/);
  });

  test('that asks for no approval gets a plan that has started', async () => {
    await store.announcePolicy(DEFAULT_POLICY.version);
    const result = await run(await createTask({ options: { requireApproval: false } }), createRulesPlanner());
    if (result.outcome !== 'planned') throw new Error(JSON.stringify(result));
    expect(await store.getPlan(result.planId)).toMatchObject({ status: 'executing', quorum: 0, autoApproved: 'requireApproval is false' });
  });

  test('whose options are wrong fails with the issue', async () => {
    const taskId = await createTask({ options: { maxParallelSteps: 0 } });
    expect(await run(taskId, createRulesPlanner())).toMatchObject({ outcome: 'failed', error: { code: 'invalid_plan' } });
    expect(await store.getTask(taskId)).toMatchObject({
      status: 'failed',
      error: { detail: { issues: [{ path: 'options.maxParallelSteps' }] } },
    });
  });
});

test('a plan may call a condition by its name once an executor has announced it', async () => {
  const planner = plannerThat(async ({ conditions }) => ({
    ok: true,
    draft: {
      objective: 'x',
      description: [...(conditions ?? [])].join(),
      steps: [{ id: 'a', tool: 'count', input: { path: 'x' }, when: 'quiet' }],
    },
  }));
  expect(await run(await createTask(), planner)).toMatchObject({
    outcome: 'failed',
    error: { detail: { issues: [{ code: 'bad_condition' }] } },
  });
  await store.announceConditions(['quiet']);
  const result = await run(await createTask(), planner);
  if (result.outcome !== 'planned') throw new Error(JSON.stringify(result));
  expect(await store.getPlan(result.planId)).toMatchObject({ description: 'quiet', steps: [{ when: 'quiet' }] });
});

describe('a budget', () => {
  const limited = async (behaviour: ModelBehaviour, budget: { maxTokens?: number; maxRounds?: number }): Promise<Planner> => {
    server = await startModelServer(behaviour);
    const model = createModel({ apiKey: null, baseUrl: server.url, model: 'tiny' });
    return createOpenaiPlanner(model, { budget: { maxTokens: 1_000_000, maxRounds: 100, maxCostUsd: null, ...budget } });
  };

  test('ends the planning of a task clearly, with the rounds that used it up', async () => {
    const taskId = await createTask();
    expect(await run(taskId, await limited([{ content: { steps: [] } }], { maxTokens: 240 }))).toMatchObject({ outcome: 'failed' });
    expect(await store.getTask(taskId)).toMatchObject({
      status: 'failed',
      error: { code: 'budget_exceeded', message: expect.stringMatching(/240 of 240 tokens.*TASK_MAX_TOKENS/) },
      rounds: [{ round: 1 }, { round: 2 }],
      usage: { calls: 2 },
    });
  });

  test('counts what an interrupted planning of the task took', async () => {
    const taskId = await createTask();
    const stop = new AbortController();
    const first = await limited((_, index) => (index === 0 ? { content: { steps: [] } } : { hang: 'before headers' }), { maxRounds: 2 });
    const interrupted = run(taskId, first, { signal: stop.signal }).catch((error: unknown) => error);
    await vi.waitFor(() => expect(server?.requests).toHaveLength(2));
    stop.abort();
    expect(await interrupted).toBeInstanceOf(PlanningInterruptedError);
    await server?.close();
    expect(await run(taskId, await limited([GOOD], { maxRounds: 1 }), { token: 'two' })).toMatchObject({
      outcome: 'failed',
      error: { code: 'budget_exceeded', message: expect.stringContaining('1 of 1 rounds') },
    });
    expect(await store.getTask(taskId)).toMatchObject({ usage: { calls: 1 } });
  });
});

describe('a task with a template', () => {
  const steps = [{ id: 'a', tool: 'count', input: { path: '{{input.path}}' } }];
  const request = { objective: 'Count', input: { path: 'src' }, options: {}, tools: null, template: { name: 'count', digest: 'sha256:0' } };
  const create = async (draft?: PlanDraft): Promise<string> => {
    const created = await store.createTask({ request, draft, actor: ACTOR });
    if (!created.ok) throw new Error(created.refusal.message);
    return created.value.id;
  };
  const neverAsked = plannerThat(() => Promise.reject(new Error('was asked')));

  test('gets the plan that was stored with it, and no planner is asked', async () => {
    const taskId = await create({ objective: 'Count', description: 'Counts files.', steps });
    const result = await run(taskId, neverAsked);
    if (result.outcome !== 'planned') throw new Error(JSON.stringify(result));
    expect(await store.getPlan(result.planId)).toMatchObject({
      origin: 'template',
      promptVersion: null,
      description: 'Counts files.',
      steps,
    });
    expect((await store.getTask(taskId))?.rounds).toMatchObject([{ round: 1, planner: 'template', model: null, issues: [], error: null }]);
  });

  test('whose plan does not validate fails with the issues, on the task and in its round', async () => {
    const taskId = await create({
      objective: 'Count',
      steps: [
        { id: 'a', tool: 'rm' },
        { id: 'b', tool: 'count' },
      ],
    });
    const issues = [
      { path: 'steps[0].tool', code: 'unknown_tool' },
      { path: 'steps[1].input.path', code: 'bad_input' },
    ];
    expect(await run(taskId, neverAsked)).toMatchObject({ outcome: 'failed', error: { code: 'invalid_plan', detail: { issues } } });
    expect((await store.getTask(taskId))?.rounds).toMatchObject([{ planner: 'template', issues }]);
  });

  test('but without a plan fails rather than be planned by somebody else', async () => {
    expect(await run(await create(), neverAsked)).toMatchObject({
      outcome: 'failed',
      error: { code: 'planner_fault', message: expect.stringContaining('the task names the template count and has no plan made from it') },
    });
  });
});

describe('what goes wrong is recorded on the task', () => {
  test.each([
    ['a refusal of the model', () => modelPlanner([{ refusal: 'No.' }]), 'model_refused'],
    ['an exception', () => plannerThat(async () => Promise.reject(new TypeError('boom'))), 'planner_fault'],
    [
      'a draft that does not validate',
      () => plannerThat(async () => ({ ok: true, draft: { objective: 'x', steps: [{ id: 'a', tool: 'rm' }] } })),
      'invalid_plan',
    ],
    [
      'an answer of no use',
      () => plannerThat(async () => ({ ok: false, error: { code: 'not_understood', message: 'what?', detail: { a: 1 } } })),
      'not_understood',
    ],
  ])('%s', async (_, makePlanner, code) => {
    const taskId = await createTask();
    expect(await run(taskId, await makePlanner())).toMatchObject({ outcome: 'failed', error: { code } });
    expect(await store.getTask(taskId)).toMatchObject({
      status: 'failed',
      planId: null,
      error: { code, message: expect.stringMatching(/.{3}/) },
    });
  });

  test('that none of the allowed tools is there, naming those that are', async () => {
    const result = await run(await createTask({ tools: ['rm'] }), createRulesPlanner());
    expect(result).toMatchObject({ outcome: 'failed', error: { code: 'no_tools', message: expect.stringContaining('there are count') } });
  });

  test('that no executor has announced anything', async () => {
    const bare = openStore({ redis: { url: redis.url }, tag: `bare${tests}-` });
    const created = await bare.createTask({
      request: { objective: 'Count', input: {}, options: {}, tools: null, template: null },
      actor: ACTOR,
    });
    if (!created.ok) throw new Error(created.refusal.message);
    const result = await planTask(created.value.id, {
      store: bare,
      planner: createRulesPlanner(),
      newToken: () => 'one',
      signal: new AbortController().signal,
      toolsWithinMs: 0,
    });
    expect(result).toMatchObject({ outcome: 'failed', error: { code: 'no_tools', message: expect.stringContaining('start an executor') } });
    await bare.close();
  });
});

test('tools that are announced a little later than the task came are waited for', async () => {
  const taskId = await createTask({ tools: ['late'] });
  const running = run(
    taskId,
    plannerThat(async ({ tools }) => ({
      ok: true,
      draft: { objective: 'x', steps: [{ id: 'a', tool: tools[0]?.name ?? '', input: { path: 'x' } }] },
    })),
    { toolsWithinMs: 30_000 },
  );
  await vi.waitFor(async () => expect((await store.getTask(taskId))?.status).toBe('planning'));
  await store.announceTools([{ ...COUNT, name: 'late' }]);
  expect(await running).toMatchObject({ outcome: 'planned' });
});

describe('a cancel', () => {
  test('while the model works ends the call and stores nothing', async () => {
    const planner = await modelPlanner([{ hang: 'before headers' }]);
    const taskId = await createTask();
    const running = run(taskId, planner);
    await vi.waitFor(() => expect(server?.requests).toHaveLength(1));
    await store.cancelTask(taskId, { actor: ACTOR });
    expect(await running).toEqual({ outcome: 'dropped', reason: 'the task is cancelled' });
    await vi.waitFor(() => expect(server?.abandoned).toBe(1));
    expect(await store.getTask(taskId)).toMatchObject({ status: 'cancelled', planId: null, rounds: [], error: null });
    expect(await store.listPlans({ limit: 10 })).toMatchObject({ items: [] });
  });

  test('that comes right before the plan is stored wins', async () => {
    const taskId = await createTask();
    const planner = plannerThat(async () => {
      await store.cancelTask(taskId, { actor: ACTOR });
      return { ok: true, draft: { objective: 'x', steps: [{ id: 'a', tool: 'count', input: { path: 'x' } }] } };
    });
    expect(await run(taskId, planner)).toMatchObject({ outcome: 'dropped' });
    expect(await store.listPlans({ limit: 10 })).toMatchObject({ items: [] });
  });

  test('before planning ends it quietly, without asking the planner', async () => {
    const taskId = await createTask();
    await store.cancelTask(taskId, { actor: ACTOR });
    const planner = plannerThat(() => Promise.reject(new Error('was asked')));
    expect(await run(taskId, planner)).toMatchObject({ outcome: 'dropped' });
    expect(await store.getTask(taskId)).toMatchObject({ status: 'cancelled', error: null });
  });
});

describe('two planners', () => {
  test('the second one takes the task over, and what the first one found is dropped', async () => {
    const planner = await modelPlanner((_, index) => (index === 0 ? { hang: 'before headers' } : GOOD));
    const taskId = await createTask();
    const stopped = new AbortController();
    let release = (): void => {};
    let wentOn = false;
    const first = run(
      taskId,
      plannerThat(async ({ onRound }) => {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        await onRound(LATE_ROUND);
        wentOn = true;
        return { ok: false, error: { code: 'late', message: 'too late', detail: {} } };
      }),
      { token: 'first', signal: stopped.signal },
    );
    await vi.waitFor(async () => expect((await store.getTask(taskId))?.status).toBe('planning'));
    const second = run(taskId, planner, { token: 'second' });
    await vi.waitFor(() => expect(server?.requests).toHaveLength(1));
    release();
    expect(await first).toMatchObject({ outcome: 'dropped' });
    expect(wentOn).toBe(false);
    expect(await store.getTask(taskId)).toMatchObject({ status: 'planning', rounds: [], error: null });
    const third = await run(taskId, planner, { token: 'third' });
    expect(third).toMatchObject({ outcome: 'planned' });
    expect(await second).toMatchObject({ outcome: 'dropped', reason: 'the task is planned' });
  });

  test('an interrupted one throws, so that the job is delivered again, and leaves the task to be taken over', async () => {
    const planner = await modelPlanner((_, index) => (index === 0 ? { hang: 'before headers' } : GOOD));
    const taskId = await createTask();
    const stopping = new AbortController();
    const running = run(taskId, planner, { signal: stopping.signal });
    await vi.waitFor(() => expect(server?.requests).toHaveLength(1));
    stopping.abort();
    await expect(running).rejects.toThrow(PlanningInterruptedError);
    expect(await store.getTask(taskId)).toMatchObject({ status: 'planning', rounds: [], error: null });
    expect(await run(taskId, planner, { token: 'two' })).toMatchObject({ outcome: 'planned' });
  });

  test('planners that end in good order are no losses: the task is not given up, however many they are', async () => {
    const taskId = await createTask();
    for (let restart = 0; restart < LIMITS.planningTakeovers + 2; restart++) {
      const stopping = new AbortController();
      const planner = plannerThat(async () => {
        stopping.abort();
        throw new Error('interrupted');
      });
      await expect(run(taskId, planner, { token: `planner-${restart}`, signal: stopping.signal })).rejects.toThrow(
        PlanningInterruptedError,
      );
    }
    expect(await store.getTask(taskId)).toMatchObject({ status: 'planning', error: null });
  });

  test('planners that just go away are: the task is given up with the reason', async () => {
    const taskId = await createTask();
    for (let loss = 0; loss < LIMITS.planningTakeovers; loss++) await store.startPlanning(taskId, `planner-${loss}`);
    expect(await store.getTask(taskId)).toMatchObject({ status: 'planning' });
    expect((await store.startPlanning(taskId, 'one-more')).ok).toBe(false);
    expect(await store.getTask(taskId)).toMatchObject({ status: 'failed', error: { code: 'planner_lost' } });
  });
});

test('a store that goes away while the model works is thrown, so that the job is delivered again', async () => {
  const own = await startEmbeddedRedis();
  const away = openStore({ redis: { url: own.url }, commandTimeoutMs: 500 });
  await away.announceTools([COUNT]);
  const created = await away.createTask({
    request: { objective: 'Count', input: {}, options: {}, tools: null, template: null },
    actor: ACTOR,
  });
  if (!created.ok) throw new Error(created.refusal.message);
  const planner = plannerThat(async () => {
    await own.kill();
    return { ok: false, error: { code: 'not_understood', message: 'what?', detail: {} } };
  });
  const deps = { store: away, planner, newToken: () => 'one', signal: new AbortController().signal };
  await expect(planTask(created.value.id, deps)).rejects.toThrow(StoreUnavailableError);
  await away.close();
  await own.stop();
});
