import { fixedPolicy } from '@countersign/service';
import { type DryRun, digestOf, type Json, type JsonObject, type PastDryRun, type Problem, readPolicy } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { createPlan, twoSteps, useApi } from '../test/running-api.ts';

const IN_FORCE: Json = {
  version: 'strict',
  rules: [
    { name: 'no-destroying', when: { tools: 'test.destroy' }, then: { deny: 'nothing is destroyed here' } },
    { name: 'large', when: { steps: { min: 50 } }, then: { approve: { count: 3 } } },
    { name: 'writes', when: { risk: 'write' }, then: { approve: { count: 2, notSubmitter: true } } },
  ],
};
const LAX: Json = { rules: [{ name: 'anything', then: { auto: 'always' } }] };
const reading = await readPolicy(IN_FORCE);
if (!reading.ok) throw new Error(JSON.stringify(reading.problems));

const api = useApi({ policy: fixedPolicy(reading.policy) });
const test = <Body = DryRun>(body: Json, actor = 'ada') => api.call<Body & Problem>('/v1/policy/test', { body, actor });
const draft = twoSteps({ objective: 'try' }) as JsonObject;
const reads = [{ id: 'read', tool: 'test.read', input: { path: 'a.txt' } }];
const TWO = { count: 2, roles: [], notSubmitter: true };

describe('a dry run of a plan', () => {
  it('says what is decided, why, and what the policy knows', async () => {
    const { status, body } = await test({ plan: draft });
    expect(status).toBe(200);
    expect(body).toEqual({
      policy: { version: await digestOf(IN_FORCE), inForce: true },
      decision: { outcome: 'approve', rule: 'writes', demands: [TWO], reason: 'the rule "writes" asks for it' },
      trace: [
        { rule: 'no-destroying', matched: false, because: 'no tool of it fits test.destroy' },
        { rule: 'large', matched: false, because: 'it has 2 steps, not at least 50' },
        { rule: 'writes', matched: true, because: 'its conditions hold: risk' },
      ],
      facts: {
        options: { requireApproval: true, autoApprove: false },
        effects: { read: 1, write: 1, destructive: 0 },
        tools: ['test.read', 'test.write'],
        steps: 2,
        submitter: { actor: 'ada', roles: expect.arrayContaining(['admin']) },
        costUsd: 0,
        origin: 'manual',
        rewritten: false,
        secrets: [],
      },
    });
  });

  it('stores nothing', async () => {
    await test({ plan: { ...draft, options: { autoApprove: true } }, policy: LAX });
    expect((await api.call<{ items: [] }>('/v1/plans')).body.items).toEqual([]);
  });

  it('takes other circumstances than those of the caller', async () => {
    const policy = {
      rules: [
        {
          name: 'theirs',
          when: { submitter: { roles: 'operator' }, origin: 'openai', rewritten: true, costUsd: { min: 2 } },
          then: { approve: { count: 4 } },
        },
      ],
    };
    const circumstances = { submitter: { actor: 'bob', roles: ['operator'] }, origin: 'openai', rewritten: true };
    const { body } = await test({ plan: draft, policy, ...circumstances, costUsd: 2.5 });
    expect(body).toMatchObject({ policy: { inForce: false }, decision: { rule: 'theirs' }, facts: { costUsd: 2.5 } });
    const { body: unknown } = await test({ plan: draft, policy, ...circumstances, costUsd: null });
    expect(unknown).toMatchObject({
      decision: { rule: null, outcome: 'approve' },
      trace: [{ rule: 'theirs', matched: false, because: 'what models took for it is not known' }],
    });
  });

  it('knows the secrets that steps use, also by way of the input', async () => {
    const steps = [
      { id: 'a', tool: 'test.write', input: { key: { $secret: 'PROD_KEY' } } },
      { id: 'b', tool: 'test.write', input: { key: '{{input.login}}' } },
    ];
    const policy = { rules: [{ name: 'prod', when: { secrets: 'PROD_LOGIN' }, then: { deny: 'not those' } }] };
    const { body } = await test({ plan: { objective: 'x', input: { login: { $secret: 'PROD_LOGIN' } }, steps }, policy });
    expect([body.decision.outcome, body.facts.secrets]).toEqual(['deny', ['PROD_KEY', 'PROD_LOGIN']]);
  });

  it('gives what the plan gets when it is handed in', async () => {
    const plans: JsonObject[] = [
      draft,
      { ...draft, options: { autoApprove: true } },
      { objective: 'read', steps: reads, options: { requireApproval: false } },
    ];
    for (const plan of plans) {
      const { decision } = (await test({ plan })).body;
      const { policy } = await createPlan(api, plan);
      expect(decision).toEqual({
        outcome: policy.outcome,
        rule: policy.rule,
        reason: policy.reason,
        demands: policy.demands.map(({ count, roles, notSubmitter }) => ({ count, roles, notSubmitter })),
      });
    }
  });
});

