import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Plan, Problem, Task, ToolContract } from '@countersign/shared';
import { openStore, startEmbeddedRedis } from '@countersign/store';
import { afterEach, describe, expect, it } from 'vitest';
import { send } from '../../../test/redis/test-redis.ts';
import { readEventStream } from '../test/event-reader.ts';
import { callApi, collectingLogger, createPlan, TOOLS, twoSteps, useApi } from '../test/running-api.ts';
import { createApp } from './app.ts';
import { jobLink } from './dashboard.ts';
import { startApi } from './server.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describe('every answer', () => {
  const api = useApi();

  it('has an id: the one of the request where that has the shape of one', async () => {
    expect((await api.call('/healthz', { headers: { 'X-Request-Id': 'abc-1.2_3' } })).headers.get('x-request-id')).toBe('abc-1.2_3');
    for (const id of ['a b', '<x>', 'x'.repeat(129), '']) {
      const made = (await api.call('/healthz', { headers: { 'X-Request-Id': id } })).headers.get('x-request-id');
      expect(made).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('is one line in the log, which its id finds', async () => {
    const { id } = await createPlan(api);
    await api.call(`/v1/plans/${id}`, { headers: { 'X-Request-Id': 'find-me' }, actor: 'alice' });
    await expect
      .poll(() => api.log.filter(({ requestId }) => requestId === 'find-me'))
      .toEqual([
        expect.objectContaining({
          message: 'request',
          method: 'GET',
          path: `/v1/plans/${id}`,
          route: '/v1/plans/:id',
          status: 200,
          actor: 'alice',
          durationMs: expect.any(Number),
        }),
      ]);
  });

  it('tells browsers to run and frame nothing, and not what serves it', async () => {
    for (const path of ['/v1/plans', '/nowhere', '/docs', '/admin/queues', '/admin/queues/static/favicon.ico']) {
      const { headers } = await fetch(api.url + path);
      expect(headers.get('x-powered-by'), path).toBeNull();
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(headers.get('content-security-policy'), path).toMatch(/default-src '(none|self)'.*frame-ancestors 'none'/);
    }
  });

  it.each([
    '/nowhere',
    '/V1/plans',
    '/v1',
    '/v1/plans/pln_0000000000000000000000/undo',
    '/v1/plans/pln_0000000000000000000000/steps/a/pause',
    '//v1/plans',
    '/v1/plans/%',
  ])('at %s is not found', async (path) => {
    const { status, body } = await api.call<Problem>(path);
    expect([status, body.code, body.instance]).toEqual([404, 'not_found', path]);
  });

  it.each([
    ['PATCH', '/v1/plans', 'POST, GET, HEAD, OPTIONS'],
    ['DELETE', '/v1/tasks', 'POST, GET, HEAD, OPTIONS'],
    ['GET', '/v1/plans/pln_0000000000000000000000/approve', 'POST, OPTIONS'],
    ['POST', '/healthz', 'GET, HEAD, OPTIONS'],
    ['POST', '/admin/queues/api/queues/steps/pause', 'GET, HEAD'],
  ])('%s %s says which methods are possible', async (method, path, allowed) => {
    const { status, body, headers } = await api.call<Problem>(path, { method });
    expect([status, body.code, headers.get('allow')]).toEqual([405, 'method_not_allowed', allowed]);
  });

  it('to OPTIONS says which methods are possible', async () => {
    const response = await fetch(`${api.url}/v1/plans`, { method: 'OPTIONS' });
    expect([response.status, response.headers.get('allow')]).toEqual([204, 'POST, GET, HEAD, OPTIONS']);
  });
});

describe('the dashboard', () => {
  const api = useApi();

  it('shows the queues and links each job to its plan or task', async () => {
    const { task } = (await api.call<{ task: Task }>('/v1/tasks', { body: { objective: 'x' } })).body;
    const plan = await createPlan(api, { options: { autoApprove: true } });
    const page = await fetch(`${api.url}/admin/queues`);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<title>Countersign</title>')]);
    const jobsOf = async (queue: string) => {
      const response = await fetch(`${api.url}/admin/queues/api/queues?activeQueue=${queue}`);
      const { queues } = (await response.json()) as {
        queues: { name: string; readOnlyMode: boolean; jobs: { externalUrl?: { href: string } }[] }[];
      };
      expect(queues.every(({ readOnlyMode }) => readOnlyMode)).toBe(true);
      return queues.find(({ name }) => name === queue)?.jobs.map(({ externalUrl }) => externalUrl?.href);
    };
    expect(await jobsOf('planning')).toEqual([`/v1/tasks/${task.id}`]);
    expect(await jobsOf('steps')).toEqual([`/v1/plans/${plan.id}?format=markdown`]);
  });

  it('shows the queues that tools name as soon as they are announced, and links their jobs too', async () => {
    const names = async (): Promise<string[]> => {
      const { queues } = (await (await fetch(`${api.url}/admin/queues/api/queues`)).json()) as { queues: { name: string }[] };
      return queues.map(({ name }) => name);
    };
    expect(await names()).toEqual(['planning', 'steps', 'reviews', 'webhooks', 'maintenance']);
    const slow = { ...TOOLS[0], name: 'test.slow', queue: 'slow' } as ToolContract;
    await api.store.announceTools([slow, { ...slow, name: 'test.slower' }, { ...slow, name: 'test.odd', queue: 'no:queue' }]);
    await expect.poll(names).toEqual(['planning', 'steps', 'reviews', 'webhooks', 'maintenance', 'slow']);
    const steps = [{ id: 'a', tool: 'test.slow', input: { path: 'x' } }];
    const { plan } = (await api.call<{ plan: Plan }>('/v1/plans', { body: { objective: 'x', steps, options: { autoApprove: true } } }))
      .body;
    const response = await fetch(`${api.url}/admin/queues/api/queues?activeQueue=slow`);
    const { queues } = (await response.json()) as { queues: { name: string; jobs: { externalUrl?: { href: string } }[] }[] };
    const jobs = queues.find(({ name }) => name === 'slow')?.jobs;
    expect(jobs?.map(({ externalUrl }) => externalUrl?.href)).toEqual([`/v1/plans/${plan.id}?format=markdown`]);
  });

  it('links nothing that is not a plan or task', () => {
    for (const data of [null, 1, {}, { planId: 'javascript:alert(1)' }, { planId: 7 }]) expect(jobLink(data)).toBeUndefined();
  });
});

async function startOwn() {
  const redis = await startEmbeddedRedis();
  cleanUps.push(() => redis.stop());
  const store = openStore({ redis: { url: redis.url }, commandTimeoutMs: 1_000 });
  cleanUps.push(() => store.close());
  const { logger, lines } = collectingLogger();
  const running = await startApi({ store, logger, keys: null, host: '127.0.0.1', port: 0 });
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closing ??= running.close();
    return closing;
  };
  cleanUps.push(close);
  return { redis, store, running, close, lines };
}

