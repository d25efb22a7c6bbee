import { type ApiKey, type Json, type Page, type Plan, type Problem, ROLES, type Task } from '@countersign/shared';
import { newKeySecret, openStore } from '@countersign/store';
import { describe, expect, it } from 'vitest';
import { send } from '../../../test/redis/test-redis.ts';
import { readEventStream } from '../test/event-reader.ts';
import { collectingLogger, type TestApi, twoSteps, useApi } from '../test/running-api.ts';
import { startApi } from './server.ts';

interface Made {
  key: ApiKey;
  secret: string;
  notice: string | null;
}
const bearer = (secret: string) => ({ Authorization: `Bearer ${secret}` });
const ADMIN = bearer('secret-of-admin');

async function makeKey(api: TestApi, fields: Record<string, string | string[]> = {}): Promise<Made> {
  const reply = await api.call<Made>('/v1/keys', { body: { name: 'bot', roles: ['submitter'], ...fields }, headers: ADMIN });
  expect(reply.status).toBe(201);
  return reply.body;
}

describe('managed keys', () => {
  const api = useApi({ keys: 'ada:admin:secret-of-admin,bob:operator+approver+submitter+viewer:secret-of-bob' });

  it('are made, used and listed; the secret is in one answer and nowhere else', async () => {
    const { key, secret, notice } = await makeKey(api);
    expect([key.createdBy, key.expiresAt, key.lastUsedAt, key.revokedAt, notice]).toEqual(['ada', null, null, null, null]);
    const { task } = (await api.call<{ task: Task }>('/v1/tasks', { body: { objective: 'x' }, headers: bearer(secret) })).body;
    expect(task.createdBy).toBe('bot');
    const listed = await api.call<Page<ApiKey>>('/v1/keys', { headers: ADMIN });
    expect(listed.body.items).toEqual([{ ...key, lastUsedAt: expect.any(String) }]);
    const read = await api.call<{ key: ApiKey }>(`/v1/keys/${key.id}`, { headers: ADMIN });
    expect(read.body.key).toEqual(listed.body.items[0]);
    for (const text of [listed.text, read.text, JSON.stringify(api.log)]) expect(text).not.toContain(secret.slice(-43));
  });

  it('are the actor of every event that their calls lead to, and of the votes', async () => {
    const bot = await makeKey(api, { name: 'writer' });
    const person = await makeKey(api, { name: 'carol', roles: ['approver'] });
    const created = await api.call<{ plan: Plan }>('/v1/plans', { body: twoSteps(), headers: bearer(bot.secret) });
    const { id, digest } = created.body.plan;
    const voted = await api.call<{ plan: Plan }>(`/v1/plans/${id}/approve`, { body: { digest }, headers: bearer(person.secret) });
    expect(voted.body.plan.approvals.map(({ actor }) => actor)).toEqual(['carol']);
    const stopped = await api.call(`/v1/plans/${id}/cancel`, { body: {}, headers: bearer('secret-of-bob') });
    expect(stopped.status).toBe(200);
    const events = await (await readEventStream(`${api.url}/v1/plans/${id}/events`, ADMIN)).rest();
    const actors = Object.fromEntries(events.filter(({ actor }) => actor !== undefined).map(({ type, actor }) => [type, actor]));
    expect(actors).toMatchObject({ 'plan.created': 'writer', 'plan.voted': 'carol', 'plan.cancelled': 'bob' });
  });

  it('are made by administrators only, and so never with a role that their maker lacks', async () => {
    for (const path of ['/v1/keys', '/v1/keys/key_0000000000000000000000'])
      for (const options of [{ body: { name: 'x', roles: ['viewer'] } }, {}, { method: 'DELETE' }]) {
        if (path.includes('key_') && 'body' in options) continue;
        if (!path.includes('key_') && 'method' in options) continue;
        const { status, body } = await api.call<Problem>(path, { ...options, headers: bearer('secret-of-bob') });
        expect([status, body.code]).toEqual([403, 'forbidden']);
      }
    const { secret } = await makeKey(api, { name: 'root', roles: ['admin'] });
    const { status } = await api.call('/v1/keys', { body: { name: 'x', roles: [...ROLES] }, headers: bearer(secret) });
    expect(status).toBe(201);
  });

  it('are refused by every process as soon as they are revoked, and stay readable', async () => {
    const { key, secret } = await makeKey(api);
    const other = await startApi({
      ...{ store: api.store, logger: collectingLogger().logger, keys: [], host: '127.0.0.1', port: 0 },
    });
    try {
      const statuses = () =>
        Promise.all([api.url, other.url].map(async (url) => (await fetch(`${url}/v1/tasks`, { headers: bearer(secret) })).status));
      expect(await statuses()).toEqual([200, 200]);
      const revoked = await api.call<{ key: ApiKey }>(`/v1/keys/${key.id}`, { method: 'DELETE', headers: ADMIN });
      expect(revoked.body.key).toMatchObject({ id: key.id, revokedBy: 'ada', revokedAt: expect.any(String) });
      expect(await statuses()).toEqual([401, 401]);
      const again = await api.call<{ key: ApiKey }>(`/v1/keys/${key.id}`, { method: 'DELETE', headers: ADMIN });
      expect([again.status, again.body]).toEqual([200, revoked.body]);
      expect((await api.call<Page<ApiKey>>('/v1/keys', { headers: ADMIN })).body.items).toEqual([revoked.body.key]);
    } finally {
      await other.close();
    }
  });

  it('open every way in, and none once they are revoked', async () => {
    const { key, secret } = await makeKey(api, { name: 'root', roles: ['operator'] });
    const ways: [string, RequestInit][] = [
      ['/v1/plans', {}],
      ['/admin/queues', {}],
      ['/admin/queues/api/queues', {}],
      ['/mcp', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' }],
    ];
    const statuses = (authorization: Record<string, string>) =>
      Promise.all(
        ways.map(async ([path, init]) => (await fetch(api.url + path, { ...init, headers: { ...init.headers, ...authorization } })).status),
      );
    expect((await statuses(bearer(secret))).filter((status) => status === 401 || status === 403)).toEqual([]);
    await api.call(`/v1/keys/${key.id}`, { method: 'DELETE', headers: ADMIN });
    expect(new Set(await statuses(bearer(secret)))).toEqual(new Set([401]));
    expect(new Set(await statuses({}))).toEqual(new Set([401]));
  });

  it('can have the same name, so that one replaces the other', async () => {
    const [old, next] = [await makeKey(api), await makeKey(api)];
    await api.call(`/v1/keys/${old.key.id}`, { method: 'DELETE', headers: ADMIN });
    expect((await api.call('/v1/tasks', { headers: bearer(old.secret) })).status).toBe(401);
    const { body } = await api.call<{ task: Task }>('/v1/tasks', { body: { objective: 'x' }, headers: bearer(next.secret) });
    expect(body.task.createdBy).toBe('bot');
  });

  it('are refused once they have expired', async () => {
    const { secret } = await makeKey(api, { expiresAt: new Date(Date.now() + 1_500).toISOString() });
    const status = async () => (await api.call('/v1/tasks', { headers: bearer(secret) })).status;
    expect(await status()).toBe(200);
    await expect.poll(status, { timeout: 10_000 }).toBe(401);
  });

  it('that are wrong are all refused with the same answer, which says nothing of why; the log does', async () => {
    const { key, secret } = await makeKey(api);
    const revoked = await makeKey(api);
    await api.call(`/v1/keys/${revoked.key.id}`, { method: 'DELETE', headers: ADMIN });
    const unknown = newKeySecret().secret;
    const wrong = [secret.slice(0, -43) + unknown.slice(-43), unknown, revoked.secret, `${secret}x`, 'secret-of-admi', 'a.b.c'];
    const answers = await Promise.all(
      wrong.map(async (each) => {
        const { status, headers, body } = await api.call<Problem>('/v1/tasks', { headers: bearer(each) });
        return [status, body.code, body.detail, headers.get('www-authenticate')];
      }),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.slice(0, 3)).toEqual([401, 'unauthenticated', 'the key or token is not valid']);
    const reasons = () => api.log.flatMap(({ why }) => why ?? []);
    await expect.poll(reasons).toEqual(expect.arrayContaining([`not the secret of ${key.id}`, `${revoked.key.id} (bot) was revoked`]));
    for (const each of wrong) expect(JSON.stringify(api.log)).not.toContain(each.slice(-43));
  });

  it('a repeated call makes no second key and shows no secret, and Redis holds none', async () => {
    const call = () => api.call<Made>('/v1/keys', { body: { name: 'bot', roles: ['viewer'] }, headers: ADMIN, idempotencyKey: 'once' });
    const first = await call();
    const second = await call();
    expect(second.status).toBe(201);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.body).toEqual({ key: first.body.key, secret: null, notice: expect.stringMatching(/revoke this key/) });
    expect((await api.call<Page<ApiKey>>('/v1/keys', { headers: ADMIN })).body.items).toHaveLength(1);
    const names = (await send(api.redisUrl, 'KEYS *')).split('\r\n').filter((name) => /:(key|idem):/.test(name));
    const held = await Promise.all(names.map((name) => send(api.redisUrl, `HGETALL ${name}`)));
    expect(held.join()).toContain(first.body.key.id);
    expect(held.join()).not.toContain(first.body.secret.slice(-43));
    const conflict = await api.call<Problem>('/v1/keys', {
      body: { name: 'cat', roles: ['viewer'] },
      headers: ADMIN,
      idempotencyKey: 'once',
    });
    expect(conflict.body.code).toBe('idempotency_conflict');
  });

  it('made twenty times at once under one Idempotency-Key are one, and one answer has its secret', async () => {
    const call = () => api.call<Made>('/v1/keys', { body: { name: 'bot', roles: ['viewer'] }, headers: ADMIN, idempotencyKey: 'many' });
    const replies = await Promise.all(Array.from({ length: 20 }, call));
    expect(new Set(replies.map(({ status, body }) => `${status} ${body.key.id}`)).size).toBe(1);
    expect(replies.filter(({ body }) => body.secret !== null)).toHaveLength(1);
  });

  it('with anything wrong in what is asked for are not made, and told where', async () => {
    const asked: [Record<string, Json>, string][] = [
      [{ roles: ['viewer'] }, 'name'],
      [{ name: 'oidc:bob', roles: ['viewer'] }, 'name'],
      [{ name: 'a b', roles: ['viewer'] }, 'name'],
      [{ name: 'bob', roles: [] }, 'roles'],
      [{ name: 'bob', roles: ['king'] }, 'roles[0]'],
      [{ name: 'bob', roles: ['viewer'], expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
      [{ name: 'bob', roles: ['viewer'], expiresAt: 'tomorrow' }, 'expiresAt'],
      [{ name: 'bob', roles: ['viewer'], secret: 'mine' }, 'secret'],
    ];
    for (const [body, path] of asked) {
      const { status, body: answer } = await api.call<Problem>('/v1/keys', { body, headers: ADMIN });
      expect([status, answer.issues?.map((issue) => issue.path)]).toEqual([422, [path]]);
    }
    expect((await api.call<Page<ApiKey>>('/v1/keys', { headers: ADMIN })).body.items).toEqual([]);
  });

  it('that are not there are not found', async () => {
    for (const id of ['key_0000000000000000000000', 'nonsense'])
      for (const method of ['GET', 'DELETE'])
        expect((await api.call<Problem>(`/v1/keys/${id}`, { method, headers: ADMIN })).body.code).toBe('not_found');
  });

  it('come in pages, newest first', async () => {
    const made = [];
    for (const name of ['a', 'b', 'c']) made.unshift((await makeKey(api, { name })).key.id);
    const first = (await api.call<Page<ApiKey>>('/v1/keys?limit=2', { headers: ADMIN })).body;
    const second = (await api.call<Page<ApiKey>>(`/v1/keys?limit=2&cursor=${first.nextCursor}`, { headers: ADMIN })).body;
    expect([...first.items, ...second.items].map(({ id }) => id).sort()).toEqual(made.sort());
    expect([first.items.length, second.nextCursor]).toEqual([2, null]);
  });
});

describe('keys before they are required', () => {
  const api = useApi();

  it('are made with a note that nobody is asked for one yet, and work', async () => {
    const made = await api.call<Made>('/v1/keys', { body: { name: 'bot', roles: ['viewer'] }, actor: 'ada' });
    expect([made.status, made.body.key.createdBy, made.body.notice]).toEqual([
      201,
      'ada',
      expect.stringMatching(/does not ask for keys yet/),
    ]);
    const { status, body } = await api.call<Problem>('/v1/tasks', { body: { objective: 'x' }, headers: bearer(made.body.secret) });
    expect([status, body.detail]).toEqual([403, '`bot` has the role viewer; this needs one of submitter, admin']);
    await api.call(`/v1/keys/${made.body.key.id}`, { method: 'DELETE' });
    expect((await api.call('/v1/tasks', { headers: bearer(made.body.secret) })).status).toBe(401);
    expect((await api.call('/v1/tasks', { headers: bearer('something-else') })).status).toBe(200);
  });
});

describe('required keys, with none in the settings', () => {
  const api = useApi({ keys: '' });

  it('nobody is let in but by a key from the store', async () => {
    expect((await api.call('/v1/tasks')).status).toBe(401);
    expect((await api.call('/v1/tasks', { actor: 'ada' })).status).toBe(401);
    const { id, secret, digest } = newKeySecret();
    const console = openStore({ redis: { url: api.redisUrl } });
    await console.createKey({ id, digest, name: 'ada', roles: ['admin'], expiresAt: null, actor: { id: 'command-line' } });
    await console.close();
    expect((await api.call('/v1/tasks', { headers: bearer(secret) })).status).toBe(200);
  });

  it('without Redis a managed key is neither right nor wrong: 503', async () => {
    await api.store.close();
    const { status, body } = await api.call<Problem>('/v1/tasks', { headers: bearer(newKeySecret().secret) });
    expect([status, body.code]).toEqual([503, 'store_unavailable']);
  });
});
