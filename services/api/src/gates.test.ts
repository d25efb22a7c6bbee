import type { ApprovalItem, Json, Plan, Problem } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { createPlan, runSteps, useApi, whenPlan } from '../test/running-api.ts';

const api = useApi();
const NOWHERE = 'pln_0000000000000000000000';

interface DecideOptions {
  verb?: string;
  body?: Json;
  actor?: string;
  idempotencyKey?: string;
}
const decide = (id: string, stepId: string, { verb = 'approve', body = {}, ...rest }: DecideOptions = {}) =>
  api.call<{ plan: Plan } & Problem>(`/v1/plans/${id}/steps/${stepId}/${verb}`, { body, ...rest });
const gateOf = ({ steps }: Plan, stepId = 'publish') => steps.find(({ id }) => id === stepId)?.gate;

/** A plan whose one step asks at once, by now. */
const asking = (fields: Record<string, Json> = {}, options: Record<string, Json> = {}): Promise<Plan> =>
  createPlan(api, {
    steps: [{ id: 'publish', tool: 'test.write', approval: { message: 'Publish?' }, ...fields }],
    options: { autoApprove: true, ...options },
  });

describe('approving a gate', () => {
  it('lets its step run, and only that one', async () => {
    const gate = { message: 'Publish?' };
    const plan = await createPlan(api, {
      steps: ['a', 'b'].map((id) => ({ id, tool: 'test.write', approval: gate })),
      options: { autoApprove: true },
    });
    expect(plan.steps.map(({ status }) => status)).toEqual(['awaiting_approval', 'awaiting_approval']);
    const { status, body } = await decide(plan.id, 'a', { body: { comment: 'go', data: { version: 2 } }, actor: 'bob' });
    expect([status, body.plan.steps.map((step) => step.status)]).toEqual([200, ['queued', 'awaiting_approval']]);
    expect(gateOf(body.plan, 'a')).toMatchObject({
      decision: 'approved',
      need: 1,
      have: 1,
      data: { version: 2 },
      votes: [{ actor: 'bob', decision: 'approved', comment: 'go', data: { version: 2 } }],
    });
  });

  it('needs as many people as the gate says, each once', async () => {
    const plan = await asking({ approval: { message: 'Publish?', quorum: 2 } });
    const first = await decide(plan.id, 'publish', { actor: 'alice' });
    expect([first.body.plan.steps[0]?.status, gateOf(first.body.plan)?.have]).toEqual(['awaiting_approval', 1]);
    const twice = await decide(plan.id, 'publish', { actor: 'alice' });
    expect([twice.status, twice.body.code]).toEqual([409, 'already_voted']);
    expect((await decide(plan.id, 'publish', { actor: 'bob' })).body.plan.steps[0]?.status).toBe('queued');
  });

  it('before the step asks is refused, saying when it would be possible', async () => {
    const steps: Json = [
      { id: 'read', tool: 'test.read' },
      { id: 'publish', tool: 'test.write', dependsOn: ['read'], approval: {} },
    ];
    const plan = await createPlan(api, { steps, options: { autoApprove: true } });
    const early = await decide(plan.id, 'publish');
    expect([early.status, early.body.code, early.body.currentStatus]).toEqual([409, 'wrong_state', 'pending']);
    expect(early.body.detail).toMatch(/pending.*a gate can be decided while its step is awaiting_approval$/);
    const none = await decide(plan.id, 'read', { verb: 'reject' });
    expect([none.status, none.body.code]).toEqual([409, 'wrong_state']);
  });

  it('the same call gives the first answer again, another body is a conflict', async () => {
    const plan = await asking();
    const first = await decide(plan.id, 'publish', { body: { data: 1 }, idempotencyKey: 'k' });
    const again = await decide(plan.id, 'publish', { body: { data: 1 }, idempotencyKey: 'k' });
    expect([again.status, again.text, again.headers.get('idempotent-replayed')]).toEqual([200, first.text, 'true']);
    const other = await decide(plan.id, 'publish', { body: { data: 2 }, idempotencyKey: 'k' });
    expect([other.status, other.body.code]).toEqual([409, 'idempotency_conflict']);
    expect((await decide(plan.id, 'publish', { idempotencyKey: 'l' })).body.code).toBe('wrong_state');
  });

  it('with a body of another shape is refused with every issue', async () => {
    const { status, body } = await decide((await asking()).id, 'publish', { body: { comment: 7, more: 1 } });
    expect([status, body.code, body.issues?.map(({ path }) => path).sort()]).toEqual([422, 'invalid_request', ['comment', 'more']]);
  });
});

describe('rejecting a gate', () => {
  it('fails its step for good', async () => {
    const plan = await asking();
    const { status, body } = await decide(plan.id, 'publish', { verb: 'reject', body: { comment: 'not today' }, actor: 'bob' });
    expect([status, body.plan.status]).toEqual([200, 'failed']);
    expect(body.plan.steps[0]).toMatchObject({ status: 'failed', error: { code: 'rejected', retryable: false } });
    expect(gateOf(body.plan)).toMatchObject({ decision: 'rejected', votes: [{ actor: 'bob', comment: 'not today' }] });
  });
});

