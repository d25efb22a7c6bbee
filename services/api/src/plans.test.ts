import {
  digestOf,
  type Issue,
  type Page,
  type Plan,
  type PlanSummary,
  type Problem,
  type Revision,
  type RevisionContent,
  type ToolContract,
} from '@countersign/shared';
import type { AuditRecord } from '@countersign/store';
import { describe, expect, it } from 'vitest';
import { completeSteps, createPlan, TOOLS, twoSteps, useApi } from '../test/running-api.ts';

const api = useApi();
const NOWHERE = 'pln_0000000000000000000000';

describe('POST /v1/plans', () => {
  it('stores the plan and waits for people', async () => {
    const { status, headers, body } = await api.call<{ plan: Plan }>('/v1/plans', { body: twoSteps() });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/v1/plans/${body.plan.id}`);
    expect(headers.get('etag')).toBe(`"${body.plan.digest}"`);
    expect(body.plan).toMatchObject({
      status: 'pending_approval',
      quorum: 1,
      effects: { read: 1, write: 1, destructive: 0 },
      steps: [
        { id: 'read', dependsOn: [] },
        { id: 'write', dependsOn: ['read'] },
      ],
    });
  });

  it('keeps a draft back until it is submitted', async () => {
    expect((await createPlan(api, { draft: true })).status).toBe('draft');
  });

  it('starts a plan that needs nobody, but not one that destroys', async () => {
    expect((await createPlan(api, { options: { autoApprove: true } })).status).toBe('executing');
    const steps = [{ id: 'drop', tool: 'test.destroy' }];
    expect((await createPlan(api, { steps, options: { autoApprove: true } })).status).toBe('pending_approval');
  });

  it('reports every issue at once and stores nothing', async () => {
    const { status, body } = await api.call<Problem>('/v1/plans', {
      body: {
        objective: '',
        draft: 'yes',
        nosuch: 1,
        steps: [
          { id: 'a', tool: 'nosuch', dependsOn: ['b'] },
          { id: 'b', tool: 'test.read', dependsOn: ['a'], input: { path: 7 } },
          { id: 'c', tool: 'test.read', input: { path: '{{gone.output}}' } },
          { id: 'c', tool: 'test.read' },
        ],
      },
    });
    expect([status, body.code]).toEqual([422, 'invalid_plan']);
    expect((body.issues as Issue[]).map(({ path, code }) => `${path} ${code}`).sort()).toEqual([
      'draft bad_input',
      'nosuch unknown_field',
      'objective bad_input',
      'steps[0].dependsOn cycle',
      'steps[0].tool unknown_tool',
      'steps[1].input.path bad_input',
      'steps[2].input.path unknown_reference',
      'steps[3].id duplicate_id',
    ]);
    expect((await api.call<Page<PlanSummary>>('/v1/plans')).body.items).toEqual([]);
  });

  it('a right plan in a wrong call is a wrong call', async () => {
    const { status, body } = await api.call<Problem>('/v1/plans', { body: twoSteps({ draft: 1 }) });
    expect([status, body.code, body.issues?.[0]?.path]).toEqual([422, 'invalid_request', 'draft']);
  });

  it('knows a tool at most a second after it was announced', async () => {
    const body = { objective: 'x', steps: [{ id: 'a', tool: 'test.new' }] };
    expect((await api.call('/v1/plans', { body })).status).toBe(422);
    await api.store.announceTools([{ ...(TOOLS[0] as ToolContract), name: 'test.new' }]);
    await expect.poll(async () => (await api.call('/v1/plans', { body })).status, { timeout: 5_000 }).toBe(201);
  });
});

describe('a condition that executors have in code', () => {
  it('can be named once they have announced it', async () => {
    const steps = [{ id: 'a', tool: 'test.read', when: 'businessHours' }];
    const check = async () =>
      (await api.call<{ valid: boolean; issues: Issue[] }>('/v1/plans/validate', { body: { objective: 'x', steps } })).body;
    expect((await check()).issues.map(({ path, code }) => [path, code])).toEqual([['steps[0].when', 'bad_condition']]);
    await api.store.announceConditions(['businessHours']);
    await expect.poll(async () => (await check()).valid, { timeout: 5_000 }).toBe(true);
  });
});

describe('POST /v1/plans/validate', () => {
  it('says what is wrong and stores nothing', async () => {
    const right = await api.call<{ valid: boolean; issues: Issue[] }>('/v1/plans/validate', { body: twoSteps() });
    expect([right.status, right.body]).toEqual([200, { valid: true, issues: [] }]);
    const wrong = await api.call<{ valid: boolean; issues: Issue[] }>('/v1/plans/validate', { body: { objective: 'x', steps: [] } });
    expect([wrong.status, wrong.body.valid, wrong.body.issues.map(({ path }) => path)]).toEqual([200, false, ['steps']]);
    expect((await api.call<Page<PlanSummary>>('/v1/plans')).body.items).toEqual([]);
  });
});

describe('GET /v1/plans/:id', () => {
  it('has the digest as its ETag and is never answered as unchanged, for the status may have changed', async () => {
    const { id, digest } = await createPlan(api);
    const reply = await api.call<{ plan: Plan }>(`/v1/plans/${id}`, { headers: { 'If-None-Match': `"${digest}"` } });
    expect([reply.status, reply.headers.get('etag'), reply.body.plan.id]).toEqual([200, `"${digest}"`, id]);
  });

  it('the digest is that of the content of the revision', async () => {
    const { id, digest } = await createPlan(api);
    const { body } = await api.call<{ revision: RevisionContent }>(`/v1/plans/${id}/revisions/1`);
    expect(body.revision).toMatchObject({ revision: 1, digest, origin: 'manual', createdBy: 'local' });
    expect(await digestOf(body.revision.content)).toBe(digest);
    const list = await api.call<{ items: Revision[] }>(`/v1/plans/${id}/revisions`);
    expect(list.body.items.map(({ revision }) => revision)).toEqual([1]);
  });

  it('is Markdown or Mermaid for people', async () => {
    const { id } = await createPlan(api);
    const markdown = await api.call(`/v1/plans/${id}?format=markdown`);
    expect(markdown.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
    expect(markdown.text).toContain('# Copy a text');
    expect(markdown.text).toContain('1 read, 1 write, 0 destructive');
    const mermaid = await api.call(`/v1/plans/${id}?format=mermaid`);
    expect(mermaid.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(mermaid.text).toMatch(/^flowchart TD\n/);
    expect((await api.call(`/v1/plans/${id}?format=pdf`)).status).toBe(422);
  });

  it('HEAD says as much as GET, without the body', async () => {
    const { id, digest } = await createPlan(api);
    const get = await api.call(`/v1/plans/${id}`);
    const head = await fetch(`${api.url}/v1/plans/${id}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, `"${digest}"`, '']);
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(get.text)));
  });

  it.each(['', '/revisions', '/revisions/1', '/audit', '/events', '?format=markdown'])(
    'GET of a plan that does not exist%s: 404',
    async (rest) => {
      for (const id of [NOWHERE, 'x', 'pln_', '%2e%2e']) expect((await api.call(`/v1/plans/${id}${rest}`)).status).toBe(404);
    },
  );

  it.each(['0', '2', '-1', '1.0', '1e0', '99999999999999999999', 'x'])('there is no revision %s', async (n) => {
    const { id } = await createPlan(api);
    expect((await api.call(`/v1/plans/${id}/revisions/${n}`)).status).toBe(404);
  });
});

