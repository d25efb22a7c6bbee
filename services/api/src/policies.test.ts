/** Policies over HTTP: what is denied, who can vote, and a policy that changes while plans wait. */
import { fixedPolicy, type PolicySource } from '@countersign/service';
import { type ApprovalItem, DEFAULT_POLICY, type Json, type Plan, type PolicyInForce, type Problem, readPolicy } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { createPlan, runSteps, twoSteps, useApi, whenPlan } from '../test/running-api.ts';

const KEYS = [
  'ada:submitter+approver:ada',
  'bob:approver:bob',
  'cas:approver:cas',
  'ops:approver+operator:ops',
  'lea:operator:lea',
  'root:admin:root',
].join(',');

async function policyOf(rules: Json): Promise<PolicyInForce> {
  const reading = await readPolicy({ rules });
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems));
  return reading.policy;
}

const BASE = await policyOf([
  { name: 'no-destroying', when: { tools: 'test.destroy' }, then: { deny: 'nothing is destroyed here' } },
  {
    name: 'many',
    when: { steps: { min: 3 } },
    then: { approve: [{ count: 2 }, { count: 1, roles: 'operator', notSubmitter: true }] },
  },
  { name: 'writes', when: { risk: 'write' }, then: { approve: { count: 1, notSubmitter: true } } },
]);

/** What the API of each test has; each begins with BASE. */
let inForce = BASE;
const policy: PolicySource = { ...fixedPolicy(BASE), current: () => inForce, problems: () => ['a line'] };
const api = useApi({ keys: KEYS, policy });

const as = (name: string) => ({ headers: { Authorization: `Bearer ${name}` } });
const step = (id: string, tool: string): Json => ({ id, tool, input: {} });
const DESTROYS: Json = { objective: 'x', steps: [step('a', 'test.destroy')] };
const READS: Json = { objective: 'x', steps: [step('a', 'test.read')], options: { requireApproval: false } };
const MANY: Json = { objective: 'x', steps: ['a', 'b', 'c'].map((id) => step(id, 'test.read')) };

type Answered = { plan: Plan } & Problem;
async function create(body: Json, by = 'ada') {
  inForce = BASE;
  return api.call<Answered>('/v1/plans', { body, ...as(by) });
}
const post = (plan: Pick<Plan, 'id'>, verb: string, by: string, body: Json = {}) =>
  api.call<Answered>(`/v1/plans/${plan.id}/${verb}`, { method: 'POST', body, ...as(by) });
const approve = (plan: Plan, by: string) => post(plan, 'approve', by, { digest: plan.digest });
const read = async ({ id }: Pick<Plan, 'id'>) => (await api.call<Answered>(`/v1/plans/${id}`, as('bob'))).body.plan;

describe('a plan that policy denies', () => {
  it('is refused with the rule and its message, and is not stored', async () => {
    const { status, body } = await create(DESTROYS);
    expect([status, body.code, body.rule, body.detail]).toEqual([403, 'policy_denied', 'no-destroying', 'nothing is destroyed here']);
    expect((await api.call<{ items: Plan[] }>('/v1/plans', as('ada'))).body.items).toEqual([]);
  });

  it('can be a draft, which cannot be handed in until the policy allows it', async () => {
    const { status, body } = await create({ ...(DESTROYS as object), draft: true });
    expect([status, body.plan.policy.outcome]).toEqual([201, 'deny']);
    const refused = await post(body.plan, 'submit', 'ada');
    expect([refused.status, refused.body.code, refused.body.rule]).toEqual([403, 'policy_denied', 'no-destroying']);
    expect((await read(body.plan)).status).toBe('draft');
    inForce = DEFAULT_POLICY;
    const submitted = await post(body.plan, 'submit', 'ada');
    expect(submitted.body.plan).toMatchObject({ status: 'pending_approval', policy: { version: DEFAULT_POLICY.version, rule: null } });
  });

  it('does not replace the one that is there', async () => {
    const { plan } = (await create(READS)).body;
    inForce = BASE;
    const waiting = (await create(twoSteps())).body.plan;
    const headers = { ...as('ada').headers, 'If-Match': waiting.digest };
    const steps = [step('a', 'test.destroy')];
    const { status, body } = await api.call<Answered>(`/v1/plans/${waiting.id}`, { method: 'PUT', body: { steps }, headers });
    expect([status, body.code, plan.status]).toEqual([403, 'policy_denied', 'executing']);
    expect(await read(waiting)).toMatchObject({ revision: 1, digest: waiting.digest, status: 'pending_approval' });
  });
});