describe('a dry run of a plan that is stored', () => {
  it('takes its current revision, or another', async () => {
    const plan = await createPlan(api, { ...draft });
    const steps = reads;
    await api.call(`/v1/plans/${plan.id}`, { method: 'PUT', body: { steps }, headers: { 'If-Match': plan.digest }, actor: 'bob' });
    const now = (await test({ planId: plan.id })).body;
    expect([now.decision.rule, now.facts.submitter.actor, now.facts.steps]).toEqual([null, 'bob', 1]);
    const before = (await test({ planId: plan.id, revision: 1 })).body;
    expect([before.decision.rule, before.facts.submitter.actor, before.facts.steps]).toEqual(['writes', 'local', 2]);
    expect((await test({ planId: plan.id, policy: LAX })).body.decision).toMatchObject({ outcome: 'auto', rule: 'anything' });
  });

  it('that is not there, or has no such revision, is not found', async () => {
    const { id } = await createPlan(api);
    expect((await test({ planId: 'pln_0000000000000000000000' })).body.code).toBe('not_found');
    expect((await test({ planId: id, revision: 7 })).body).toMatchObject({
      code: 'not_found',
      detail: expect.stringContaining('revision 7'),
    });
  });
});

describe('a dry run over past plans', () => {
  const past = (plans: Json, policy: Json = LAX) => test<PastDryRun>({ plans, policy });

  it('says for each what was decided then and what would be now, and counts', async () => {
    const waits = await createPlan(api, { ...draft, objective: 'first' });
    const started = await createPlan(api, { objective: 'second', steps: reads, options: { requireApproval: false } });
    const denied = { rules: [{ name: 'no-writing', when: { tools: 'test.write' }, then: { deny: 'no' } }] };
    const { body } = await past({}, denied);
    expect(body.items.map(({ planId, objective, then, now, differs }) => [planId, objective, then.outcome, now.outcome, differs])).toEqual([
      [started.id, 'second', 'auto', 'auto', false],
      [waits.id, 'first', 'approve', 'deny', true],
    ]);
    expect(body.counts).toEqual({ auto: 1, approve: 0, deny: 1, differs: 1 });
    expect(body.items[1]?.then).toEqual({ outcome: 'approve', rule: 'writes', demands: [TWO], reason: 'the rule "writes" asks for it' });
    expect([body.policy.inForce, body.nextCursor]).toEqual([false, null]);
  });

  it('takes other demands as another decision, and another name of the rule as the same', async () => {
    await createPlan(api, draft);
    const renamed = { rules: [{ name: 'renamed', then: { approve: { count: 2, notSubmitter: true } } }] };
    const other = { rules: [{ name: 'writes', then: { approve: { count: 2 } } }] };
    expect((await past({}, renamed)).body.counts.differs).toBe(0);
    expect((await past({}, other)).body.counts.differs).toBe(1);
  });

  it('can be narrowed by status and time, and goes on page by page', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) ids.unshift((await createPlan(api, draft)).id);
    const first = (await past({ limit: 2 })).body;
    expect(first.items.map(({ planId }) => planId)).toEqual(ids.slice(0, 2));
    const second = (await past({ limit: 2, cursor: first.nextCursor })).body;
    expect([second.items.map(({ planId }) => planId), second.nextCursor]).toEqual([ids.slice(2), null]);
    expect((await past({ status: 'completed' })).body.items).toEqual([]);
    expect((await past({ since: new Date(Date.now() + 60_000).toISOString(), limit: 1 })).body).toMatchObject({
      items: [],
      nextCursor: null,
    });
    expect((await past({ since: '2020-01-01T00:00:00Z' })).body.items).toHaveLength(3);
  });
});

