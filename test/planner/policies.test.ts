/** What planners do about plans that policy denies, and whose plans theirs are. */
import { createModel } from '@countersign/llm';
import { answerRequest, createOpenaiPlanner, createRulesPlanner, type Planner, planTask } from '@countersign/planner';
import { type Json, type PlanOptionsInput, type PolicyInForce, readPolicy, type ToolContract } from '@countersign/shared';
import { type EmbeddedRedis, openStore, type Store, startEmbeddedRedis } from '@countersign/store';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ModelBehaviour, type ModelServer, startModelServer } from '../model-server/model-server.ts';
import { askRevision, COUNT, createPlan, GATED, readPlan, reply, step } from './asking-plans.ts';

const REMOVE: ToolContract = { ...COUNT, name: 'remove', description: 'Removes a folder', examples: [] };
const ADA = { id: 'ada', roles: ['submitter', 'operator'] as const };

let redis: EmbeddedRedis;
let store: Store;
let server: ModelServer | null = null;
let tests = 0;
beforeAll(async () => {
  redis = await startEmbeddedRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  store = openStore({ redis: { url: redis.url }, tag: `p${++tests}-` });
  await store.announceTools([COUNT, REMOVE]);
});
afterEach(async () => {
  await server?.close();
  server = null;
  await store.close();
});

async function policyOf(...rules: Json[]): Promise<() => PolicyInForce> {
  const reading = await readPolicy({ rules });
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems));
  const { policy } = reading;
  return () => policy;
}
const noRemoving: Json = { name: 'no-removing', when: { tools: 'remove' }, then: { deny: 'nothing is removed; count instead' } };

async function modelPlanner(behaviour: ModelBehaviour): Promise<Planner> {
  server = await startModelServer(behaviour);
  return createOpenaiPlanner(createModel({ apiKey: null, baseUrl: server.url, model: 'tiny', prices: { input: 1_000, output: 1_000 } }));
}

