import { type Json, LIMITS, type Plan, type PlanDiff, type Problem, type Revision, type RevisionContent } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { completeSteps, createPlan, runSteps, useApi, whenPlan } from '../test/running-api.ts';

const api = useApi();
const NOWHERE = 'pln_0000000000000000000000';
const OTHER_DIGEST = `sha256:${'0'.repeat(64)}`;
const NEW_STEPS: Json = [{ id: 'read', tool: 'test.read', input: { path: 'b.txt' } }];

interface PutOptions {
  ifMatch?: string;
  body?: Json;
  raw?: string;
  actor?: string;
}
const put = ({ id, digest }: Pick<Plan, 'id' | 'digest'>, { ifMatch = digest, body, ...rest }: PutOptions) =>
  api.call<{ plan: Plan } & Problem>(`/v1/plans/${id}`, {
    method: 'PUT',
    headers: { 'If-Match': ifMatch },
    ...(body !== undefined && { body }),
    ...rest,
  });
const putWithout = (id: string, body: Json) => api.call<Problem>(`/v1/plans/${id}`, { method: 'PUT', body });
const post = (id: string, path: string, body: Json = {}) => api.call<{ plan: Plan } & Problem>(`/v1/plans/${id}/${path}`, { body });
const revisionOf = async (id: string, n: number) =>
  (await api.call<{ revision: RevisionContent }>(`/v1/plans/${id}/revisions/${n}`)).body.revision;

