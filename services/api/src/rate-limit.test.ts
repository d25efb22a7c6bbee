import type { Problem } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { readEventStream } from '../test/event-reader.ts';
import { createPlan, useApi } from '../test/running-api.ts';

const KEYS = 'ada:admin:secret-of-ada,bob:viewer:secret-of-bob';
const bearer = (secret: string) => ({ Authorization: `Bearer ${secret}` });
const ADA = bearer('secret-of-ada');

describe('the calls of an actor', () => {
  const api = useApi({ keys: KEYS, limits: { calls: { calls: 3, seconds: 3_600 }, failures: null } });

  it('are so many in so long, whichever way they come; the next one is refused before anything is done', async () => {
    const first = await api.call('/v1/tasks', { headers: ADA });
    expect(first.headers.get('ratelimit-policy')).toBe('"calls";q=3;w=3600');
    expect(first.headers.get('ratelimit')).toMatch(/^"calls";r=2;t=3(600|5\d\d)$/);
    expect((await fetch(`${api.url}/admin/queues`, { headers: ADA })).status).toBe(200);
    expect((await fetch(`${api.url}/mcp`, { method: 'POST', headers: ADA, body: '{' })).status).toBe(415);
    const { status, body, headers } = await api.call<Problem>('/v1/tasks', { body: { objective: 'x' }, headers: ADA });
    expect([status, body.code]).toEqual([429, 'rate_limited']);
    expect(body.detail).toContain('`ada` has made its 3 calls of 3600 seconds');
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(3_000);
    expect(headers.get('ratelimit')).toMatch(/^"calls";r=0;t=/);
    expect((await api.store.listTasks({ limit: 1 })).items).toEqual([]);
    for (const path of ['/mcp', '/admin/queues/api/queues'])
      expect((await fetch(api.url + path, { method: path === '/mcp' ? 'POST' : 'GET', headers: ADA })).status).toBe(429);
  });

  it('are counted for each actor, and not for what needs no key', async () => {
    for (let count = 0; count < 4; count++) await api.call('/v1/tasks', { headers: ADA });
    expect((await api.call('/v1/tasks', { headers: bearer('secret-of-bob') })).status).toBe(200);
    for (const path of ['/healthz', '/readyz', '/openapi.json', '/docs'])
      for (let count = 0; count < 4; count++) {
        const { status, headers } = await api.call(path, { headers: ADA });
        expect([status, headers.get('ratelimit')]).toEqual([200, null]);
      }
  });

  it('count as well where their role is not enough', async () => {
    const statuses = [];
    for (let count = 0; count < 4; count++)
      statuses.push((await api.call('/v1/tasks', { body: { objective: 'x' }, headers: bearer('secret-of-bob') })).status);
    expect(statuses).toEqual([403, 403, 403, 429]);
  });

  it('that follow events count once, however much comes', async () => {
    const plan = (await api.call<{ plan: { id: string } }>('/v1/plans', { body: planOf(5), headers: ADA })).body.plan;
    const stream = await readEventStream(`${api.url}/v1/plans/${plan.id}/events`, ADA);
    expect(stream.headers.get('ratelimit')).toMatch(/^"calls";r=1;/);
    const events = stream.rest();
    await api.call(`/v1/plans/${plan.id}/cancel`, { body: {}, headers: ADA });
    expect((await events).length).toBeGreaterThan(5);
    expect((await api.call('/v1/tasks', { headers: ADA })).status).toBe(429);
  });
});

const planOf = (count: number) => ({
  objective: 'x',
  steps: Array.from({ length: count }, (_, index) => ({ id: `s${index}`, tool: 'test.read', input: {} })),
});

describe('wrong keys from an address', () => {
  const api = useApi({
    keys: KEYS,
    limits: { calls: null, failures: { calls: 3, seconds: 3_600 } },
    trustedProxies: ['127.0.0.1'],
  });
  const from = (address: string, secret: string) =>
    api.call<Problem>('/v1/tasks', { headers: { ...bearer(secret), 'X-Forwarded-For': address } });

  it('are so many in so long; then a right guess is not told from a wrong one, and other addresses go on', async () => {
    const made = await api.call<{ secret: string }>('/v1/keys', { body: { name: 'bot', roles: ['viewer'] }, headers: ADA });
    const statuses = [];
    for (let count = 0; count < 5; count++) statuses.push((await from('192.0.2.1', `guess-${count}`)).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    const [right, wrong] = [await from('192.0.2.1', 'secret-of-ada'), await from('192.0.2.1', 'guess')];
    expect([right.status, right.body.code, right.body.detail]).toEqual([wrong.status, wrong.body.code, wrong.body.detail]);
    expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(3_000);
    expect((await from('192.0.2.2', 'secret-of-ada')).status).toBe(200);
    // Nobody guesses 256 random bits: a neighbour's wrong keys don't lock out who has a managed one.
    expect((await from('192.0.2.1', made.body.secret)).status).toBe(200);
  });

  it('are counted by address only: without a key nothing is guessed', async () => {
    for (let count = 0; count < 5; count++) expect((await api.call('/v1/tasks')).status).toBe(401);
    expect((await api.call('/v1/tasks', { headers: ADA })).status).toBe(200);
  });

  it('of one IPv6 network are of one address', async () => {
    for (let count = 1; count <= 3; count++) await from(`2001:db8:0:1::${count}`, 'guess');
    expect((await from('2001:db8:0:1:ffff::9', 'guess')).status).toBe(429);
    expect((await from('2001:db8:0:2::1', 'guess')).status).toBe(401);
  });
});

describe('an address that no proxy vouches for', () => {
  const api = useApi({ keys: KEYS, limits: { calls: null, failures: { calls: 2, seconds: 3_600 } } });

  it('is the one of the connection, whatever a header says', async () => {
    const statuses = [];
    for (let count = 0; count < 4; count++)
      statuses.push((await api.call('/v1/tasks', { headers: { ...bearer('guess'), 'X-Forwarded-For': `192.0.2.${count}` } })).status);
    expect(statuses).toEqual([401, 401, 429, 429]);
  });
});

describe('without access control', () => {
  const api = useApi({ limits: { calls: { calls: 1, seconds: 3_600 }, failures: { calls: 1, seconds: 3_600 } } });

  it('nothing is counted', async () => {
    await createPlan(api);
    for (let count = 0; count < 3; count++) {
      const { status, headers } = await api.call('/v1/tasks');
      expect([status, headers.get('ratelimit')]).toEqual([200, null]);
    }
  });
});