describe('without Redis', () => {
  it('calls answer 503 before long, the process stays alive, and all is well again when Redis is', async () => {
    const { redis, running, lines } = await startOwn();
    const call = (path: string, options: Parameters<typeof callApi>[2] = {}) => callApi<Problem>(running.url, path, options);
    expect((await call('/readyz')).status).toBe(200);
    await redis.kill();
    for (const [path, options] of [
      ['/readyz', {}],
      ['/v1/plans', {}],
      ['/v1/plans/pln_0000000000000000000000/events', {}],
      ['/v1/tasks', { body: { objective: 'x' } }],
      ['/admin/queues/api/queues', {}],
    ] as const) {
      const { status, body, headers } = await call(path, options);
      expect([path, status, body.code, headers.get('retry-after')]).toEqual([path, 503, 'store_unavailable', '1']);
    }
    expect((await call('/healthz')).status).toBe(200);
    expect(lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
    const again = await startEmbeddedRedis({ dataDir: redis.dataDir, port: redis.port });
    cleanUps.push(() => again.stop());
    await expect.poll(async () => (await call('/readyz')).status, { timeout: 20_000 }).toBe(200);
    expect((await call('/v1/tasks', { body: { objective: 'x' } })).status).toBe(202);
  });
});

describe('before the store is prepared', () => {
  it('is alive, but not ready and answers no call, and says how far another process is', async () => {
    const { redis, store, running } = await startOwn();
    const { logger } = collectingLogger();
    for (const command of ['HSET {cs0}:layout number 0 migrating 1 done 40 total 100', 'SET {cs0}:layout:lock another'])
      await send(redis.url, command);
    const prepared = store.prepare(logger, AbortSignal.timeout(30_000));
    const call = (path: string) => callApi<Problem>(running.url, path);
    await expect.poll(async () => (await call('/readyz')).body.code).toBe('migrating');
    const { status, body } = await call('/readyz');
    expect([status, body.detail]).toEqual([503, 'another process brings what lies in Redis to layout 1: 40 of 100']);
    expect((await call('/healthz')).status).toBe(200);
    const refused = await call('/v1/plans');
    expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
      503,
      'store_unavailable',
      `${body.detail}; try again in a moment`,
    ]);
    expect((await call('/admin/queues/api/queues')).status).toBe(503);

    await send(redis.url, 'DEL {cs0}:layout:lock');
    expect(await prepared).toEqual({ ok: true });
    expect((await call('/readyz')).status).toBe(200);
    expect((await call('/v1/plans')).status).toBe(200);
  });
});

describe('closing', () => {
  it('lets a call that is under way finish, and takes no other', async () => {
    const { running, close } = await startOwn();
    const text = JSON.stringify({ objective: 'x', steps: [] });
    const slow = request(`${running.url}/v1/plans/validate`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Content-Length': text.length, Expect: '100-continue' },
    });
    const answered = once(slow, 'response');
    slow.write(text.slice(0, 5));
    await once(slow, 'continue');
    const closed = close();
    const asked = () =>
      fetch(`${running.url}/healthz`).then(
        () => 'answered',
        () => 'refused',
      );
    await expect.poll(asked).toBe('refused');
    slow.end(text.slice(5));
    const [response] = await answered;
    expect([response.statusCode, response.headers.connection]).toEqual([200, 'close']);
    response.resume();
    await closed;
  });

  it('does not wait for connections on which nothing is asked', async () => {
    const { running, close } = await startOwn();
    const socket = connect(running.port, '127.0.0.1');
    await once(socket, 'connect');
    const gone = once(socket, 'close');
    await close();
    await gone;
  });

  it('ends event streams, also of plans that go on', async () => {
    const { running, store, close } = await startOwn();
    await store.announceTools(TOOLS);
    const { body } = await callApi<{ plan: Plan }>(running.url, '/v1/plans', { body: twoSteps() });
    const stream = await readEventStream(`${running.url}/v1/plans/${body.plan.id}/events`);
    const ended = stream.rest();
    await close();
    expect((await ended).every(({ planId }) => planId === body.plan.id)).toBe(true);
  });

  it('is not ready any more, but alive', async () => {
    const { store } = await startOwn();
    const app = createApp({ store, logger: collectingLogger().logger, keys: null, draining: AbortSignal.abort() });
    const server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUps.push(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { status, body } = await callApi<Problem>(url, '/readyz');
    expect([status, body.code]).toEqual([503, 'shutting_down']);
    expect((await callApi(url, '/healthz')).status).toBe(200);
  });
});
