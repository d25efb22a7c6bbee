import type { Issue, Page, Problem, Task } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { useApi } from '../test/running-api.ts';

const api = useApi();
const ask = (fields: object = {}) => api.call<{ task: Task }>('/v1/tasks', { body: { objective: 'Count the files', ...fields } });

describe('POST /v1/tasks', () => {
  it('stores the task, queues its planning and says where it can be read', async () => {
    const { status, headers, body } = await ask({ input: { root: '.' }, options: { maxParallelSteps: 2 }, tools: ['test.read'] });
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/v1/tasks/${body.task.id}`);
    expect(body.task).toMatchObject({
      status: 'queued',
      objective: 'Count the files',
      input: { root: '.' },
      options: { maxParallelSteps: 2 },
      tools: ['test.read'],
      createdBy: 'local',
    });
    const [planning] = api.store.queues();
    expect((await planning?.getJobs())?.map((job) => job.data)).toEqual([{ taskId: body.task.id }]);
  });

  it('reports every issue at once and stores nothing', async () => {
    const { status, body } = await api.call<Problem>('/v1/tasks', {
      body: {
        objective: ' ',
        input: [],
        options: { maxParallelSteps: 0, nosuch: 1, summarize: 'yes' },
        tools: ['test.read', 'nosuch'],
        more: 1,
      },
    });
    expect(status).toBe(422);
    expect(body.code).toBe('invalid_request');
    expect((body.issues as Issue[]).map(({ path, code }) => [path, code]).sort()).toEqual([
      ['input', 'bad_input'],
      ['more', 'unknown_field'],
      ['objective', 'bad_input'],
      ['options.maxParallelSteps', 'bad_option'],
      ['options.nosuch', 'unknown_field'],
      ['options.summarize', 'bad_option'],
      ['tools[1]', 'unknown_tool'],
    ]);
    expect((await api.call<Page<Task>>('/v1/tasks')).body.items).toEqual([]);
  });

  it('an empty body lacks its objective', async () => {
    const { status, body } = await api.call<Problem>('/v1/tasks', { method: 'POST' });
    expect(status).toBe(422);
    expect(body.issues).toEqual([{ path: 'objective', code: 'bad_input', message: expect.any(String) }]);
  });

  it('a body that is not an object is an issue of the whole', async () => {
    for (const body of [[], 'text', 7, null]) {
      const reply = await api.call<Problem>('/v1/tasks', { raw: JSON.stringify(body) });
      expect([reply.status, reply.body.issues]).toEqual([422, [{ path: '', code: 'bad_input', message: 'must be a JSON object' }]]);
    }
  });
});

describe('GET /v1/tasks', () => {
  it('lists newest first, in pages, by status', async () => {
    const ids: string[] = [];
    for (let number = 0; number < 3; number++) ids.unshift((await ask()).body.task.id);
    const first = await api.call<Page<Task>>('/v1/tasks?limit=2');
    expect(first.body.items.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const second = await api.call<Page<Task>>(`/v1/tasks?limit=2&cursor=${first.body.nextCursor}`);
    expect(second.body).toMatchObject({ items: [{ id: ids[2] }], nextCursor: null });
    expect((await api.call<Page<Task>>('/v1/tasks?status=cancelled')).body.items).toEqual([]);
    expect((await api.call<Page<Task>>('/v1/tasks?status=queued')).body.items).toHaveLength(3);
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'limit=', 'status=nosuch', 'cursor=%3B', 'nosuch=1', 'limit=1&limit=2', '__proto__=1'])(
    'refuses ?%s',
    async (query) => {
      const { status, body } = await api.call<Problem>(`/v1/tasks?${query}`);
      expect([status, body.code, body.issues?.length]).toEqual([422, 'invalid_request', 1]);
    },
  );
});

describe('one task', () => {
  it('can be read and, while it has no plan, cancelled', async () => {
    const { id } = (await ask()).body.task;
    expect((await api.call<{ task: Task }>(`/v1/tasks/${id}`)).body.task.status).toBe('queued');
    const cancelled = await api.call<{ task: Task }>(`/v1/tasks/${id}/cancel`, { method: 'POST' });
    expect([cancelled.status, cancelled.body.task.status]).toEqual([200, 'cancelled']);
    const again = await api.call<Problem>(`/v1/tasks/${id}/cancel`, { body: {} });
    expect([again.status, again.body.code, again.body.currentStatus]).toEqual([409, 'wrong_state', 'cancelled']);
  });

  it.each(['tsk_0000000000000000000000', 'pln_0000000000000000000000', 'x', '%20', '..%2F', 'tsk_', '%00', '%zz', 'x'.repeat(5_000)])(
    'that does not exist is not found, whatever its id looks like: %.30s',
    async (id) => {
      const read = await api.call<Problem>(`/v1/tasks/${id}`);
      expect([read.status, read.body.code]).toEqual([404, 'not_found']);
      expect(read.body.detail.length).toBeLessThan(500);
      expect((await api.call<Problem>(`/v1/tasks/${id}/cancel`, { method: 'POST' })).status).toBe(404);
    },
  );
});
