import { once } from 'node:events';
import { request } from 'node:http';
import type { Plan } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { runSteps, type TestApi, useApi } from '../test/running-api.ts';
import { jobAction } from './job-action.ts';

const KEYS = 'ada:admin:secret-of-ada,bob:operator:secret-of-bob,eve:viewer+submitter+approver:secret-of-eve';
const bearer = (name: string) => ({ Authorization: `Bearer secret-of-${name}` });
const basic = (name: string) => ({ Authorization: `Basic ${Buffer.from(`any:secret-of-${name}`).toString('base64')}` });
const OWN_PAGE = { 'Sec-Fetch-Site': 'same-origin' };

/** fetch sets Sec-Fetch-Site, Origin and Host itself. */
async function call(api: TestApi, path: string, { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> }) {
  const sent = request(`${api.url}/admin/queues${path}`, { method, headers });
  sent.end();
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return {
    status: response.statusCode as number,
    text,
    body: /json/.test(response.headers['content-type'] ?? '') ? JSON.parse(text) : null,
  };
}

interface Job {
  id: string;
  data: Record<string, unknown>;
}
interface Shown {
  queues: { name: string; readOnlyMode: boolean; allowRetries: boolean; counts: Record<string, number>; jobs: Job[] }[];
}
const queue = async (api: TestApi, name: string, options: { as: string; status?: string }) => {
  const query = `?activeQueue=${name}&status=${options.status ?? 'latest'}&jobsPerPage=50`;
  const { body } = await call(api, `/api/queues${query}`, { headers: bearer(options.as) });
  return (body as Shown).queues.find((each) => each.name === name);
};

const waiting = async (api: TestApi): Promise<number> => {
  const { counts = {} } = (await queue(api, 'steps', { as: 'ada' })) ?? {};
  return (counts.waiting ?? 0) + (counts.prioritized ?? 0);
};

const SECRET = 'the-word-that-nobody-may-see';

async function planWithSecret(api: TestApi): Promise<Plan> {
  const steps = [{ id: 'a', tool: 'test.read', input: { path: SECRET } }];
  const body = { objective: SECRET, steps, input: { secret: SECRET }, options: { autoApprove: true } };
  const reply = await api.call<{ plan: Plan }>('/v1/plans', { body, headers: bearer('ada') });
  expect(reply.status).toBe(201);
  return reply.body.plan;
}

describe('the dashboard', () => {
  const api = useApi({ keys: KEYS });

  it('is for operators, by Bearer or by Basic with any name, and shows only', async () => {
    for (const headers of [bearer('bob'), basic('bob'), bearer('ada')]) {
      expect((await call(api, '', { headers })).status).toBe(200);
      expect((await call(api, '/api/queues', { headers })).status).toBe(200);
    }
    expect((await call(api, '', { headers: bearer('eve') })).status).toBe(403);
    expect((await call(api, '/api/queues', {})).status).toBe(401);
    expect(await queue(api, 'steps', { as: 'ada' })).toMatchObject({ readOnlyMode: true });
    const headers = { ...bearer('ada'), ...OWN_PAGE };
    expect((await call(api, '/api/queues/steps/clean/wait', { method: 'PUT', headers })).status).toBe(405);
  });

  it('shows of jobs what they are for, and nothing of inputs, objectives, outputs or errors', async () => {
    await api.call('/v1/tasks', { body: { objective: SECRET, input: { secret: SECRET } }, headers: bearer('ada') });
    const plan = await planWithSecret(api);
    const shown = await queue(api, 'steps', { as: 'bob' });
    expect(shown?.jobs.map(({ data }) => data.planId)).toEqual([plan.id]);
    const steps = runSteps(api.store, () => ({ error: SECRET }));
    await expect.poll(async () => (await api.store.getPlan(plan.id))?.status, { timeout: 20_000 }).toBe('failed');
    await steps.close();
    for (const name of ['planning', 'steps', 'reviews', 'maintenance']) {
      const shown = await queue(api, name, { as: 'bob' });
      expect(JSON.stringify(shown), name).not.toContain(SECRET);
      for (const { id } of shown?.jobs ?? []) {
        const { text } = await call(api, `/api/queues/${name}/${encodeURIComponent(id)}`, { headers: bearer('bob') });
        expect(text).not.toContain(SECRET);
      }
    }
    expect((await queue(api, 'planning', { as: 'bob' }))?.jobs).toHaveLength(1);
    expect((await queue(api, 'steps', { as: 'bob' }))?.jobs.length).toBeGreaterThan(0);
  });
});