describe('PUT /v1/plans/:id', () => {
  it('writes a new revision, waiting for people anew', async () => {
    const plan = await createPlan(api, { description: 'why', input: { root: '.' }, options: { maxParallelSteps: 7 } });
    const { status, headers, body } = await put(plan, { ifMatch: `"${plan.digest}"`, body: { steps: NEW_STEPS }, actor: 'carol' });
    expect([status, body.plan.revision, body.plan.status]).toEqual([200, 2, 'pending_approval']);
    expect(body.plan.digest).not.toBe(plan.digest);
    expect(headers.get('etag')).toBe(`"${body.plan.digest}"`);
    expect(body.plan.steps.map(({ id, input }) => [id, input])).toEqual([['read', { path: 'b.txt' }]]);
    const list = await api.call<{ items: Revision[] }>(`/v1/plans/${plan.id}/revisions`);
    expect(list.body.items).toMatchObject([
      { revision: 1, digest: plan.digest, createdBy: 'local' },
      { revision: 2, digest: body.plan.digest, createdBy: 'carol', origin: 'manual' },
    ]);
  });

  it('leaves what is left out as it is, and takes what is given whole', async () => {
    const plan = await createPlan(api, { description: 'why', input: { root: '.' }, options: { maxParallelSteps: 7, stopOnError: false } });
    const kept = (await put(plan, { body: { steps: NEW_STEPS } })).body.plan;
    expect(kept).toMatchObject({ objective: plan.objective, description: 'why', input: { root: '.' }, options: plan.options });
    const changes = { steps: NEW_STEPS, description: '', input: { a: 1 }, options: { priority: 3 } };
    const given = (await put(kept, { body: changes })).body.plan;
    expect(given).toMatchObject({ revision: 3, description: '', input: { a: 1 }, options: { priority: 3, maxParallelSteps: 3 } });
    expect(given.options.stopOnError).toBe(true);
  });

  it('makes no revision of the same content, however it is written', async () => {
    const plan = await createPlan(api, { description: 'why', options: { retry: { maxAttempts: 2 } } });
    const asWritten: Json = [
      { id: 'read', tool: 'test.read', input: { path: 'a.txt' } },
      { id: 'write', tool: 'test.write', input: { text: '{{read.output.text}}' } },
    ];
    const { content } = await revisionOf(plan.id, 1);
    for (const steps of [asWritten, content.steps as unknown as Json] as Json[]) {
      const { status, body } = await put(plan, { body: { steps } });
      expect([status, body.plan.revision, body.plan.digest]).toEqual([200, 1, plan.digest]);
    }
    expect((await put(plan, { body: { ...(content as unknown as { steps: Json }), objective: 'x' } })).status).toBe(422);
  });

  it('a step without a time of its own takes the tool’s, also where the options stay as they are', async () => {
    const steps: Json = [{ id: 'ask', tool: 'human.input', input: { question: 'Which?' } }];
    const plan = await createPlan(api, { steps });
    expect(plan.steps[0]?.timeoutMs).toBe(5_000);
    const { body } = await put(plan, { body: { steps } });
    expect(body.plan.digest).toBe(plan.digest);
  });

  it('asks policy anew: what nobody has to approve starts', async () => {
    const plan = await createPlan(api);
    const { body } = await put(plan, { body: { steps: NEW_STEPS, options: { autoApprove: true } } });
    expect(body.plan).toMatchObject({ status: 'executing', revision: 2, quorum: 0 });
    const waiting = await createPlan(api);
    const steps: Json = [{ id: 'drop', tool: 'test.destroy' }];
    expect((await put(waiting, { body: { steps, options: { autoApprove: true } } })).body.plan.status).toBe('pending_approval');
  });

  it('an approval of the former digest is worth nothing', async () => {
    const plan = await createPlan(api, { draft: true });
    const { body } = await put(plan, { body: { steps: NEW_STEPS } });
    expect(body.plan.status).toBe('pending_approval');
    const vote = await post(plan.id, 'approve', { digest: plan.digest });
    expect([vote.status, vote.body.code, vote.body.currentDigest]).toEqual([409, 'stale_digest', body.plan.digest]);
    expect((await post(plan.id, 'approve', { digest: body.plan.digest })).body.plan.status).toBe('executing');
  });

  it('keeps completed steps that are the same, and runs only the others', async () => {
    const ran: string[] = [];
    const executor = runSteps(api.store, (stepId) => {
      ran.push(stepId);
      return stepId === 'write' && ran.length === 2 ? { error: 'disk full' } : { output: { text: 'x' } };
    });
    try {
      const plan = await createPlan(api, { options: { autoApprove: true } });
      const failed = await whenPlan(api, plan.id, 'failed');
      const { content } = await revisionOf(plan.id, 1);
      const [read, write] = content.steps as unknown as [Json, Record<string, Json>];
      const { body } = await put(failed, { body: { steps: [read, { ...write, input: { text: 'other' } }] } });
      expect(body.plan.revision).toBe(2);
      const done = await whenPlan(api, plan.id, 'completed');
      expect(ran).toEqual(['read', 'write', 'write']);
      expect(done.steps[0]?.reason?.kind).toBe('pinned');
    } finally {
      await executor.close();
    }
  });

  describe('refuses, in this order,', () => {
    const WRONG = { steps: [] };

    it('404 what is not there', async () => {
      for (const id of [NOWHERE, 'x']) expect((await putWithout(id, WRONG)).status).toBe(404);
    });

    it('428 a change that does not say what it was made from', async () => {
      const { status, body } = await putWithout((await createPlan(api)).id, WRONG);
      expect([status, body.code]).toEqual([428, 'if_match_required']);
    });

    it.each(['*', OTHER_DIGEST, `W/"${OTHER_DIGEST}"`, `"${OTHER_DIGEST}", "${OTHER_DIGEST}"`])('412 the digest %s', async (ifMatch) => {
      const plan = await createPlan(api);
      await post(plan.id, 'approve', { digest: plan.digest });
      const { status, body } = await put(plan, { ifMatch, body: WRONG });
      expect([status, body.code, body.currentDigest]).toEqual([412, 'stale_digest', plan.digest]);
    });

    it('409 a plan that is under way or at its end, saying when it would be possible', async () => {
      const plan = await createPlan(api);
      await post(plan.id, 'approve', { digest: plan.digest });
      const { status, body } = await put(plan, { body: WRONG });
      expect([status, body.code, body.currentStatus]).toEqual([409, 'wrong_state', 'executing']);
      expect(body.detail).toBe(
        'the plan is executing, so you cannot revise it; a plan can be revised while it is draft, pending_approval, failed or partial',
      );
    });

    it('422 a plan that cannot run, with every issue at once', async () => {
      const plan = await createPlan(api);
      const { status, body } = await put(plan, {
        body: { steps: [{ id: 'a', tool: 'nosuch' }], options: { maxParallelSteps: 0 }, objective: 'another', nosuch: 1, description: 7 },
      });
      expect([status, body.code]).toEqual([422, 'invalid_plan']);
      expect(body.issues?.map(({ path, code }) => `${path} ${code}`).sort()).toEqual([
        'description bad_input',
        'nosuch unknown_field',
        'objective unknown_field',
        'options.maxParallelSteps bad_option',
        'steps[0].tool unknown_tool',
      ]);
      expect((await api.call<{ items: Revision[] }>(`/v1/plans/${plan.id}/revisions`)).body.items).toHaveLength(1);
    });

    it.each<Json>([[], null, 'x'])('422 the body %j', async (body) => {
      const reply = await put(await createPlan(api), { raw: JSON.stringify(body) });
      expect([reply.status, reply.body.code]).toEqual([422, 'invalid_request']);
    });

    it('422 a right plan in a wrong call, and one without steps', async () => {
      const plan = await createPlan(api);
      const wrong = await put(plan, { body: { steps: NEW_STEPS, draft: true } });
      expect([wrong.body.code, wrong.body.issues?.map(({ path }) => path)]).toEqual(['invalid_request', ['draft']]);
      const none = await put(plan, { body: { description: 'x' } });
      expect([none.body.code, none.body.issues?.map(({ path }) => path)]).toEqual(['invalid_plan', ['steps']]);
    });
  });

  it('of two at the same time only one counts', async () => {
    const plan = await createPlan(api);
    const replies = await Promise.all(['x', 'y', 'z'].map((path) => put(plan, { body: { steps: [{ id: path, tool: 'test.read' }] } })));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 412, 412]);
  });
});

