import type { Plan } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { createPlan, useApi } from '../test/running-api.ts';

const CONSOLE = 'https://console.example';
const corsHeaders = (headers: Headers): string[] => [...headers.keys()].filter((name) => name.startsWith('access-control-'));
const preflight = (url: string, origin: string, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'OPTIONS', headers: { Origin: origin, 'Access-Control-Request-Method': 'POST', ...headers } });

describe('without CORS_ORIGINS', () => {
  const api = useApi({ keys: 'ada:admin:secret-of-ada' });

  it('no page of another origin may call or read', async () => {
    for (const path of ['/v1/plans', '/mcp', '/docs', '/admin/queues']) {
      expect(corsHeaders((await preflight(api.url + path, CONSOLE)).headers)).toEqual([]);
      const { headers } = await fetch(api.url + path, { headers: { Origin: CONSOLE, Authorization: 'Bearer secret-of-ada' } });
      expect([corsHeaders(headers), headers.get('cross-origin-resource-policy')]).toEqual([[], 'same-origin']);
    }
  });
});

describe('with CORS_ORIGINS', () => {
  const api = useApi({ keys: 'ada:admin:secret-of-ada', corsOrigins: [CONSOLE, 'http://localhost:5173'] });
  const key = { Authorization: 'Bearer secret-of-ada' };

  it('a page of one of them is told beforehand what it may send, without a key', async () => {
    const { status, headers } = await preflight(`${api.url}/v1/plans`, CONSOLE, {
      'Access-Control-Request-Headers': 'authorization,content-type',
    });
    expect([status, headers.get('access-control-allow-origin'), headers.get('vary')]).toEqual([204, CONSOLE, 'Origin']);
    for (const name of ['Authorization', 'Content-Type', 'If-Match', 'Idempotency-Key', 'Last-Event-ID'])
      expect(headers.get('access-control-allow-headers')).toContain(name);
    for (const method of ['POST', 'PUT', 'DELETE']) expect(headers.get('access-control-allow-methods')).toContain(method);
  });

  it('reads answers of every kind, refusals too, and the headers that it needs', async () => {
    const body = { objective: 'x', steps: [{ id: 'a', tool: 'test.write', input: {} }] };
    const { plan } = (await api.call<{ plan: Plan }>('/v1/plans', { body, headers: { ...key, Origin: CONSOLE } })).body;
    for (const [path, status] of [
      [`/v1/plans/${plan.id}`, 200],
      ['/v1/plans/none', 404],
      ['/nowhere', 404],
    ] as const) {
      const { headers, status: got } = await fetch(api.url + path, { headers: { ...key, Origin: CONSOLE } });
      expect([got, headers.get('access-control-allow-origin')]).toEqual([status, CONSOLE]);
      expect(headers.get('access-control-expose-headers')).toContain('ETag');
    }
    const unknown = await fetch(`${api.url}/v1/plans`, { headers: { Origin: CONSOLE } });
    expect([unknown.status, unknown.headers.get('access-control-allow-origin')]).toEqual([401, CONSOLE]);
  });

  it('never brings what a browser sends of its own accord', async () => {
    const answers = [
      await preflight(`${api.url}/v1/plans`, CONSOLE),
      await fetch(`${api.url}/v1/plans`, { headers: { ...key, Origin: CONSOLE } }),
    ];
    for (const { headers } of answers) expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('a page of any other origin gets nothing, however alike it looks, and answers are kept apart', async () => {
    const alike = [
      'https://console.example.evil.example',
      'https://sub.console.example',
      'http://console.example',
      'https://console.example:444',
    ];
    for (const origin of [...alike, 'HTTPS://CONSOLE.EXAMPLE', 'null', '*', ''])
      for (const answer of [
        await preflight(`${api.url}/v1/plans`, origin),
        await fetch(`${api.url}/v1/plans`, { headers: { ...key, Origin: origin } }),
      ])
        expect([origin, corsHeaders(answer.headers), answer.headers.get('vary')]).toEqual([origin, [], 'Origin']);
  });

  it('the dashboard stays with its own pages', async () => {
    for (const path of ['/admin/queues', '/admin/queues/api/queues'])
      for (const answer of [
        await preflight(api.url + path, CONSOLE),
        await fetch(api.url + path, { headers: { ...key, Origin: CONSOLE } }),
      ])
        expect(corsHeaders(answer.headers)).toEqual([]);
  });

  it('OPTIONS that is no such question says which methods are possible', async () => {
    const { status, headers } = await fetch(`${api.url}/v1/plans`, { method: 'OPTIONS', headers: { Origin: CONSOLE } });
    expect([status, headers.get('allow')]).toEqual([204, 'POST, GET, HEAD, OPTIONS']);
  });
});

describe('without access control', () => {
  const api = useApi({ corsOrigins: [CONSOLE, 'http://localhost:5173'] });

  it('only pages of this machine are let in, whatever the setting says', async () => {
    await createPlan(api);
    const foreign = await fetch(`${api.url}/v1/plans`, { headers: { Origin: CONSOLE } });
    expect([foreign.status, corsHeaders(foreign.headers)]).toEqual([403, []]);
    const own = await fetch(`${api.url}/v1/plans`, { headers: { Origin: 'http://localhost:5173' } });
    expect([own.status, own.headers.get('access-control-allow-origin')]).toEqual([200, 'http://localhost:5173']);
  });
});
