import { once } from 'node:events';
import type { Problem } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { answerOn, openSocket, type RawAnswer, sendRaw } from '../test/raw-request.ts';
import { useApi } from '../test/running-api.ts';

const HOST = ['Host: 127.0.0.1', 'Connection: close'];
const JSON_TYPE = 'Content-Type: application/json';

/** What every answer has, whoever gave it. */
function expectSafe({ headers, body }: RawAnswer): void {
  expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('x-powered-by')).toBeUndefined();
  expect(body).not.toMatch(/\.[jt]s:\d|node_modules|HPE_|\bat .*\(/);
}

describe('a request that is not HTTP as it must be', () => {
  const api = useApi();

  const refused: [string, number, string[], string?][] = [
    ['no HTTP at all', 400, ['GET / HTP']],
    ['a NUL byte in a header', 400, ['GET /v1/plans HTTP/1.1', ...HOST, 'X-Actor: a\u0000b']],
    ['a space in the name of a header', 400, ['GET /v1/plans HTTP/1.1', ...HOST, 'X Actor: ada']],
    ['no Host', 400, ['GET /v1/plans HTTP/1.1', 'Connection: close']],
    ['two Hosts', 400, ['GET /v1/plans HTTP/1.1', ...HOST, 'Host: evil.example']],
    ['two keys', 400, ['GET /v1/plans HTTP/1.1', ...HOST, 'Authorization: Bearer a', 'Authorization: Bearer b']],
    ['two actors', 400, ['GET /v1/plans HTTP/1.1', ...HOST, 'X-Actor: ada', 'X-Actor: bob']],
    ['two types', 400, ['POST /v1/plans HTTP/1.1', ...HOST, JSON_TYPE, 'Content-Type: text/plain', 'Content-Length: 2'], '{}'],
    ['two lengths', 400, ['POST /v1/plans HTTP/1.1', ...HOST, JSON_TYPE, 'Content-Length: 2', 'Content-Length: 3'], '{} '],
    [
      'a length and chunks',
      400,
      ['POST /v1/plans HTTP/1.1', ...HOST, JSON_TYPE, 'Content-Length: 2', 'Transfer-Encoding: chunked'],
      '0\r\n\r\n',
    ],
    [
      'chunks inside something else',
      400,
      ['POST /v1/plans HTTP/1.1', ...HOST, JSON_TYPE, 'Transfer-Encoding: chunked, identity'],
      '0\r\n\r\n',
    ],
    [
      'chunks with endless remarks',
      400,
      ['POST /v1/plans HTTP/1.1', ...HOST, JSON_TYPE, 'Transfer-Encoding: chunked'],
      `1;${'x'.repeat(20_000)}\r\n`,
    ],
    ['a path that is too long', 414, [`GET /v1/plans?cursor=${'x'.repeat(9_000)} HTTP/1.1`, ...HOST]],
    ['too many headers', 431, ['GET /v1/plans HTTP/1.1', ...HOST, ...Array.from({ length: 100 }, (_, index) => `X-${index}: 1`)]],
    ['headers that are too large', 431, ['GET /v1/plans HTTP/1.1', ...HOST, `X-A: ${'x'.repeat(20_000)}`]],
  ];
  it('is answered as a problem with the headers of every answer, and leaves the API as it was', async () => {
    for (const [what, status, lines, rest] of refused) {
      const answer = await sendRaw(api.url, lines, rest);
      expect([what, answer.status]).toEqual([what, status]);
      expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
      expect(JSON.parse(answer.body) as Problem).toMatchObject({ status, code: 'malformed_request' });
      expectSafe(answer);
      // Of what could not be read nothing else is known that would find its line in the log.
      const requestId = answer.headers.get('x-request-id');
      expect(requestId, what).toMatch(/^[\w-]{36}$/);
      await expect.poll(() => api.log.some((line) => line.requestId === requestId), { message: what }).toBe(true);
    }
    expect((await api.call('/healthz')).status).toBe(200);
    expect(api.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });
});

describe('an odd request', () => {
  const api = useApi();

  const odd: [string, number, string[], string?][] = [
    ['to the path of no one', 404, ['GET /%zz HTTP/1.1', ...HOST]],
    ['with a NUL in its path', 404, ['GET /v1/plans/%00 HTTP/1.1', ...HOST]],
    ['with a broken %-escape in an id', 404, ['GET /v1/plans/%ff%fe HTTP/1.1', ...HOST]],
    ['with the way out of a folder', 404, ['GET /v1/plans/..%2f..%2fetc%2fpasswd HTTP/1.1', ...HOST]],
    ['with the way out of the dashboard', 404, ['GET /admin/queues/static/..%2f..%2f..%2fpackage.json HTTP/1.1', ...HOST]],
    ['with a dot folder of the dashboard', 404, ['GET /admin/queues/static/../../../../../../etc/passwd HTTP/1.1', ...HOST]],
    ['with a broken %-escape behind the dashboard', 404, ['GET /admin/queues/% HTTP/1.1', ...HOST]],
    ['with the name of an object’s own member', 404, ['GET /v1/plans/__proto__ HTTP/1.1', ...HOST]],
    ['to nothing but a star', 404, ['OPTIONS * HTTP/1.1', ...HOST]],
    ['with TRACE, which would show headers again', 405, ['TRACE /v1/plans HTTP/1.1', ...HOST]],
    ['with a member of an object in its query', 422, ['GET /v1/plans?__proto__=1 HTTP/1.1', ...HOST]],
    ['with a query given twice', 422, ['GET /v1/plans?limit=1&limit=2 HTTP/1.1', ...HOST]],
    [
      'with a body that is compressed',
      415,
      ['POST /v1/plans HTTP/1.1', ...HOST, JSON_TYPE, 'Content-Encoding: br', 'Content-Length: 2'],
      '{}',
    ],
    [
      'with a body that lies about its origin',
      403,
      ['POST /v1/plans HTTP/1.1', ...HOST, 'Origin: null', JSON_TYPE, 'Content-Length: 2'],
      '{}',
    ],
  ];
  it('is answered with what is wrong, and nothing of how the API is made', async () => {
    for (const [what, status, lines, rest] of odd) {
      const answer = await sendRaw(api.url, lines, rest);
      expect([what, answer.status, answer.headers.get('content-type')]).toEqual([what, status, 'application/problem+json; charset=utf-8']);
      expectSafe(answer);
    }
  });

  it('that expects something, or wants another protocol, is answered all the same', async () => {
    for (const header of ['Expect: cake', 'Upgrade: websocket']) {
      const answer = await sendRaw(api.url, ['GET /healthz HTTP/1.1', ...HOST, header]);
      expect(answer.status).toBe(200);
      expectSafe(answer);
    }
  });

  it('that asks for another method by a header does not get it', async () => {
    for (const name of ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])
      expect((await sendRaw(api.url, ['POST /healthz?_method=GET HTTP/1.1', ...HOST, `${name}: GET`])).status).toBe(405);
  });

  it('for the head alone gets no body', async () => {
    for (const path of ['/healthz', '/v1/plans', '/docs', '/openapi.json', '/nowhere', '/admin/queues']) {
      const answer = await sendRaw(api.url, [`HEAD ${path} HTTP/1.1`, ...HOST]);
      expect([path, answer.status, answer.body]).toEqual([path, path === '/nowhere' ? 404 : 200, '']);
    }
  });
});