describe('POST /v1/plans/:id/revise', () => {
  it('asks the planner, and the plan shows what it was asked', async () => {
    const plan = await createPlan(api);
    const { status, headers, body } = await post(plan.id, 'revise', { feedback: ' Fewer steps ' });
    expect([status, headers.get('location')]).toEqual([202, `/v1/plans/${plan.id}`]);
    expect(body.plan).toMatchObject({
      revision: 1,
      digest: plan.digest,
      planning: { number: 1, kind: 'revise', status: 'queued', requestedBy: 'local', feedback: 'Fewer steps' },
    });
  });

  it('one request at a time, and a repeated call is the same request', async () => {
    const { id } = await createPlan(api);
    const ask = (idempotencyKey: string, feedback: string) =>
      api.call<{ plan: Plan } & Problem>(`/v1/plans/${id}/revise`, { body: { feedback }, idempotencyKey });
    const first = await ask('a', 'Fewer steps');
    const again = await ask('a', 'Fewer steps');
    expect([again.status, again.text, again.headers.get('idempotent-replayed')]).toEqual([202, first.text, 'true']);
    expect((await ask('a', 'More steps')).body.code).toBe('idempotency_conflict');
    expect((await ask('b', 'More steps')).body.code).toBe('wrong_state');
  });

  it('of a plan that is under way is refused, saying when it would be possible', async () => {
    const plan = await createPlan(api);
    await post(plan.id, 'approve', { digest: plan.digest });
    const { status, body } = await post(plan.id, 'revise', { feedback: 'x' });
    expect([status, body.code]).toEqual([409, 'wrong_state']);
    expect(body.detail).toMatch(/executing.*draft, pending_approval, failed or partial/);
  });

  it.each<[Json, string]>([
    [{}, 'feedback'],
    [{ feedback: '  ' }, 'feedback'],
    [{ feedback: 'x'.repeat(LIMITS.textLength + 1) }, 'feedback'],
    [{ feedback: 'x', more: 1 }, 'more'],
  ])('with the body %.60j is refused', async (body, path) => {
    const reply = await post((await createPlan(api)).id, 'revise', body);
    expect([reply.status, reply.body.code, reply.body.issues?.[0]?.path]).toEqual([422, 'invalid_request', path]);
  });

  it('of a plan that does not exist: 404', async () => {
    expect((await post(NOWHERE, 'revise', { feedback: 'x' })).status).toBe(404);
  });
});

describe('GET /v1/plans/:id/diff', () => {
  const diff = (id: string, query = '') => api.call<PlanDiff & Problem>(`/v1/plans/${id}/diff${query}`);

  it('of the first revision is empty', async () => {
    const { status, body } = await diff((await createPlan(api)).id);
    expect(status).toBe(200);
    expect(body).toMatchObject({ from: 1, to: 1, changes: [] });
    expect(body.text).toContain('no changes');
  });

  it('is from the revision before to the current one, unless others are named', async () => {
    const first = await createPlan(api);
    const second = (await put(first, { body: { steps: NEW_STEPS } })).body.plan;
    await put(second, { body: { steps: NEW_STEPS, description: 'shorter' } });
    expect((await diff(first.id)).body).toMatchObject({ from: 2, to: 3, changes: [{ kind: 'plan', fields: [{ path: 'description' }] }] });
    expect((await diff(first.id, '?to=2')).body).toMatchObject({ from: 1, to: 2 });
    const all = (await diff(first.id, '?from=1')).body;
    expect(all).toMatchObject({ from: 1, to: 3 });
    expect(all.changes.map(({ kind, stepId }) => [kind, stepId])).toEqual([
      ['plan', null],
      ['changed', 'read'],
      ['removed', 'write'],
    ]);
    expect(all.text).toContain('    input.path: "a.txt" -> "b.txt"\n');
    const back = (await diff(first.id, '?from=3&to=1')).body;
    expect([back.from, back.to, back.changes.map(({ kind }) => kind)]).toEqual([3, 1, ['plan', 'changed', 'added']]);
  });

  it('of a revision or a plan that is not there: 404 naming those that are', async () => {
    const { id } = await createPlan(api);
    for (const query of ['?from=2', '?to=2', '?from=2&to=1', '?from=9007199254740991']) {
      const { status, body } = await diff(id, query);
      expect([status, body.code, body.detail]).toEqual([404, 'not_found', expect.stringContaining('there is only 1')]);
    }
    expect((await diff(NOWHERE)).status).toBe(404);
  });

  it.each(['?from=0', '?to=x', '?to=1.5', '?since=1'])('%s is refused', async (query) => {
    const { status, body } = await diff((await createPlan(api)).id, query);
    expect([status, body.code]).toEqual([422, 'invalid_request']);
  });
});

describe('a plan that has completed', () => {
  it('is revised no more', async () => {
    const executor = completeSteps(api.store, 'done');
    try {
      const plan = await createPlan(api, { options: { autoApprove: true } });
      const done = await whenPlan(api, plan.id, 'completed');
      const reply = await put(done, { body: { steps: NEW_STEPS } });
      expect([reply.status, reply.body.code, reply.body.currentStatus]).toEqual([409, 'wrong_state', 'completed']);
    } finally {
      await executor.close();
    }
  });
});