describe('a plan by which rule it goes', () => {
  it('says so, with what it demands', async () => {
    const { plan } = (await create(twoSteps())).body;
    expect(plan.policy).toEqual({
      version: BASE.version,
      rule: 'writes',
      outcome: 'approve',
      demands: [{ count: 1, roles: [], notSubmitter: true, have: 0 }],
      reason: 'the rule "writes" asks for it',
      submitter: { actor: 'ada', roles: ['submitter', 'approver'] },
      submitters: ['ada'],
    });
    const markdown = await api.call(`/v1/plans/${plan.id}?format=markdown`, as('bob'));
    expect(markdown.text).toContain(
      '- **Approvals:** 0 of 1; missing: 1 approval by an approver, not ada\n- **Policy:** the rule `writes`\n',
    );
  });

  it('needs all demands, and one vote serves several', async () => {
    const { plan } = (await create(MANY)).body;
    expect((await approve(plan, 'ada')).body.plan.status).toBe('pending_approval');
    const [item] = (await api.call<{ items: ApprovalItem[] }>('/v1/approvals', as('bob'))).body.items;
    expect(item?.approvals).toEqual({ count: 3, have: 1 });
    const { body } = await approve(plan, 'ops');
    expect(body.plan).toMatchObject({ status: 'executing', policy: { demands: [{ have: 2 }, { have: 1 }] } });
  });

  it('does not count its own submitter, who may reject it all the same', async () => {
    const { plan } = (await create(twoSteps())).body;
    const { status, body } = await approve(plan, 'ada');
    expect([status, body.code]).toEqual([403, 'forbidden']);
    expect(body.detail).toContain('1 approval by an approver, not ada');
    expect((await post(plan, 'reject', 'ada', { digest: plan.digest, reason: 'no' })).body.plan.status).toBe('rejected');
  });

  it('that demands a role gives nobody a vote who may not approve', async () => {
    const { plan } = (await create(MANY)).body;
    expect((await approve(plan, 'lea')).body.code).toBe('forbidden');
    for (const name of ['ada', 'bob', 'root']) expect((await approve(plan, name)).status).toBe(200);
    expect((await read(plan)).policy.demands.map(({ have }) => have)).toEqual([2, 0]);
    expect((await approve(plan, 'ops')).body.plan.status).toBe('executing');
  });

  it('lets its writer change who the submitter is', async () => {
    const { plan } = (await create(twoSteps())).body;
    const headers = { ...as('root').headers, 'If-Match': plan.digest };
    const changed = await api.call<Answered>(`/v1/plans/${plan.id}`, {
      method: 'PUT',
      body: { steps: [step('a', 'test.write')] },
      headers,
    });
    expect(changed.body.plan.policy).toMatchObject({ submitter: { actor: 'root', roles: ['admin'] }, submitters: ['ada', 'root'] });
    for (const name of ['ada', 'root']) expect((await approve(changed.body.plan, name)).body.code).toBe('forbidden');
    expect((await approve(changed.body.plan, 'bob')).body.plan.status).toBe('executing');
  });
});

