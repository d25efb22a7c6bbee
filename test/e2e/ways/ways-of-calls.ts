/** Ways to get a plan run that is there: calls of the API, and tools of agents. */
import { expect } from 'vitest';
import { recordStep } from '../record-step.ts';
import type { Ground, Target } from './ground.ts';
import { greedy } from './unapproved.ts';

/** A way to get something run that two people have not approved. */
export interface Way {
  name: string;
  /** the operations of the API and the tools of agents that it goes by */
  by: readonly string[];
  attempt(ground: Ground, target: Target): Promise<unknown>;
}

type Attempt = Way['attempt'];
const way = (name: string, by: string | readonly string[], attempt: Attempt): Way => ({
  name,
  by: typeof by === 'string' ? [by] : by,
  attempt,
});

/** A POST on the plan, with what its body is made of. */
const post =
  (action: string, body: (target: Target) => object = () => ({})): Attempt =>
  (ground, target) =>
    ground.post(target.plan, action, body(target));
const tool =
  (name: string, args: (target: Target) => Record<string, unknown> = () => ({})): Attempt =>
  (ground, target) =>
    ground.tool(name, { planId: target.plan.id, ...args(target) });

const digestOf = ({ plan: { digest } }: Target) => ({ digest });
const A = () => ({ stepId: 'a' });
const B = () => ({ stepId: 'b' });
const changes = () => {
  const { steps, options } = greedy({ options: { startAt: '2020-01-01T00:00:00Z' } });
  return { steps: [...steps, recordStep('more')], options };
};

async function replayedApproval(ground: Ground, { plan }: Target): Promise<void> {
  const decoy = await ground.create({ objective: 'approved by two', steps: [recordStep('decoy')] });
  const key = { 'idempotency-key': `approval of ${decoy.id}` };
  await ground.post(decoy, 'approve', { digest: decoy.digest }, { 'x-actor': 'bob', ...key });
  await ground.post(decoy, 'approve', { digest: decoy.digest }, { 'x-actor': 'cas', ...key });
  for (const name of ['bob', 'cas']) await ground.post(plan, 'approve', { digest: decoy.digest }, { 'x-actor': name, ...key });
  await ground.post(plan, 'approve', { digest: plan.digest }, key);
  await ground.post(plan, 'approve', { digest: plan.digest }, key);
}

/** What two people once said of it, said again for them. */
async function formerDigest(ground: Ground, { plan }: Target): Promise<void> {
  const { items } = (await ground.call('GET', `/v1/plans/${plan.id}/revisions`)).body as { items: { digest: string }[] };
  const former = items.find(({ digest }) => digest !== plan.digest)?.digest ?? `sha256:${'0'.repeat(64)}`;
  for (const name of ['bob', 'cas']) {
    const { status } = await ground.post(plan, 'approve', { digest: former }, { 'x-actor': name });
    expect(status).toBe(409);
  }
}

async function revised(ground: Ground, target: Target, ask: Attempt): Promise<void> {
  await ask(ground, target);
  if ((await ground.fleet.plan(target.plan.id)).planning !== null) await ground.answered(target.plan);
}

async function managedKey(ground: Ground, { plan }: Target): Promise<void> {
  const roles = ['submitter', 'approver', 'operator', 'admin'];
  const { body } = await ground.call('POST', '/v1/keys', { name: 'mallory', roles });
  for (let time = 0; time < 2; time++)
    await ground.post(plan, 'approve', { digest: plan.digest }, { authorization: `Bearer ${body.secret}` });
  await ground.call('DELETE', `/v1/keys/${body.key?.id}`);
}

async function webhooks(ground: Ground, { plan }: Target): Promise<void> {
  const made = await ground.call('POST', '/v1/webhooks', { url: ground.receiver.url, events: ['plan.voted'] });
  const path = `/v1/webhooks/${made.body.webhook.id}`;
  await ground.call('POST', `${path}/test`, {});
  await ground.post(plan, 'approve', { digest: plan.digest });
  const ended = async () => {
    const { items } = (await ground.call('GET', `${path}/deliveries`)).body as { items: { id: string; status: string }[] };
    return items.filter(({ status }) => status === 'delivered');
  };
  await expect.poll(async () => (await ended()).length, { timeout: 30_000 }).toBeGreaterThan(0);
  for (const { id } of await ended()) await ground.call('POST', `${path}/deliveries/${id}/redeliver`, {});
  await ground.call('PUT', path, { events: ['plan.approved'] });
  await ground.call('POST', `${path}/rotate`, {});
  await ground.call('DELETE', path);
}

