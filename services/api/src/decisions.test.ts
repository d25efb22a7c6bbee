import {
  type ApprovalItem,
  type Json,
  type Page,
  type Plan,
  type PlanSummary,
  type Problem,
  ROLES,
  type ToolContract,
} from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { createPlan, TOOLS, twoSteps, useApi } from '../test/running-api.ts';

const api = useApi();
const decide = (plan: Pick<Plan, 'id'>, verb: string, options: { body?: Json; actor?: string; idempotencyKey?: string } = {}) =>
  api.call<{ plan: Plan } & Problem>(`/v1/plans/${plan.id}/${verb}`, { method: 'POST', ...options });
const OTHER_DIGEST = `sha256:${'0'.repeat(64)}`;

describe('approving', () => {
  it('exactly the digest that was read starts the plan', async () => {
    const plan = await createPlan(api);
    const { status, body } = await decide(plan, 'approve', { body: { digest: plan.digest, comment: 'fine' }, actor: 'bob' });
    expect([status, body.plan.status]).toEqual([200, 'executing']);
    const { version } = plan.policy;
    const vote = { actor: 'bob', roles: ROLES, policy: version, at: expect.any(String), digest: plan.digest, comment: 'fine' };
    expect(body.plan.approvals).toEqual([vote]);
  });

  it('another digest is refused, naming the current one', async () => {
    const plan = await createPlan(api);
    const { status, body } = await decide(plan, 'approve', { body: { digest: OTHER_DIGEST } });
    expect([status, body.code, body.currentDigest]).toEqual([409, 'stale_digest', plan.digest]);
  });

  it('twice is refused, and so is what was decided already', async () => {
    const plan = await createPlan(api);
    await decide(plan, 'approve', { body: { digest: plan.digest } });
    const { status, body } = await decide(plan, 'approve', { body: { digest: plan.digest } });
    expect([status, body.code, body.currentStatus]).toEqual([409, 'wrong_state', 'executing']);
  });

  it.each<[Json, string[]]>([
    [{}, ['digest']],
    [{ digest: 'sha256:x', comment: 7, more: 1 }, ['comment', 'digest', 'more']],
    [{ digest: OTHER_DIGEST, comment: 'x'.repeat(10_001) }, ['comment']],
  ])('with the body %.60j is refused with every issue', async (body, paths) => {
    const reply = await decide(await createPlan(api), 'approve', { body });
    expect([reply.status, reply.body.code]).toEqual([422, 'invalid_request']);
    expect(reply.body.issues?.map(({ path }) => path).sort()).toEqual(paths);
  });
});

describe('rejecting, submitting, cancelling', () => {
  it('a rejection needs a reason and ends the plan', async () => {
    const plan = await createPlan(api);
    expect((await decide(plan, 'reject', { body: { digest: plan.digest } })).status).toBe(422);
    const { body } = await decide(plan, 'reject', { body: { digest: plan.digest, reason: 'too much' }, actor: 'bob' });
    expect(body.plan).toMatchObject({ status: 'rejected', rejection: { actor: 'bob', reason: 'too much' } });
    const late = await decide(plan, 'approve', { body: { digest: plan.digest } });
    expect([late.status, late.body.currentStatus]).toEqual([409, 'rejected']);
  });

  it('a draft is submitted once, with or without a body', async () => {
    const plan = await createPlan(api, { draft: true });
    const { status, body } = await decide(plan, 'submit');
    expect([status, body.plan.status]).toEqual([200, 'pending_approval']);
    expect((await decide(plan, 'submit', { body: {} })).status).toBe(409);
    expect((await decide(plan, 'submit', { body: { now: true } })).status).toBe(422);
  });

  it('a cancelled plan says who and why', async () => {
    const plan = await createPlan(api);
    const { status, body } = await decide(plan, 'cancel', { body: { reason: 'no longer needed' } });
    expect(status).toBe(200);
    expect(body.plan).toMatchObject({ status: 'cancelled', cancellation: { actor: 'local', reason: 'no longer needed' } });
    expect((await decide(plan, 'cancel')).body.code).toBe('wrong_state');
  });

  it.each(['submit', 'approve', 'reject', 'cancel'])('%s of a plan that does not exist: 404', async (verb) => {
    const body = verb === 'approve' ? { digest: OTHER_DIGEST } : verb === 'reject' ? { digest: OTHER_DIGEST, reason: 'x' } : {};
    for (const id of ['pln_0000000000000000000000', 'x']) expect((await decide({ id }, verb, { body: body as Json })).status).toBe(404);
  });
});

describe('GET /v1/approvals', () => {
  it('lists what waits for people, oldest first', async () => {
    const first = await createPlan(api, { objective: 'First' });
    const second = await createPlan(api, { objective: 'Second' });
    await createPlan(api, { draft: true });
    const list = async () => (await api.call<{ items: ApprovalItem[] }>('/v1/approvals')).body.items;
    expect(await list()).toMatchObject([
      { kind: 'plan', planId: first.id, digest: first.digest, title: 'First', effects: first.effects, approvals: { count: 1, have: 0 } },
      { planId: second.id },
    ]);
    await decide(first, 'approve', { body: { digest: first.digest } });
    expect((await list()).map(({ planId }) => planId)).toEqual([second.id]);
  });
});

