/** Ways to get a plan in that runs at once. Each gives the plans that came in. */
import type { Plan, PlanDraft } from '@countersign/shared';
import { expect } from 'vitest';
import { recordStep } from '../record-step.ts';
import { planReply, written } from '../scripted-model.ts';
import { type Ground, MALLORY } from './ground.ts';
import { changed, greedy } from './unapproved.ts';

export interface WayIn {
  name: string;
  by: readonly string[];
  /** the plans, as they are once they have come in */
  attempt(ground: Ground): Promise<Plan[]>;
}

const NOBODY = { autoApprove: true, requireApproval: false };
const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();
const FAILS = recordStep('a', { failAttempts: 9, fatal: true });

const byAgent = async (ground: Ground, name: string, args: Record<string, unknown>) => {
  ground.called.add(name);
  return (await ground.agent.get(name, args)).data;
};

async function denied(ground: Ground): Promise<Plan[]> {
  const draft = greedy({ tool: 'test.queued' });
  for (const body of [draft, { ...draft, options: {} }]) expect((await ground.call('POST', '/v1/plans', body)).status).toBe(403);
  const plan = await ground.create({ ...draft, draft: true });
  expect((await ground.post(plan, 'submit')).status).toBe(403);
  for (const name of ['bob', 'cas', MALLORY]) await ground.post(plan, 'approve', { digest: plan.digest }, { 'x-actor': name });
  const allowed = await ground.create(greedy());
  const { status } = await ground.call(
    'PUT',
    `/v1/plans/${allowed.id}`,
    { steps: draft.steps, options: draft.options },
    { 'if-match': allowed.digest },
  );
  expect(status).toBe(403);
  return [plan, allowed];
}

/** A model that writes what is denied, again and again. */
async function deniedByModel(ground: Ground): Promise<Plan[]> {
  ground.model.script(() => planReply(written('x', {}, { tool: 'test.queued' })));
  const { body } = await ground.call('POST', '/v1/tasks', { objective: 'x', options: NOBODY });
  await expect.poll(async () => (await ground.fleet.task(body.task.id)).status, { timeout: 30_000 }).toBe('failed');
  ground.model.script(() => planReply(written('by-model')));
  expect((await ground.fleet.task(body.task.id)).error?.code).toBe('policy_denied');
  return [];
}

const failing = (more: object = {}): PlanDraft => ({ objective: 'fails', steps: [FAILS], options: { ...NOBODY, ...more } });
const afterFailure = (ground: Ground): Promise<Plan> => ground.approved(failing(), 'failed');

export const WAYS_IN: readonly WayIn[] = [
  {
    name: 'a plan by hand that asks for nobody',
    by: ['createPlan'],
    attempt: async (ground) => [
      await ground.create(greedy()),
      await ground.create(greedy({ options: { requireApproval: true } })),
      await ground.create(greedy({ options: { autoApprove: false } })),
    ],
  },
  {
    name: 'a plan by hand that starts in the past, or soon',
    by: ['createPlan'],
    async attempt(ground) {
      const startAt = soon(100);
      const plans = [
        await ground.create(greedy({ options: { startAt: '2020-01-01T00:00:00Z' } })),
        await ground.create(greedy({ options: { startAt } })),
      ];
      await expect.poll(() => Date.now()).toBeGreaterThan(Date.parse(startAt));
      return plans;
    },
  },
  {
    name: 'a draft that is handed in',
    by: ['createPlan', 'submitPlan'],
    async attempt(ground) {
      const plan = await ground.create({ ...greedy(), draft: true });
      expect((await ground.post(plan, 'submit')).body.plan.status).toBe('pending_approval');
      return [plan];
    },
  },
  {
    name: 'the Idempotency-Key of a plan that two people approved',
    by: ['createPlan'],
    async attempt(ground) {
      const key = { 'idempotency-key': 'the same' };
      const first = await ground.call('POST', '/v1/plans', { objective: 'first', steps: [recordStep('a')] }, key);
      await ground.vote(first.body.plan, 'bob', 'cas');
      await ground.fleet.until(first.body.plan.id, 'completed');
      expect((await ground.call('POST', '/v1/plans', greedy(), key)).status).toBe(409);
      const other = await ground.call('POST', '/v1/plans', greedy(), { ...key, 'x-actor': 'mallory2' });
      return [other.body.plan];
    },
  },
  { name: 'what policy denies, by hand', by: ['createPlan', 'submitPlan', 'changePlan'], attempt: denied },
  { name: 'what policy denies, by a model', by: ['createTask'], attempt: deniedByModel },
  {
    name: 'a task for a model',
    by: ['createTask', 'cancelTask'],
    async attempt(ground) {
      const plan = await ground.planned({ objective: 'anything', options: NOBODY });
      await ground.call('POST', `/v1/tasks/${plan.taskId}/cancel`, {});
      return [plan];
    },
  },
  {
    name: 'a task from a template',
    by: ['createTask'],
    attempt: async (ground) => [await ground.planned({ template: 'record', options: NOBODY })],
  },
  {
    name: 'an agent: submit_plan',
    by: ['submit_plan'],
    async attempt(ground) {
      const { plan } = await byAgent(ground, 'submit_plan', { ...greedy() });
      return [await ground.fleet.plan(plan.id)];
    },
  },
  {
    name: 'an agent: submit_task, watch_plan',
    by: ['submit_task', 'watch_plan'],
    async attempt(ground) {
      const { task } = await byAgent(ground, 'submit_task', { objective: 'anything', options: NOBODY });
      const plan = await ground.planOf(task.id);
      await byAgent(ground, 'watch_plan', { planId: plan.id, timeoutMs: 100 });
      return [plan];
    },
  },
  {
    name: 'a revision by hand of a plan that two people approved, and that failed',
    by: ['changePlan'],
    attempt: async (ground) => [await changed(ground, await afterFailure(ground), greedy())],
  },
  {
    name: 'a revision by feedback of a plan that two people approved, and that failed',
    by: ['revisePlan'],
    async attempt(ground) {
      const plan = await afterFailure(ground);
      await ground.post(plan, 'revise', { feedback: 'do it right' });
      await ground.answered(plan);
      return [await ground.fleet.plan(plan.id)];
    },
  },
  {
    name: 'a failed plan that the planner writes anew by itself',
    by: [],
    async attempt(ground) {
      const plan = await ground.create(failing({ replan: { maxRevisions: 1 } }));
      await ground.vote(plan, 'bob', 'cas');
      await expect.poll(async () => (await ground.fleet.plan(plan.id)).revision, { timeout: 30_000 }).toBe(2);
      return [await ground.fleet.plan(plan.id)];
    },
  },
];