describe('a policy that changes while a plan waits', () => {
  it('voids the votes, asks anew, and refuses the vote that finds out', async () => {
    const { plan } = (await create(MANY)).body;
    await approve(plan, 'bob');
    inForce = await policyOf([{ name: 'two', then: { approve: { count: 2 } } }]);
    const refused = await approve(plan, 'cas');
    expect([refused.status, refused.body.code, refused.body.policyVersion]).toEqual([409, 'policy_changed', inForce.version]);
    expect(await read(plan)).toMatchObject({
      status: 'pending_approval',
      approvals: [],
      digest: plan.digest,
      policy: { version: inForce.version, rule: 'two', demands: [{ count: 2, have: 0 }] },
    });
    await approve(plan, 'cas');
    expect((await approve(plan, 'bob')).body.plan.status).toBe('executing');
    const { body } = await api.call<{ events: { type: string; data: { policy?: { rule: string } } }[] }>(
      `/v1/plans/${plan.id}/audit`,
      as('bob'),
    );
    expect(body.events.filter(({ type }) => type === 'plan.submitted').map(({ data }) => data.policy?.rule)).toEqual(['many', 'two']);
  });

  it('to one that denies keeps the plan waiting with the reason', async () => {
    const { plan } = (await create(twoSteps())).body;
    inForce = await policyOf([{ name: 'closed', then: { deny: 'not today' } }]);
    for (const name of ['bob', 'cas']) {
      const { status, body } = await approve(plan, name);
      expect([status, body.code, body.rule, body.detail]).toEqual([403, 'policy_denied', 'closed', 'not today']);
    }
    expect(await read(plan)).toMatchObject({ status: 'pending_approval', policy: { outcome: 'deny', reason: 'not today' } });
    inForce = BASE;
    expect((await approve(plan, 'bob')).body.code).toBe('policy_changed');
    expect((await approve(plan, 'bob')).body.plan.status).toBe('executing');
  });

  it('to one that asks nobody starts the plan', async () => {
    const { plan } = (await create(twoSteps())).body;
    inForce = await policyOf([{ name: 'open', then: { auto: 'always' } }]);
    expect((await approve(plan, 'bob')).body.code).toBe('policy_changed');
    expect(await read(plan)).toMatchObject({ status: 'executing', approvals: [], autoApproved: 'the rule "open" asks nobody' });
  });

  it('asks nobody again for a retry, and stops one of what it denies by now', async () => {
    const { plan } = (await create(READS)).body;
    const worker = runSteps(api.store, () => ({ error: 'no' }));
    await expect.poll(async () => (await read(plan)).status, { timeout: 20_000 }).toBe('failed');
    await worker.close();
    inForce = await policyOf([{ name: 'closed', then: { deny: 'not today' } }]);
    for (const verb of ['retry', 'steps/a/retry']) {
      const { status, body } = await post(plan, verb, 'lea');
      expect([status, body.code, body.rule]).toEqual([403, 'policy_denied', 'closed']);
    }
    inForce = await policyOf([{ name: 'two', then: { approve: { count: 2 } } }]);
    expect((await post(plan, 'retry', 'lea')).body.plan).toMatchObject({ status: 'executing', policy: { version: BASE.version } });
  });
});

it('GET /v1/policy has the policy in force', async () => {
  inForce = BASE;
  const { body } = await api.call<{ policy: { version: string; rules: { name: string }[]; problems: string[] } }>('/v1/policy', as('bob'));
  expect(body.policy).toMatchObject({ version: BASE.version, label: null, problems: ['a line'] });
  expect(body.policy.rules.map(({ name }) => name)).toEqual(['no-destroying', 'many', 'writes']);
});

describe('without a policy file', () => {
  const plain = useApi();

  it('the default is in force', async () => {
    const { body } = await plain.call<{ policy: PolicyInForce }>('/v1/policy');
    expect(body.policy).toMatchObject(DEFAULT_POLICY);
    const plan = await createPlan(plain, { options: { requireApproval: false } });
    expect((await whenPlan(plain, plan.id, 'executing')).policy).toMatchObject({ rule: null, outcome: 'auto' });
  });
});
