import { once } from 'node:events';
import { request } from 'node:http';
import type { Page, Plan, Problem, Task } from '@countersign/shared';
import { ROLES } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { createPlan, twoSteps, useApi } from '../test/running-api.ts';
import { type Access, rolesFor } from './access.ts';
import { OPERATIONS } from './operations.ts';

/** fetch writes Host and Origin itself. */
async function callRaw(url: string, path: string, options: { method?: string; headers?: Record<string, string>; body?: string }) {
  const call = request(url + path, { method: options.method ?? 'GET', headers: options.headers ?? {} });
  call.end(options.body);
  const [response] = await once(call, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode as number, body: (text === '' ? {} : JSON.parse(text)) as Problem };
}

describe('without keys', () => {
  const api = useApi();

  it('everybody is local, or whoever X-Actor names', async () => {
    const tasks = [await api.call<{ task: Task }>('/v1/tasks', { body: { objective: 'x' } })];
    tasks.push(await api.call<{ task: Task }>('/v1/tasks', { body: { objective: 'x' }, actor: 'alice@example.org' }));
    expect(tasks.map(({ body }) => body.task.createdBy)).toEqual(['local', 'alice@example.org']);
  });

  it('two people give two votes their names', async () => {
    const plan = await createPlan(api);
    const { body } = await api.call<{ plan: Plan }>(`/v1/plans/${plan.id}/approve`, { body: { digest: plan.digest }, actor: 'bob' });
    expect(body.plan.approvals.map(({ actor }) => actor)).toEqual(['bob']);
  });

  it.each(['a b', '-x', '<script>', 'x'.repeat(65), ''])('%j is no name', async (actor) => {
    const { status, body } = await api.call<Problem>('/v1/tasks', { actor });
    expect([status, body.code, body.issues?.[0]?.path]).toEqual([422, 'invalid_request', 'X-Actor']);
  });

  it.each(['evil.example', '192.168.1.5:3000', 'localhost.evil.example'])(
    'a page at %s that was rebound to this machine is refused',
    async (host) => {
      for (const path of ['/v1/tasks', '/openapi.json', '/admin/queues', '/nowhere']) {
        const { status, body } = await callRaw(api.url, path, { headers: { Host: host } });
        expect([status, body.code]).toEqual([403, 'forbidden']);
      }
    },
  );

  it.each(['https://evil.example', 'null', 'http://localhost.evil.example'])('a page from %s is refused', async (origin) => {
    const { status, body } = await callRaw(api.url, '/v1/tasks', {
      method: 'POST',
      headers: { Origin: origin, 'Content-Type': 'application/json' },
      body: '{"objective":"x"}',
    });
    expect([status, body.code]).toEqual([403, 'forbidden']);
    expect((await api.call<Page<Task>>('/v1/tasks')).body.items).toEqual([]);
  });

  it('a page of this machine is answered, and no other page may read the answer', async () => {
    const reply = await api.call('/v1/tasks', { headers: { Origin: 'http://localhost:5173' } });
    expect(reply.status).toBe(200);
    expect([...reply.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('with keys', () => {
  const keys = [...ROLES.map((role) => `${role}-1:${role}:secret-of-${role}`), 'both:viewer+approver:secret-of-both'].join(',');
  const api = useApi({ keys });
  const as = (role: string) => ({ Authorization: `Bearer secret-of-${role}` });

  const TRIED: Record<string, { path?: string; body?: string }> = {
    createTask: { body: '{"objective":"x"}' },
    createPlan: { body: JSON.stringify(twoSteps()) },
    validatePlan: { body: '{}' },
  };
  const pathOf = (path: string): string =>
    path
      .replace('/v1/tasks/:id', '/v1/tasks/tsk_0000000000000000000000')
      .replace(':id', 'pln_0000000000000000000000')
      .replace(':n', '1')
      .replace(':stepId', 'a');
  const expected: [string, Access][] = [...OPERATIONS.map(({ id, access }): [string, Access] => [id, access]), ['dashboard', 'operate']];

  it.each(expected)('%s needs the access %s: its roles may, others may not, nobody is asked for a key', async (id, access) => {
    const definition = OPERATIONS.find((each) => each.id === id);
    const path = definition === undefined ? '/admin/queues' : pathOf(definition.path);
    const method = definition?.method.toUpperCase() ?? 'GET';
    const send = async (headers: Record<string, string>) => {
      const body = TRIED[id]?.body;
      const response = await fetch(api.url + path, {
        method,
        headers: { ...headers, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
        ...(body !== undefined && { body }),
      });
      await response.body?.cancel();
      return response.status;
    };
    const open = access === 'open';
    expect(await send({})).toBe(open ? 200 : 401);
    for (const role of ROLES) {
      const status = await send(as(role));
      if (open || rolesFor(access).includes(role)) expect([401, 403, 500]).not.toContain(status);
      else expect(status).toBe(403);
    }
  });

  it('the table of roles is the one that was promised', () => {
    const may = Object.fromEntries(OPERATIONS.map(({ id, access }) => [id, rolesFor(access)]));
    const read = ['viewer', 'submitter', 'approver', 'operator', 'admin'];
    expect(may).toMatchObject({
      listTasks: read,
      readPlan: read,
      followPlan: read,
      auditPlan: read,
      createTask: ['submitter', 'admin'],
      createPlan: ['submitter', 'admin'],
      submitPlan: ['submitter', 'admin'],
      approvePlan: ['approver', 'admin'],
      rejectPlan: ['approver', 'admin'],
      cancelPlan: ['submitter', 'operator', 'admin'],
      deletePlan: ['operator', 'admin'],
      diffRevisions: read,
      changePlan: ['submitter', 'admin'],
      revisePlan: ['submitter', 'admin'],
      approveGate: ['approver', 'admin'],
      rejectGate: ['approver', 'admin'],
      pausePlan: ['operator', 'admin'],
      resumePlan: ['operator', 'admin'],
      retryPlan: ['operator', 'admin'],
      skipStep: ['operator', 'admin'],
      retryStep: ['operator', 'admin'],
    });
  });

  it('a wrong or missing key is unauthenticated, and the answer says how to do it', async () => {
    for (const authorization of ['Bearer wrong', 'Bearer', 'Bearer secret-of-admin x', 'Token secret-of-admin', 'secret-of-admin', '']) {
      const reply = await api.call<Problem>('/v1/tasks', { headers: { Authorization: authorization } });
      expect([reply.status, reply.body.code]).toEqual([401, 'unauthenticated']);
      expect(reply.headers.get('www-authenticate')).toBe('Bearer realm="countersign"');
    }
  });

  it('an actor is its key, whatever X-Actor says', async () => {
    const { body } = await api.call<{ task: Task }>('/v1/tasks', {
      body: { objective: 'x' },
      headers: as('submitter'),
      actor: 'somebody-else',
    });
    expect(body.task.createdBy).toBe('submitter-1');
  });

  it('a role that is not enough is told which would be', async () => {
    const { body } = await api.call<Problem>('/v1/tasks', { body: { objective: 'x' }, headers: as('both') });
    expect(body.detail).toBe('`both` has the roles viewer, approver; this needs one of submitter, admin');
  });

  it('a browser is asked for a password where a person opens a page, and can read with it but change nothing', async () => {
    const basic = { Authorization: `Basic ${Buffer.from('any name:secret-of-admin').toString('base64')}` };
    const asked = await fetch(`${api.url}/admin/queues`, { headers: { Accept: 'text/html,*/*' } });
    expect([asked.status, asked.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Basic realm="countersign"')]);
    expect((await fetch(`${api.url}/admin/queues`, { headers: basic })).status).toBe(200);
    expect((await api.call('/v1/tasks', { headers: basic })).status).toBe(200);
    expect((await api.call('/v1/tasks', { body: { objective: 'x' }, headers: basic })).status).toBe(401);
  });

  it('other names than localhost are fine', async () => {
    const { status } = await callRaw(api.url, '/v1/tasks', {
      headers: { Host: 'plans.example.org', Origin: 'https://plans.example.org', ...as('viewer') },
    });
    expect(status).toBe(200);
  });

  it('no secret comes into the log', async () => {
    await api.call('/v1/tasks', { headers: { ...as('admin'), Cookie: 'session=secret-of-cookie' } });
    await api.call('/v1/tasks?limit=1&secret-of-query=1', { headers: as('admin') });
    expect(JSON.stringify(api.log)).not.toContain('secret-of');
    expect(api.log.at(-1)).toMatchObject({ message: 'request', actor: 'admin-1', path: '/v1/tasks', status: 422 });
  });
});