describe('Idempotency-Key', () => {
  const REPLAYED = 'idempotent-replayed';

  it('the same call gives the first answer again, whatever happened since', async () => {
    const options = { body: twoSteps(), idempotencyKey: 'one' };
    const first = await api.call<{ plan: Plan }>('/v1/plans', options);
    await decide(first.body.plan, 'cancel');
    const second = await api.call<{ plan: Plan }>('/v1/plans', options);
    expect([second.status, second.text]).toEqual([first.status, first.text]);
    expect([first.headers.get(REPLAYED), second.headers.get(REPLAYED)]).toEqual([null, 'true']);
    expect([second.headers.get('location'), second.headers.get('etag')]).toEqual([
      first.headers.get('location'),
      first.headers.get('etag'),
    ]);
    expect((await api.call<Page<PlanSummary>>('/v1/plans')).body.items).toHaveLength(1);
  });

  it('the same call gives the first answer again also when it would be refused as a new one by now', async () => {
    const body = twoSteps();
    const isValid = async () => (await api.call<{ valid: boolean }>('/v1/plans/validate', { body })).body.valid;
    expect(await isValid()).toBe(true);
    const first = await api.call('/v1/plans', { body, idempotencyKey: 'k' });
    const changed = { type: 'object', properties: { file: { type: 'string' } }, required: ['file'], additionalProperties: false };
    await api.store.announceTools([{ ...(TOOLS[0] as ToolContract), inputSchema: changed }]);
    await expect.poll(isValid, { timeout: 5_000 }).toBe(false);

    const again = await api.call('/v1/plans', { body, idempotencyKey: 'k' });
    expect([again.status, again.text, again.headers.get(REPLAYED)]).toEqual([201, first.text, 'true']);
    expect((await api.call<Problem>('/v1/plans', { body, idempotencyKey: 'another' })).body.code).toBe('invalid_plan');
    const other = await api.call<Problem>('/v1/plans', { body: twoSteps({ description: 'y' }), idempotencyKey: 'k' });
    expect([other.status, other.body.code]).toEqual([409, 'idempotency_conflict']);
  });

  it('another body under a known key is a conflict also where it would not have been accepted', async () => {
    await api.call('/v1/tasks', { body: { objective: 'one' }, idempotencyKey: 'k' });
    for (const body of [{ objective: ' ' }, [], { objective: 'one', nosuch: 1 }] as Json[]) {
      const refused = await api.call<Problem>('/v1/tasks', { body, idempotencyKey: 'k' });
      expect([refused.status, refused.body.code]).toEqual([409, 'idempotency_conflict']);
    }
  });

  it('a call that was refused is checked anew: its key is still free', async () => {
    expect((await api.call('/v1/tasks', { body: { objective: ' ' }, idempotencyKey: 'k' })).status).toBe(422);
    expect((await api.call('/v1/tasks', { body: { objective: 'one' }, idempotencyKey: 'k' })).status).toBe(202);
  });

  it('is the same call when its JSON is written differently', async () => {
    const first = await api.call<{ task: { id: string } }>('/v1/tasks', {
      raw: '{"objective":"x","input":{"a":1,"b":2.0}}',
      idempotencyKey: 'k',
    });
    const second = await api.call<{ task: { id: string } }>('/v1/tasks', {
      raw: '{ "input": {"b":2,"a":1}, "objective": "\\u0078" }',
      idempotencyKey: 'k',
    });
    expect(second.body.task.id).toBe(first.body.task.id);
  });

  it('with another body is a conflict', async () => {
    await api.call('/v1/tasks', { body: { objective: 'one' }, idempotencyKey: 'k' });
    const { status, body } = await api.call<Problem>('/v1/tasks', { body: { objective: 'two' }, idempotencyKey: 'k' });
    expect([status, body.code]).toEqual([409, 'idempotency_conflict']);
  });

  it('belongs to its actor and to its path', async () => {
    const ids = new Set<string>();
    for (const actor of ['alice', 'bob']) {
      ids.add((await api.call<{ plan: Plan }>('/v1/plans', { body: twoSteps(), idempotencyKey: 'k', actor })).body.plan.id);
    }
    expect(ids.size).toBe(2);
    for (const id of ids)
      expect((await decide({ id }, 'cancel', { idempotencyKey: 'k', actor: 'alice' })).body.plan.status).toBe('cancelled');
  });

  it.each(['approve', 'reject', 'cancel', 'submit'])('makes repeating %s harmless', async (verb) => {
    const plan = await createPlan(api, verb === 'submit' ? { draft: true } : {});
    const body = verb === 'approve' ? { digest: plan.digest } : verb === 'reject' ? { digest: plan.digest, reason: 'no' } : {};
    const options = { body: body as Json, idempotencyKey: 'k' };
    const first = await decide(plan, verb, options);
    const second = await decide(plan, verb, options);
    expect([first.status, second.status, second.text]).toEqual([200, 200, first.text]);
    expect((await decide(plan, verb, { ...options, idempotencyKey: 'another' })).status).toBe(409);
  });

  it('many at the same time create one', async () => {
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => api.call<{ plan: Plan }>('/v1/plans', { body: twoSteps(), idempotencyKey: 'k' })),
    );
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(replies.map(({ body }) => body.plan.id)).size).toBe(1);
  });

  it('a refused call may be repeated with the same key when it has become right', async () => {
    const plan = await createPlan(api, { draft: true });
    const body = { digest: plan.digest };
    expect((await decide(plan, 'approve', { body, idempotencyKey: 'k' })).status).toBe(409);
    await decide(plan, 'submit');
    expect((await decide(plan, 'approve', { body, idempotencyKey: 'k' })).status).toBe(200);
  });

  it.each(['', 'x'.repeat(256), 'caf\u00e9'])('%.20j is no key', async (idempotencyKey) => {
    const { status, body } = await api.call<Problem>('/v1/tasks', { body: { objective: 'x' }, idempotencyKey });
    expect([status, body.code, body.issues?.[0]?.path]).toEqual([422, 'invalid_request', 'Idempotency-Key']);
  });

  it('of 255 characters is one', async () => {
    expect((await api.call('/v1/tasks', { body: { objective: 'x' }, idempotencyKey: '~'.repeat(255) })).status).toBe(202);
  });
});