describe('what would take long', () => {
  const patterns = Array.from({ length: 200 }, (_, number) => `${'*a'.repeat(30)}${number}`);
  const large = (rules: number): Json => ({
    rules: Array.from({ length: rules }, (_, number) => ({ name: `r${number}`, when: { secrets: patterns }, then: 'auto' })),
  });
  const manySecrets = Array.from({ length: 2_000 }, (_, number) => ({ $secret: `A${'A'.repeat(50)}${number}` }));
  const many: JsonObject = { objective: 'x', steps: [{ id: 'a', tool: 'test.write', input: { all: manySecrets } }] };

  it('is refused: a policy of its own that is large, or has much to be held against', async () => {
    const bytes = await test({ plan: draft, policy: large(200) });
    expect(bytes.body.issues).toMatchObject([{ path: 'policy', code: 'limit_exceeded', message: expect.stringContaining('262144 bytes') }]);
    const bodies: JsonObject[] = [{ plan: many }, { planId: (await createPlan(api, many)).id }, { plans: {} }];
    for (const body of bodies) {
      const refused = await test({ ...body, policy: large(15) });
      expect(refused.body.issues).toMatchObject([{ path: 'policy', code: 'limit_exceeded', message: expect.stringContaining('names of') }]);
    }
    expect((await test({ plan: draft, policy: large(15) })).body.decision.rule).toBe(null);
  });

  it('over past plans ends a page early, and goes on where it ended', async () => {
    const steps = [{ id: 'a', tool: 'test.write', input: { all: manySecrets.slice(0, 100) } }];
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) ids.unshift((await createPlan(api, { steps })).id);
    const seen: string[] = [];
    let cursor: string | null | undefined;
    do {
      const { body } = await test<PastDryRun>({ plans: { ...(cursor && { cursor }) }, policy: large(1) });
      expect(body.items.length).toBeLessThan(3);
      seen.push(...body.items.map(({ planId }) => planId));
      cursor = body.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(ids);
  });
});

describe('what a dry run refuses', () => {
  it.each<[Json, string, string[]]>([
    [{}, 'invalid_request', ['']],
    [{ plan: draft, planId: 'pln_0' }, 'invalid_request', ['']],
    [{ planId: 'pln_0', submitter: { actor: 'x', roles: [] }, origin: 'manual' }, 'invalid_request', ['submitter', 'origin']],
    [{ plan: draft, revision: 2 }, 'invalid_request', ['revision']],
    [{ plans: {} }, 'invalid_request', ['policy']],
    [{ plans: { limit: 201, status: 'odd' }, policy: LAX }, 'invalid_request', ['plans.status', 'plans.limit']],
    [
      { plan: draft, submitter: { id: 'x', roles: ['king'] } },
      'invalid_request',
      ['submitter.actor', 'submitter.roles[0]', 'submitter.id'],
    ],
    [{ plan: draft, submitter: { actor: 'x'.repeat(501), roles: [] } }, 'invalid_request', ['submitter.actor']],
    [{ plan: { objective: 'x', steps: [{ id: 'a', tool: 'no.such' }] } }, 'invalid_plan', ['plan.steps[0].tool']],
    [{ plan: { ...draft, draft: 'yes' } }, 'invalid_request', ['plan.draft']],
    [{ plan: draft, policy: 7 }, 'invalid_request', ['policy']],
    [
      { plan: draft, policy: { rules: [{ name: 'x', when: { tool: 'a', risk: 'odd' }, then: { approve: { count: 0 } } }] } },
      'invalid_request',
      ['policy.rules[0].then.approve.count', 'policy.rules[0].when.risk', 'policy.rules[0].when.tool'],
    ],
  ])('%.90j: %s at %j', async (body, code, paths) => {
    const reply = await test(body);
    expect([reply.status, reply.body.code]).toEqual([422, code]);
    expect(reply.body.issues?.map(({ path }) => path).sort()).toEqual([...paths].sort());
  });
});