describe('a step that is not there', () => {
  it.each(['approve', 'reject', 'skip', 'retry'])('%s: 404', async (verb) => {
    const plan = await asking();
    for (const [id, stepId] of [
      [plan.id, 'nosuch'],
      [NOWHERE, 'publish'],
      [plan.id, '1st'],
      [plan.id, 'a'.repeat(65)],
    ] as const) {
      const { status, body } = await decide(id, stepId, { verb });
      expect([status, body.code]).toEqual([404, 'not_found']);
    }
  });

  it.each(['approve', 'reject', 'skip', 'retry'])('%s of one run of a forEach step: 404, naming the step', async (verb) => {
    const { status, body } = await decide((await asking()).id, 'count[0]', { verb });
    expect([status, body.code]).toEqual([404, 'not_found']);
    expect(body.detail).toContain('name `count`');
  });
});

describe('what waits for people', () => {
  it('has gates too, with their question and the effects of their step', async () => {
    const plan = await asking({}, { approvalTimeoutMs: 3_600_000 });
    const list = async () => (await api.call<{ items: ApprovalItem[] }>('/v1/approvals')).body.items;
    expect(await list()).toEqual([
      {
        kind: 'gate',
        planId: plan.id,
        stepId: 'publish',
        digest: plan.digest,
        title: 'Publish?',
        since: expect.any(String),
        deadline: gateOf(plan)?.deadline,
        effects: { read: 0, write: 1, destructive: 0 },
        approvals: { count: 1, have: 0 },
      },
    ]);
    await decide(plan.id, 'publish');
    expect(await list()).toEqual([]);
  });
});

describe('answering human.input', () => {
  const schema: Json = {
    type: 'object',
    properties: { name: { type: 'string', minLength: 2 }, tags: { type: 'array', items: { enum: ['a', 'b'] } }, 'a b': { type: 'number' } },
    required: ['name', 'version'],
    additionalProperties: false,
  };
  const question = (input: Json, approval: Json = {}): Promise<Plan> => asking({ tool: 'human.input', input, approval });

  it('with what does not fit is refused with every issue at its path, and nothing is recorded', async () => {
    const plan = await question({ question: 'Which release?', schema });
    const data: Json = { name: 'x', tags: ['a', 'c'], 'a b': '1', more: true };
    const { status, body } = await decide(plan.id, 'publish', { body: { data } });
    expect([status, body.code]).toEqual([422, 'invalid_request']);
    expect(body.issues?.map(({ path, code }) => `${path} ${code}`).sort()).toEqual([
      'data.more unknown_field',
      'data.name bad_input',
      'data.tags[1] bad_input',
      'data.version bad_input',
      'data["a b"] bad_input',
    ]);
    const after = (await api.call<{ plan: Plan }>(`/v1/plans/${plan.id}`)).body.plan;
    expect(gateOf(after)).toMatchObject({ have: 0, votes: [] });
  });

  it('needs an answer', async () => {
    for (const input of [{ question: 'Which?', schema }, { question: 'Which?' }] as Json[]) {
      const plan = await question(input);
      const { status, body } = await decide(plan.id, 'publish', { body: { comment: 'yes' } });
      expect([status, body.issues?.map(({ path }) => path)]).toEqual([422, ['data']]);
      expect(body.detail).toContain('"Which?"');
    }
  });

  it.each<Json>(['2.1.0', 0, false, null, [], {}])('without a schema %j is an answer', async (data) => {
    const plan = await question({ question: 'Which?' });
    expect((await decide(plan.id, 'publish', { body: { data } })).status).toBe(200);
  });

  it('gives the step what it is to give', async () => {
    const plan = await question({ question: 'Which?', schema: { type: 'string' } });
    const executor = runSteps(api.store, () => ({ output: 'as answered' }));
    try {
      expect((await decide(plan.id, 'publish', { body: { data: '2.1.0' } })).status).toBe(200);
      const done = await whenPlan(api, plan.id, 'completed');
      expect(gateOf(done)?.data).toBe('2.1.0');
    } finally {
      await executor.close();
    }
  });

  it('can be refused without an answer', async () => {
    const plan = await question({ question: 'Which?', schema });
    expect((await decide(plan.id, 'publish', { verb: 'reject' })).body.plan.steps[0]?.error?.code).toBe('rejected');
  });

  it('a second vote may let the first answer stand', async () => {
    const plan = await question({ question: 'Which?', schema: { type: 'string' } }, { quorum: 2 });
    expect((await decide(plan.id, 'publish', { actor: 'alice' })).status).toBe(422);
    expect((await decide(plan.id, 'publish', { actor: 'alice', body: { data: 'x' } })).status).toBe(200);
    expect((await decide(plan.id, 'publish', { actor: 'bob', body: { data: 7 } })).status).toBe(422);
    const { body } = await decide(plan.id, 'publish', { actor: 'bob' });
    expect(gateOf(body.plan)).toMatchObject({ decision: 'approved', data: 'x' });
  });

  it('larger than an output may be is refused', async () => {
    const plan = await question({ question: 'Which?' });
    const { status, body } = await decide(plan.id, 'publish', { body: { data: 'x'.repeat(1_000_001) } });
    expect([status, body.issues?.[0]?.code]).toEqual([422, 'limit_exceeded']);
  });
});