describe('what the dashboard cannot show', () => {
  const api = useApi({ keys: KEYS });
  const look = (query: string) => call(api, `/api/queues?activeQueue=steps&${query}`, { headers: bearer('bob') });

  it.each([
    ['a page so far away that it broke the script that reads jobs', 'status=waiting-children&page=1e9&jobsPerPage=200', 'page'],
    ['more jobs at once than anybody reads', 'jobsPerPage=1000000', 'jobsPerPage'],
    ['a page that is no number', 'page=x', 'page'],
    ['a queue whose name cannot be decoded', 'activeQueue=%25zz', 'activeQueue'],
  ])('%s is refused', async (_what, query, path) => {
    const { status, body } = await look(query);
    expect([status, body.code, body.issues[0].path]).toEqual([422, 'invalid_request', path]);
  });

  it('because of a fault is in the log, and nothing of it in the answer', async () => {
    const { queues } = api.store;
    api.store.queues = (named) => {
      const [first, ...others] = queues.call(api.store, named);
      if (first === undefined) throw new Error('there are no queues');
      const broken = new Proxy(first, {
        get: (queue, name) =>
          name === 'getJobCounts' ? () => Promise.reject(new Error('wires crossed in /srv/x.js')) : Reflect.get(queue, name),
      });
      return [broken, ...others];
    };
    const { status, text } = await look('');
    api.store.queues = queues;
    expect([status, text]).toEqual([500, expect.not.stringMatching(/wires|srv/)]);
    expect(api.log.find(({ level }) => level === 'error')).toMatchObject({ err: { message: expect.stringContaining('wires crossed') } });
  });
});

