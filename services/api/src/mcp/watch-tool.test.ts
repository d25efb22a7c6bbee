import type { Issue, Json, Plan } from '@countersign/shared';
import { beforeEach, describe, expect, it } from 'vitest';
import { collectGarbage } from '../../../../test/collect-garbage.ts';
import { callTool } from '../../test/mcp-call.ts';
import { completeSteps, createPlan, useApi, whenPlan } from '../../test/running-api.ts';

const api = useApi();
/** The signals of the waits that are or were under way. */
let waits: AbortSignal[] = [];
beforeEach(() => {
  waits = [];
  const { tailEvents } = api.store;
  api.store.tailEvents = (planId, options) => {
    waits.push(options.signal);
    return tailEvents(planId, options);
  };
});

/** A plan's state, or the problem where the call is refused. */
interface Watched {
  after: string;
  plan: Pick<Plan, 'digest' | 'revision'>;
  reason?: string;
  issues?: Issue[];
}

async function watch(plan: Pick<Plan, 'id'>, args: Record<string, Json> = {}): Promise<Watched> {
  const { body } = await callTool(api.url, 'watch_plan', { planId: plan.id, ...args });
  return body.result.structuredContent;
}
const approve = ({ id, digest }: Plan) => api.call(`/v1/plans/${id}/approve`, { body: { digest }, actor: 'ada' });

it('a client that goes away ends the wait', async () => {
  const plan = await createPlan(api);
  const { after } = await watch(plan);
  expect(waits).toEqual([]);
  const gone = new AbortController();
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'watch_plan', arguments: { planId: plan.id, after } } };
  const watching = fetch(`${api.url}/mcp`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    body: JSON.stringify(message),
    signal: gone.signal,
  }).then((response) => response.text());
  watching.catch(() => {});
  await expect.poll(() => waits.length).toBe(1);
  gone.abort();
  await expect(watching).rejects.toThrow();
  await expect.poll(() => waits[0]?.aborted).toBe(true);
});

it('its time comes, although garbage is collected meanwhile: it waited for ever', async () => {
  const plan = await createPlan(api);
  const { after } = await watch(plan);
  const watching = watch(plan, { after, timeoutMs: 300 });
  await expect.poll(() => waits.length).toBe(1);
  collectGarbage();
  expect((await watching).reason).toBe('timeout');
});

it('what happened between two watches is not missed', async () => {
  const plan = await createPlan(api);
  const { after, reason } = await watch(plan);
  expect(reason).toBe('needs_person');
  const worker = completeSteps(api.store, { text: 'x' });
  await approve(plan);
  await whenPlan(api, plan.id, 'completed');
  await worker.close();
  expect(await watch(plan, { after, timeoutMs: 0 })).toMatchObject({ reason: 'ended', plan: { status: 'completed' } });
});

it('a new revision is something new to decide, also for who has been told of the old one', async () => {
  const plan = await createPlan(api);
  const { after } = await watch(plan);
  const watching = watch(plan, { after });
  await expect.poll(() => waits.length).toBe(1);
  const steps = [{ id: 'read', tool: 'test.read', input: { path: 'b.txt' } }];
  await api.call(`/v1/plans/${plan.id}`, { method: 'PUT', body: { steps }, headers: { 'If-Match': plan.digest } });
  const { reason, plan: revised } = await watching;
  expect([reason, revised.revision]).toEqual(['needs_person', 2]);
  expect(revised.digest).not.toBe(plan.digest);
});

it('a rejection ends the wait', async () => {
  const plan = await createPlan(api);
  const { after } = await watch(plan);
  const watching = watch(plan, { after });
  await expect.poll(() => waits.length).toBe(1);
  await api.call(`/v1/plans/${plan.id}/reject`, { body: { digest: plan.digest, reason: 'no' }, actor: 'ada' });
  expect(await watching).toMatchObject({
    reason: 'ended',
    plan: { status: 'rejected', waitsFor: [] },
    next: 'It has ended and never runs again.',
  });
});

it('a plan that is paused needs a person', async () => {
  const plan = await createPlan(api);
  const { after } = await watch(plan);
  await approve(plan);
  const watching = watch(plan, { after });
  await expect.poll(() => waits.length).toBe(1);
  await api.call(`/v1/plans/${plan.id}/pause`, { body: {} });
  expect(await watching).toMatchObject({ reason: 'needs_person', plan: { status: 'paused', waitsFor: [{ kind: 'resume' }] } });
});

it('a draft waits for a person to submit it', async () => {
  const plan = await createPlan(api, { draft: true });
  expect(await watch(plan)).toMatchObject({ reason: 'needs_person', plan: { waitsFor: [{ kind: 'submission' }] } });
});

it('a plan that is deleted meanwhile is not there any more', async () => {
  const plan = await createPlan(api);
  const { after } = await watch(plan);
  await api.call(`/v1/plans/${plan.id}/cancel`, { body: {} });
  await api.call(`/v1/plans/${plan.id}`, { method: 'DELETE' });
  expect(await watch(plan, { after })).toMatchObject({ code: 'not_found', status: 404 });
});

describe('arguments', () => {
  it.each([
    [{ timeoutMs: 300_001 }, 'timeoutMs', 'limit_exceeded'],
    [{ timeoutMs: -1 }, 'timeoutMs', 'bad_input'],
    [{ timeoutMs: '5' }, 'timeoutMs', 'bad_input'],
    [{ after: 'now' }, 'after', 'bad_input'],
    [{ until: 'ended' }, 'until', 'unknown_field'],
  ])('%j is refused', async (args, path, code) => {
    const plan = await createPlan(api);
    expect((await watch(plan, args as Record<string, Json>)).issues).toEqual([{ path, code, message: expect.any(String) }]);
  });
});