const READING = ['list_tools', 'get_tool', 'validate_plan', 'get_task', 'list_templates', 'get_plan', 'list_plans', 'list_approvals'];

export const WAYS_OF_CALLS: readonly Way[] = [
  way('approve, twice and alone', 'approvePlan', async (ground, target) => {
    for (let time = 0; time < 2; time++) await post('approve', digestOf)(ground, target);
  }),
  way('approve, under the Idempotency-Key of approvals of another plan', 'approvePlan', replayedApproval),
  way('approve a digest that the plan had, or never had', 'approvePlan', formerDigest),
  way('submit', 'submitPlan', post('submit')),
  way('a revision by hand, to start in the past', 'changePlan', (ground, { plan }) =>
    ground.call('PUT', `/v1/plans/${plan.id}`, changes(), { 'if-match': plan.digest }),
  ),
  way('a revision by feedback', 'revisePlan', (ground, target) =>
    revised(
      ground,
      target,
      post('revise', () => ({ feedback: 'run it now' })),
    ),
  ),
  way('retry of the whole plan', 'retryPlan', post('retry')),
  way(
    'retry from a step on',
    'retryPlan',
    post('retry', () => ({ from: ['a'] })),
  ),
  way('retry of a step', 'retryStep', post('steps/a/retry')),
  way('skip of a step', 'skipStep', async (ground, target) => {
    await post('steps/a/skip')(ground, target);
    await post('steps/b/skip')(ground, target);
  }),
  way('a gate approved before its plan', 'approveGate', post('steps/b/approve')),
  way('a gate rejected before its plan', 'rejectGate', post('steps/b/reject')),
  way('pause and resume', ['pausePlan', 'resumePlan'], async (ground, target) => {
    await post('pause')(ground, target);
    await post('resume')(ground, target);
  }),
  way('reject, then retry and revise', ['rejectPlan', 'retryPlan'], async (ground, target) => {
    await post('reject', (rejected) => ({ ...digestOf(rejected), reason: 'to retry it' }))(ground, target);
    await post('retry')(ground, target);
    await ground.call('PUT', `/v1/plans/${target.plan.id}`, changes(), { 'if-match': target.plan.digest });
  }),
  way('cancel, then retry, resume and delete', ['cancelPlan', 'retryPlan', 'resumePlan', 'deletePlan'], async (ground, target) => {
    for (const action of ['cancel', 'retry', 'resume']) await post(action)(ground, target);
    await ground.call('DELETE', `/v1/plans/${target.plan.id}`);
  }),
  way('a managed key of one’s own', ['createKey', 'revokeKey'], managedKey),
  way(
    'webhooks: a test, a delivery made again',
    ['createWebhook', 'testWebhook', 'redeliver', 'updateWebhook', 'rotateWebhook', 'deleteWebhook'],
    webhooks,
  ),
  way('an agent: approve_plan', 'approve_plan', async (ground, target) => {
    for (let time = 0; time < 2; time++) await tool('approve_plan', digestOf)(ground, target);
  }),
  way('an agent: approve_step', 'approve_step', tool('approve_step', B)),
  way('an agent: reject_step', 'reject_step', tool('reject_step', A)),
  way(
    'an agent: reject_plan',
    'reject_plan',
    tool('reject_plan', (target) => ({ ...digestOf(target), reason: 'no' })),
  ),
  way('an agent: revise_plan', 'revise_plan', (ground, target) =>
    revised(
      ground,
      target,
      tool('revise_plan', () => ({ feedback: 'run it now' })),
    ),
  ),
  way('an agent: cancel_plan', 'cancel_plan', tool('cancel_plan')),
  way('an agent: tools that only read', READING, async (ground, { plan }) => {
    for (const name of READING) await ground.tool(name, { planId: plan.id, name: 'test.record' });
    await ground.tool('get_plan', { planId: plan.id });
    await ground.tool('validate_plan', { ...greedy() });
    for (const name of ['list_tools', 'list_templates', 'list_plans', 'list_approvals']) await ground.tool(name);
  }),
];
