import type { Json, Plan, Problem } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { createPlan, runSteps, useApi, whenPlan } from '../test/running-api.ts';

const api = useApi();
const NOWHERE = 'pln_0000000000000000000000';
const act = (id: string, path: string, options: { body?: Json; actor?: string; idempotencyKey?: string } = {}) =>
  api.call<{ plan: Plan } & Problem>(`/v1/plans/${id}/${path}`, { method: 'POST', ...options });
const statuses = ({ steps }: Plan) => Object.fromEntries(steps.map(({ id, status }) => [id, status]));

/** A plan of which `write` has failed, with `read` completed and `after` behind it; nothing takes its steps any more. */
async function failedPlan(): Promise<Plan> {
  const executor = runSteps(api.store, (stepId) => (stepId === 'write' ? { error: 'disk full' } : { output: 1 }));
  try {
    const steps: Json = [
      { id: 'read', tool: 'test.read' },
      { id: 'write', tool: 'test.write', dependsOn: ['read'] },
      { id: 'after', tool: 'test.write', dependsOn: ['write'] },
    ];
    const { id } = await createPlan(api, { steps, options: { autoApprove: true } });
    return await whenPlan(api, id, 'failed');
  } finally {
    await executor.close();
  }
}

describe('pausing', () => {
  it('holds the plan until it is resumed', async () => {
    const { id } = await createPlan(api, { options: { autoApprove: true } });
    const paused = await act(id, 'pause', { actor: 'bob' });
    expect([paused.status, paused.body.plan.status]).toEqual([200, 'paused']);
    const resumed = await act(id, 'resume');
    expect([resumed.status, resumed.body.plan.status]).toEqual([200, 'executing']);
  });

  it.each<[string, string]>([
    ['pause', 'a plan can be paused while it is executing'],
    ['resume', 'a plan can be resumed while it is paused'],
    ['retry', 'a plan can be retried while it is failed or partial'],
  ])('%s of a plan that waits for people is refused, saying when it would be possible', async (verb, possible) => {
    const { id } = await createPlan(api);
    const { status, body } = await act(id, verb);
    expect([status, body.code, body.currentStatus]).toEqual([409, 'wrong_state', 'pending_approval']);
    expect(body.detail).toMatch(/pending_approval/);
    expect(body.detail).toContain(possible);
  });

  it.each(['pause', 'resume', 'retry', 'steps/read/skip', 'steps/read/retry'])('%s takes no fields but its own', async (path) => {
    const { status, body } = await act(NOWHERE, path, { body: { now: true } });
    expect([status, body.issues?.[0]?.code]).toEqual([422, 'unknown_field']);
    expect((await act(NOWHERE, path)).status).toBe(404);
  });
});

describe('retrying', () => {
  it('without naming steps runs what failed and what was left behind', async () => {
    const { id } = await failedPlan();
    const { status, body } = await act(id, 'retry');
    expect([status, body.plan.status]).toEqual([200, 'executing']);
    expect(statuses(body.plan)).toEqual({ read: 'completed', write: 'queued', after: 'pending' });
    expect(body.plan.steps.map(({ generation, attempt }) => [generation, attempt])).toEqual([
      [1, 1],
      [2, 0],
      [2, 0],
    ]);
  });

  it('from a step runs it and what follows it, completed or not', async () => {
    const { id } = await failedPlan();
    const { body } = await act(id, 'retry', { body: { from: ['read'] } });
    expect(statuses(body.plan)).toEqual({ read: 'queued', write: 'pending', after: 'pending' });
  });

  it('from steps that the plan does not have is refused with every one', async () => {
    const { id } = await failedPlan();
    const { status, body } = await act(id, 'retry', { body: { from: ['nosuch', 'read', 'read[0]'] } });
    expect([status, body.code]).toEqual([422, 'invalid_request']);
    expect(body.issues?.map(({ path, code }) => [path, code])).toEqual([
      ['from[0]', 'unknown_step'],
      ['from[2]', 'unknown_step'],
    ]);
    expect((await act(id, 'retry', { body: { from: [] } })).status).toBe(422);
  });

  it('a step sets the plan executing, and the others stay as they are', async () => {
    const { id } = await failedPlan();
    const { status, body } = await act(id, 'steps/write/retry');
    expect([status, body.plan.status]).toEqual([200, 'executing']);
    expect(statuses(body.plan)).toEqual({ read: 'completed', write: 'queued', after: 'pending' });
  });

  it('a step that has completed is refused, saying when it would be possible', async () => {
    const { id } = await failedPlan();
    const { status, body } = await act(id, 'steps/read/retry');
    expect([status, body.code, body.currentStatus]).toEqual([409, 'wrong_state', 'completed']);
    expect(body.detail).toMatch(/completed.*while it is failed, skipped or cancelled/);
  });

  it('a plan that was cancelled never runs again', async () => {
    const { id } = await createPlan(api);
    await act(id, 'cancel');
    const { body } = await act(id, 'retry');
    expect([body.code, body.currentStatus]).toEqual(['wrong_state', 'cancelled']);
    expect((await act(id, 'steps/read/retry')).body.code).toBe('wrong_state');
  });
});

describe('skipping', () => {
  it('a step that waits lets those behind it see it as skipped', async () => {
    const steps: Json = [
      { id: 'read', tool: 'test.read' },
      { id: 'write', tool: 'test.write', dependsOn: ['read'] },
      { id: 'after', tool: 'test.write', dependsOn: ['write'] },
    ];
    const { id } = await createPlan(api, { steps, options: { autoApprove: true } });
    const { status, body } = await act(id, 'steps/write/skip', { actor: 'bob' });
    expect(status).toBe(200);
    expect(statuses(body.plan)).toMatchObject({ read: 'queued', write: 'skipped' });
    expect(body.plan.steps[1]?.reason?.kind).toBe('skipped_by_hand');
  });

  it('a step that runs or has completed is refused, saying when it would be possible', async () => {
    const { id } = await failedPlan();
    const { status, body } = await act(id, 'steps/read/skip');
    expect([status, body.code, body.currentStatus]).toEqual([409, 'wrong_state', 'completed']);
    expect(body.detail).toMatch(/completed.*while it is pending, awaiting_approval or failed/);
  });
});

describe('Idempotency-Key', () => {
  const PREPARED: [string, () => Promise<Plan>][] = [
    ['pause', () => createPlan(api, { options: { autoApprove: true } })],
    ['retry', failedPlan],
    ['steps/write/retry', failedPlan],
    ['steps/write/skip', failedPlan],
  ];

  it.each(PREPARED)('makes repeating %s harmless', async (path, prepare) => {
    const { id } = await prepare();
    const first = await act(id, path, { idempotencyKey: 'k' });
    const second = await act(id, path, { idempotencyKey: 'k' });
    expect([first.status, second.status, second.text]).toEqual([200, 200, first.text]);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect((await act(id, path, { idempotencyKey: 'l' })).status).toBe(409);
  });
});