describe('a plan that has run', () => {
  it('shows its outputs, its whole record, and can be deleted', async () => {
    const executor = completeSteps(api.store, { text: 'copied' });
    try {
      const { id } = await createPlan(api, { options: { autoApprove: true } });
      const read = async () => (await api.call<{ plan: Plan }>(`/v1/plans/${id}`)).body.plan;
      await expect.poll(async () => (await read()).status, { timeout: 20_000 }).toBe('completed');
      expect((await read()).steps.map(({ output }) => output)).toEqual([{ text: 'copied' }, { text: 'copied' }]);
      expect((await api.call(`/v1/plans/${id}?format=markdown`)).text).toContain('- `read`: `{"text":"copied"}`');
      const audit = (await api.call<AuditRecord>(`/v1/plans/${id}/audit`)).body;
      expect(audit).toMatchObject({
        version: 1,
        plan: { id, status: 'completed' },
        revisions: [{ revision: 1 }],
        results: { read: { status: 'completed' } },
      });
      expect(audit.events.at(-1)?.type).toBe('plan.completed');
      const deleted = await api.call(`/v1/plans/${id}`, { method: 'DELETE' });
      expect([deleted.status, deleted.text]).toEqual([204, '']);
      expect((await api.call(`/v1/plans/${id}`)).status).toBe(404);
      expect((await api.call(`/v1/plans/${id}`, { method: 'DELETE' })).status).toBe(404);
    } finally {
      await executor.close();
    }
  });

  it('only an ended plan can be deleted', async () => {
    const { id } = await createPlan(api);
    const { status, body } = await api.call<Problem>(`/v1/plans/${id}`, { method: 'DELETE' });
    expect([status, body.code, body.currentStatus]).toEqual([409, 'wrong_state', 'pending_approval']);
  });
});

describe('GET /v1/plans', () => {
  it('lists newest first, in pages, by status', async () => {
    const ids: string[] = [];
    for (let number = 0; number < 3; number++) ids.unshift((await createPlan(api)).id);
    await createPlan(api, { draft: true });
    const first = await api.call<Page<PlanSummary>>('/v1/plans?status=pending_approval&limit=2');
    expect(first.body.items.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const second = await api.call<Page<PlanSummary>>(`/v1/plans?status=pending_approval&limit=2&cursor=${first.body.nextCursor}`);
    expect(second.body).toMatchObject({ items: [{ id: ids[2] }], nextCursor: null });
    expect((await api.call<Page<PlanSummary>>('/v1/plans')).body.items).toHaveLength(4);
  });
});