describe('the dashboard with DASHBOARD_WRITABLE', () => {
  const api = useApi({ keys: KEYS, dashboardWritable: true });
  const clean = (headers: Record<string, string>, id: string) => call(api, `/api/queues/steps/${id}/clean`, { method: 'PUT', headers });

  it('lets administrators act on jobs, and nobody else', async () => {
    const plan = await planWithSecret(api);
    const job = (await queue(api, 'steps', { as: 'ada' }))?.jobs[0]?.id ?? '';
    expect(await queue(api, 'steps', { as: 'ada' })).toMatchObject({ readOnlyMode: false, allowRetries: true });
    expect(await queue(api, 'steps', { as: 'bob' })).toMatchObject({ readOnlyMode: true, allowRetries: false });
    for (const name of ['bob', 'eve']) expect((await clean({ ...bearer(name), ...OWN_PAGE }, job)).status).toBe(403);
    expect((await clean(OWN_PAGE, job)).status).toBe(401);
    expect(await waiting(api)).toBe(1);
    expect((await clean({ ...basic('ada'), ...OWN_PAGE }, job)).status).toBe(204);
    expect(await waiting(api)).toBe(0);
    const lines = () => api.log.filter(({ message }) => String(message).startsWith('jobs were acted on by hand'));
    await expect.poll(lines).toEqual([expect.objectContaining({ actor: 'ada', queue: 'steps', job, action: 'clean' })]);
    // The plan's state is the plan's: it waits for a job, which the reconciler brings back.
    expect((await api.store.getPlan(plan.id))?.steps[0]?.status).toBe('queued');
    for await (const _mending of api.store.reconcile({ restMs: 0 }));
    expect(await waiting(api)).toBe(1);
  });

  it('takes a change only from a page of its own', async () => {
    await planWithSecret(api);
    const job = (await queue(api, 'steps', { as: 'ada' }))?.jobs[0]?.id ?? '';
    const { host } = new URL(api.url);
    const foreign: Record<string, string>[] = [
      {},
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
      { 'Sec-Fetch-Site': 'none' },
      { 'Sec-Fetch-Site': 'cross-site', Origin: `http://${host}` },
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
      { Origin: `http://${host}.evil.example` },
    ];
    for (const headers of foreign)
      for (const credential of [basic('ada'), bearer('ada')])
        expect([headers, (await clean({ ...credential, ...headers }, job)).status]).toEqual([headers, 403]);
    expect(await waiting(api)).toBe(1);
    expect((await clean({ ...basic('ada'), Origin: `http://${host}` }, job)).status).toBe(204);
  });

  it('keeps out everything that is no retry, promote or clean', async () => {
    const headers = { ...bearer('ada'), ...OWN_PAGE };
    for (const [method, path] of [
      ['PUT', '/api/queues/steps/obliterate'],
      ['PUT', '/api/queues/steps/empty'],
      ['PUT', '/api/queues/steps/pause'],
      ['PUT', '/api/queues/pause'],
      ['PUT', '/api/queues/steps/concurrency'],
      ['POST', '/api/queues/steps/add'],
      ['PATCH', '/api/queues/steps/1/update-data'],
      ['PUT', '/api/queues/maintenance/job-schedulers/clock/remove'],
    ] as const)
      expect([path, (await call(api, path, { method, headers })).status]).toEqual([path, 405]);
  });

  it('a step that failed and is retried by its job stays failed: the plan says what runs', async () => {
    const plan = await planWithSecret(api);
    const steps = runSteps(api.store, () => ({ error: 'no' }));
    const failed = await whenFailed(api, plan.id);
    const job = (await queue(api, 'steps', { as: 'ada', status: 'completed' }))?.jobs[0]?.id ?? '';
    const put = await call(api, `/api/queues/steps/${job}/retry`, { method: 'PUT', headers: { ...bearer('ada'), ...OWN_PAGE } });
    expect(put.status).toBe(204);
    await expect.poll(() => waiting(api), { timeout: 20_000 }).toBe(0);
    await steps.close();
    expect((await api.store.getPlan(plan.id))?.steps[0]).toEqual(failed.steps[0]);
  });
});

async function whenFailed(api: TestApi, id: string): Promise<Plan> {
  await expect.poll(async () => (await api.store.getPlan(id))?.status, { timeout: 20_000 }).toBe('failed');
  return (await api.store.getPlan(id)) as Plan;
}

describe('without access control', () => {
  const api = useApi({ dashboardWritable: true });

  it('a page of another program on this machine cannot act on jobs', async () => {
    const put = (headers: Record<string, string>) => call(api, '/api/queues/steps/clean/completed', { method: 'PUT', headers });
    expect((await put({ Origin: 'http://localhost:5173', 'Sec-Fetch-Site': 'same-site' })).status).toBe(403);
    expect((await put({ Origin: 'http://localhost:5173' })).status).toBe(403);
    expect((await put(OWN_PAGE)).status).toBe(200);
  });
});

describe('what can be done to jobs', () => {
  it.each([
    ['PUT', '/api/queues/steps/j-1/retry', { queue: 'steps', job: 'j-1', action: 'retry', status: undefined }],
    ['PUT', '/api/queues/steps/clean/failed', { queue: 'steps', job: '', action: 'clean', status: 'failed' }],
    ['PUT', '/api/queues/steps/promote', { queue: 'steps', job: '', action: 'promote', status: undefined }],
    ['GET', '/api/queues/steps/j-1/retry', null],
    ['PUT', '/api/queues/steps/obliterate', null],
    ['PUT', '/api/queues/steps/j-1/retry/more', null],
  ])('%s %s', (method, path, action) => {
    expect(jobAction(method, path)).toEqual(action);
  });
});