describe('answers of every kind', () => {
  const api = useApi();

  it('have headers that keep browsers from running, framing and guessing them', async () => {
    const plan = (
      await api.call<{ plan: { id: string } }>('/v1/plans', {
        body: { objective: 'x', steps: [{ id: 'a', tool: 'test.write', input: {} }] },
      })
    ).body.plan;
    await api.call(`/v1/plans/${plan.id}/cancel`, { method: 'POST' });
    const kinds = [
      '/v1/plans',
      `/v1/plans/${plan.id}?format=markdown`,
      `/v1/plans/${plan.id}/events`,
      '/docs',
      '/openapi.json',
      '/metrics',
      '/healthz',
    ];
    const missing = ['/nowhere', '/v1/plans/none', '/admin/queues/none'];
    const dashboard = ['/admin/queues', '/admin/queues/api/queues', '/admin/queues/api/queues/none/1'];
    for (const path of [...kinds, ...missing, ...dashboard]) {
      const { headers } = await fetch(api.url + path);
      expect([path, headers.get('x-content-type-options'), headers.get('x-frame-options')]).toEqual([path, 'nosniff', 'DENY']);
      expect([path, headers.get('content-security-policy')]).toEqual([path, expect.stringContaining("frame-ancestors 'none'")]);
      expect([path, headers.get('cross-origin-resource-policy')]).toEqual([path, 'same-origin']);
      expect([path, headers.get('referrer-policy'), headers.get('x-powered-by')]).toEqual([path, 'no-referrer', null]);
    }
  });

  it('say nothing of a fault but where to look for it', async () => {
    const { listPlans } = api.store;
    api.store.listPlans = () => Promise.reject(new Error('wires crossed in /srv/countersign/store.js'));
    const { status, text, headers } = await api.call('/v1/plans');
    api.store.listPlans = listPlans;
    expect(status).toBe(500);
    expect(text).not.toMatch(/wires|srv|stack/);
    expect(api.log.find(({ err }) => err !== undefined)).toMatchObject({ requestId: headers.get('x-request-id') });
  });
});

const slowAnswer = async (url: string, bytes: string): Promise<RawAnswer> => {
  const socket = await openSocket(url);
  const answer = answerOn(socket);
  socket.write(bytes);
  return answer;
};
function expectTooSlow(answer: RawAnswer): void {
  expect([answer.status, (JSON.parse(answer.body) as Problem).code]).toEqual([408, 'malformed_request']);
  expectSafe(answer);
}

describe('a request whose headers come too slowly', () => {
  const api = useApi({ httpLimits: { headersMs: 200, requestMs: 600_000, checkMs: 50 } });

  it('is answered 408 and its connection closed, and so is one on which nothing is said', async () => {
    expectTooSlow(await slowAnswer(api.url, 'GET /v1/plans HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: '));
    const silent = await openSocket(api.url);
    await once(silent.resume(), 'close');
  });
});

describe('a request whose body comes too slowly', () => {
  const api = useApi({ httpLimits: { headersMs: 200, requestMs: 400, checkMs: 50 } });

  it('is answered 408 and its connection closed', async () => {
    const head = ['POST /v1/plans HTTP/1.1', 'Host: 127.0.0.1', JSON_TYPE, 'Content-Length: 100'];
    expectTooSlow(await slowAnswer(api.url, `${head.join('\r\n')}\r\n\r\n{`));
  });

  it('does not end an event stream, which is an answer that takes long', async () => {
    const { plan } = (
      await api.call<{ plan: { id: string } }>('/v1/plans', {
        body: { objective: 'x', steps: [{ id: 'a', tool: 'test.write', input: {} }] },
      })
    ).body;
    const slow = await openSocket(api.url);
    const slowEnd = answerOn(slow);
    const stream = await fetch(`${api.url}/v1/plans/${plan.id}/events`);
    const text = stream.text();
    // By the time that a slow request is cut off, the stream is older than that.
    expect((await slowEnd).status).toBe(408);
    await api.call(`/v1/plans/${plan.id}/cancel`, { method: 'POST' });
    expect(await text).toContain('event: plan.cancelled');
  });
});
