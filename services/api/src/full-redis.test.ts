/** A Redis that has reached its maxmemory: what is refused has changed nothing, and whoever wants to stop something can. */
import type { Plan, Problem, StepView, Task } from '@countersign/shared';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type InspectedRedis, inspectRedis } from '../../../test/redis/inspected-redis.ts';
import { readEventStream } from '../test/event-reader.ts';
import { type CallOptions, createPlan, twoSteps, useApi } from '../test/running-api.ts';

const api = useApi();
let redis: InspectedRedis;
beforeAll(() => {
  redis = inspectRedis(api.redisUrl);
});
afterEach(() => redis.limitMemory(0));
afterAll(() => redis.close());

interface Sent {
  path: string;
  options: CallOptions;
}
const post = (path: string, body: NonNullable<CallOptions['body']> = {}): Sent => ({ path, options: { body } });

const createTask = async (): Promise<Task> =>
  (await api.call<{ task: Task }>('/v1/tasks', { body: { objective: 'Count the lines in docs' } })).body.task;
const asking = (): Promise<Plan> =>
  createPlan(api, { steps: [{ id: 'ask', tool: 'test.write', approval: {} }], options: { autoApprove: true } });
const running = (): Promise<Plan> => createPlan(api, { options: { autoApprove: true } });
const failed = async (): Promise<Plan> => {
  const plan = await asking();
  return (await api.call<{ plan: Plan }>(`/v1/plans/${plan.id}/steps/ask/reject`, { body: {} })).body.plan;
};

/** What makes or continues something: it can wait for memory. */
const WAITS: Readonly<Record<string, () => Promise<Sent>>> = {
  'a task': async () => post('/v1/tasks', { objective: 'Count the lines in docs' }),
  'a plan': async () => post('/v1/plans', twoSteps() as Record<string, never>),
  'a draft that is handed in': async () => post(`/v1/plans/${(await createPlan(api, { draft: true })).id}/submit`),
  'an approval': async () => {
    const { id, digest } = await createPlan(api);
    return post(`/v1/plans/${id}/approve`, { digest });
  },
  'a revision by hand': async () => {
    const { id, digest } = await createPlan(api);
    return {
      path: `/v1/plans/${id}`,
      options: { method: 'PUT', body: { steps: [{ id: 'other', tool: 'test.read' }] }, headers: { 'If-Match': digest } },
    };
  },
  'a revision by the planner': async () => post(`/v1/plans/${(await createPlan(api)).id}/revise`, { feedback: 'shorter' }),
  "a gate's approval": async () => post(`/v1/plans/${(await asking()).id}/steps/ask/approve`),
  'a retry': async () => post(`/v1/plans/${(await failed()).id}/retry`),
  'a skip': async () => post(`/v1/plans/${(await asking()).id}/steps/ask/skip`),
  'a resume': async () => {
    const { id } = await running();
    await api.call(`/v1/plans/${id}/pause`, { body: {} });
    return post(`/v1/plans/${id}/resume`);
  },
};

/** What stops something. */
const STOPS: Readonly<Record<string, () => Promise<{ sent: Sent; status: string }>>> = {
  'the cancel of a task': async () => ({ sent: post(`/v1/tasks/${(await createTask()).id}/cancel`), status: 'cancelled' }),
  'the cancel of a plan that waits': async () => ({ sent: post(`/v1/plans/${(await createPlan(api)).id}/cancel`), status: 'cancelled' }),
  'the cancel of a plan under way': async () => ({ sent: post(`/v1/plans/${(await running()).id}/cancel`), status: 'cancelled' }),
  'a rejection': async () => {
    const { id, digest } = await createPlan(api);
    return { sent: post(`/v1/plans/${id}/reject`, { digest, reason: 'no' }), status: 'rejected' };
  },
  'a pause': async () => ({ sent: post(`/v1/plans/${(await running()).id}/pause`), status: 'paused' }),
  "a gate's rejection": async () => ({ sent: post(`/v1/plans/${(await asking()).id}/steps/ask/reject`), status: 'failed' }),
};

describe('while Redis is full', () => {
  it.each(Object.entries(WAITS))('%s is answered with 503 and changes nothing; repeated later it is done', async (_what, prepare) => {
    const { path, options } = await prepare();
    const call = () => api.call<{ plan?: Plan; task?: Task } & Problem>(path, { ...options, idempotencyKey: 'once' });
    const before = await redis.keyspace();
    await redis.limitMemory(1);
    const refused = await call();
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([503, 'store_unavailable', '1']);
    expect(refused.body.detail).toMatch(/Redis is full/);
    expect(await redis.keyspace()).toEqual(before);
    await redis.limitMemory(0);
    const done = await call();
    expect(done.status, done.text).toBeLessThan(300);
  });

  it.each(Object.entries(STOPS))('%s is carried out', async (_what, prepare) => {
    const { sent, status } = await prepare();
    await redis.limitMemory(1);
    const { body, text } = await api.call<{ plan?: Plan; task?: Task }>(sent.path, { ...sent.options, idempotencyKey: 'once' });
    expect((body.plan ?? body.task)?.status, text).toBe(status);
  });

  it('plans are read and followed, and what stops one is seen at once', async () => {
    const { id } = await running();
    await redis.limitMemory(1);
    expect((await api.call<{ plan: Plan }>(`/v1/plans/${id}`)).body.plan.status).toBe('executing');
    expect((await api.call('/v1/plans')).status).toBe(200);
    const stream = await readEventStream(`${api.url}/v1/plans/${id}/events`);
    await api.call(`/v1/plans/${id}/cancel`, { body: {} });
    const events = await stream.rest();
    expect(events.at(-1)?.type).toBe('plan.cancelled');
    expect(events).toEqual(await api.store.readEvents(id));
  });
});

describe('memory that runs out in the middle of a command', () => {
  const SIZE = 1_500;
  const many = Array.from({ length: SIZE }, (_, at) => ({ id: `s${at}`, tool: 'test.read' }));

  it('leaves nothing half done: the command is carried out whole', async () => {
    const plan = await createPlan(api, { steps: many, options: { maxParallelSteps: SIZE } });
    // The decision needs more than this: it queues every step.
    const limit = (await redis.usedMemory()) + 300_000;
    await redis.limitMemory(limit);
    const { status, text } = await api.call(`/v1/plans/${plan.id}/approve`, { body: { digest: plan.digest } });
    expect(status, text).toBe(200);
    expect(await redis.usedMemory()).toBeGreaterThan(limit);
    const { steps } = (await api.store.getPlan(plan.id)) as { steps: StepView[] };
    expect(steps.filter((step) => step.status === 'queued')).toHaveLength(SIZE);
    const events = await api.store.readEvents(plan.id);
    expect(events.filter(({ type }) => type === 'step.queued')).toHaveLength(SIZE);
    expect((await api.call<Problem>('/v1/plans', { body: twoSteps() })).body.code).toBe('store_unavailable');
    expect((await api.call<{ plan: Plan }>(`/v1/plans/${plan.id}/cancel`, { body: {} })).body.plan.progress.cancelled).toBe(SIZE);
  });
});