async function createTask(options: PlanOptionsInput = {}): Promise<string> {
  const request = { objective: 'Count the files in src', input: {}, options, tools: null, template: null };
  const created = await store.createTask({ request, actor: ADA });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

const work = (planner: Planner, policy: () => PolicyInForce) => ({
  store,
  planner,
  policy,
  newToken: () => 'one',
  signal: new AbortController().signal,
  watchEveryMs: 20,
  toolsWithinMs: 0,
});
const plan = async (planner: Planner, policy: () => PolicyInForce, options: PlanOptionsInput = {}) =>
  planTask(await createTask(options), work(planner, policy));

const removing = { ...step('a', 'src'), tool: 'remove' };
const counting = step('a', 'src');

describe('a model whose plan is denied', () => {
  test('is told why, and may find another way', async () => {
    const planner = await modelPlanner([reply(removing), reply(counting)]);
    const result = await plan(planner, await policyOf(noRemoving));
    expect(result).toMatchObject({ outcome: 'planned' });
    const second = JSON.stringify(server?.requests[1]?.body);
    expect(second).toContain('nothing is removed; count instead');
    const planId = result.outcome === 'planned' ? result.planId : '';
    const { taskId, steps } = await readPlan(store, planId);
    expect(steps.map(({ tool }) => tool)).toEqual(['count']);
    const task = await store.getTask(taskId ?? '');
    expect(task?.rounds.map(({ issues }) => issues.map(({ code }) => code))).toEqual([['policy_denied'], []]);
  });

  test('three times over leaves the task without a plan, with the rule and its message', async () => {
    const planner = await modelPlanner([reply(removing), reply(removing), reply(removing)]);
    expect(await plan(planner, await policyOf(noRemoving))).toMatchObject({
      outcome: 'failed',
      error: { code: 'policy_denied', message: 'nothing is removed; count instead', detail: { rule: 'no-removing' } },
    });
    expect((await store.listPlans({ limit: 10 })).items).toEqual([]);
  });

  test('by feedback is told why, too, and the plan stays as it was', async () => {
    const planId = await createPlan(store, GATED);
    const { digest } = await readPlan(store, planId);
    const job = await askRevision(store, planId, 'Remove src');
    const planner = await modelPlanner([reply(removing), reply(removing), reply(removing)]);
    const result = await answerRequest(job, work(planner, await policyOf(noRemoving)));
    expect(result).toMatchObject({ outcome: 'failed', error: { code: 'policy_denied' } });
    expect(server?.requests.length).toBe(3);
    expect(await readPlan(store, planId)).toMatchObject({ digest, planning: { status: 'failed', error: { code: 'policy_denied' } } });
  });

  test('for what it has cost is known when the plan is stored', async () => {
    const planner = await modelPlanner([reply(counting)]);
    const dear = await policyOf({ name: 'dear', when: { costUsd: { min: 0.000001 } }, then: { deny: 'too dear' } });
    expect(await plan(planner, dear)).toMatchObject({ outcome: 'failed', error: { code: 'policy_denied', message: 'too dear' } });
    expect(server?.requests.length).toBe(1);
  });
});

test('the rules have no other way: a denied plan fails the task at once', async () => {
  const rules = createRulesPlanner();
  const denied = await policyOf({ name: 'by-hand-only', when: { origin: ['rules', 'template'] }, then: { deny: 'write it by hand' } });
  expect(await plan(rules, denied)).toMatchObject({ outcome: 'failed', error: { code: 'policy_denied', message: 'write it by hand' } });
});

test('a plan is its task’s submitter’s, with the roles that they had', async () => {
  const forOperators = await policyOf({ name: 'operators', when: { submitter: { roles: 'operator' } }, then: 'auto' });
  await store.announcePolicy(forOperators().version);
  const result = await plan(createRulesPlanner(), forOperators, { requireApproval: false });
  const { policy, status } = await readPlan(store, result.outcome === 'planned' ? result.planId : '');
  expect([status, policy.rule, policy.submitter]).toEqual(['executing', 'operators', { actor: 'ada', roles: ['submitter', 'operator'] }]);
});

test.each([
  ['has another policy', 'sha256:1'],
  ['has not said which it has', null],
])('what would start without a person waits for one where the API %s', async (_what, announced) => {
  const anything = await policyOf({ name: 'anything', then: { auto: 'always' } });
  if (announced !== null) await store.announcePolicy(announced);
  const result = await plan(createRulesPlanner(), anything);
  expect(await readPlan(store, result.outcome === 'planned' ? result.planId : '')).toMatchObject({
    status: 'pending_approval',
    policy: {
      version: anything().version,
      rule: 'anything',
      outcome: 'approve',
      demands: [{ count: 1, roles: [], notSubmitter: false }],
      reason: 'the rule "anything" asks nobody, but the API has another policy than the planner that wrote the plan',
    },
  });
});

test('a plan written anew for a rule that is made for it starts only where the API has that rule', async () => {
  const rewritten = await policyOf({ name: 'rewritten', when: { rewritten: true }, then: { auto: 'always' } });
  for (const [announced, status] of [
    ['sha256:1', 'pending_approval'],
    [rewritten().version, 'executing'],
  ] as const) {
    await store.announcePolicy(announced);
    const planId = await createPlan(store, GATED);
    await store.requestRevision(planId, { actor: ADA, feedback: 'Then count the files in test' });
    await answerRequest({ planId, request: 1 }, work(createRulesPlanner(), rewritten));
    expect(await readPlan(store, planId)).toMatchObject({ revision: 2, status });
  }
});

test('a revision by feedback is that of who gave it, and needs a person whatever the rule lets through', async () => {
  const planId = await createPlan(store, GATED);
  const asked = await store.requestRevision(planId, {
    actor: { id: 'bob', roles: ['submitter'] },
    feedback: 'Then count the files in test',
  });
  expect(asked.ok).toBe(true);
  const anybody = await policyOf({ name: 'anybody', then: { auto: 'always' } });
  await answerRequest({ planId, request: 1 }, work(createRulesPlanner(), anybody));
  expect(await readPlan(store, planId)).toMatchObject({
    revision: 2,
    status: 'pending_approval',
    policy: {
      outcome: 'approve',
      rule: 'anybody',
      submitter: { actor: 'bob', roles: ['submitter'] },
      submitters: ['ada', 'bob'],
    },
  });
});
