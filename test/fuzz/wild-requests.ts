/** Requests to nobody's operation: other methods and paths, and what is no HTTP at all. */
import { deflateSync, gzipSync } from 'node:zlib';
import type { Random } from '../random.ts';
import type { Attempt } from './attempt.ts';
import { oddBytes, oddText } from './oddities.ts';
import { type Ground, type Request, validRequest } from './operation-requests.ts';
import { bearer } from './stage.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE', 'MKCOL', 'SEARCH', 'QUERY'];
const PATHS = [
  '/',
  '//',
  '/v1',
  '/v1/',
  '/v2/plans',
  '/V1/plans',
  '/v1/plans/',
  '/v1//plans',
  '/v1/plans/..%2f..%2fetc%2fpasswd',
  '/v1/plans/../../../etc/passwd',
  '/..;/admin/queues',
  '/v1/plans/%00',
  '/v1/plans/%zz',
  '/v1/plans/%ff%fe/steps/%c0%80/approve',
  '/v1/plans/__proto__/events',
  '/v1/plans/constructor/audit',
  '/v1/plans/%2e%2e/tasks',
  '/admin/queues/static/..%2f..%2f..%2fpackage.json',
  '/admin/queues/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
  '/admin/queues/../../v1/keys',
  '/.git/config',
  '/.env',
  '/openapi.json/x',
  '/metrics?x[]=1&x[y]=2',
  '/healthz?__proto__[polluted]=1',
  `/v1/plans?${'a=b&'.repeat(1_500)}`,
  `/v1/plans/${'x'.repeat(7_000)}`,
  `/${'a/'.repeat(2_000)}`,
  '/v1/plans?limit=1&limit=2',
  '/v1/plans?limit=NaN',
  '/v1/plans?cursor=../x',
  '/v1/plans#fragment',
  '/v1/plans/pln_0000000000000000000000/steps/a%5B0%5D/retry',
];

export function pathAttempt(ground: Ground, random: Random): Attempt {
  const isKnownPath = random.chance(0.5);
  const method = random.pick(METHODS);
  const path = isKnownPath ? validRequest(random.pick(ground.document.operations), ground, random).path : random.pick(PATHS);
  const hasBody = random.chance(0.4);
  const body = hasBody ? Buffer.from(random.pick(['{}', '[]', '{"a":1}', 'null'])) : null;
  return {
    kind: 'paths',
    method,
    path,
    headers: [
      ['Authorization', bearer(random.pick(['ada', 'vera']))],
      ...(body === null
        ? []
        : ([
            ['Content-Type', 'application/json'],
            ['Content-Length', String(body.length)],
          ] as const)),
    ],
    body,
    isBroken: hasBody,
    // What this path gives is a stream as long as the plan lives.
    ...(path.endsWith('/events') && { leaves: 'after the first bytes' as const }),
  };
}

const head = (lines: readonly string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

/** A body whose framing, or whose compression, lies. */
function framed({ method, path, body }: Request, { random, host }: { random: Random; host: string }): Buffer {
  const text = JSON.stringify(body ?? {});
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, `Authorization: ${bearer('ada')}`, 'Content-Type: application/json'];
  const sized = (bytes: Buffer, ...more: string[]): Buffer =>
    Buffer.concat([Buffer.from(head([...lines, ...more, `Content-Length: ${bytes.length}`, 'Connection: close'])), bytes]);
  const chunked = (chunks: string): Buffer =>
    Buffer.from(head([...lines, 'Transfer-Encoding: chunked', 'Connection: close']) + chunks, 'latin1');
  const declared = (length: number): Buffer => Buffer.from(head([...lines, `Content-Length: ${length}`]) + text);
  return random.pick([
    () => sized(gzipSync(text), 'Content-Encoding: gzip'),
    () => sized(gzipSync(Buffer.alloc(8_000_000, ' ')), 'Content-Encoding: gzip'),
    () => sized(deflateSync(Buffer.alloc(8_000_000, '[')), 'Content-Encoding: deflate'),
    () => sized(gzipSync(text)),
    () => declared(text.length + 50),
    () => declared(Math.max(0, text.length - 3)),
    () => declared(4_000_001),
    () => chunked(`${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`),
    () => chunked(`${text.length.toString(16)};a=b\r\n${text}\r\n0\r\nX-Later: 1\r\n\r\n`),
    () => chunked(`${(text.length + 9).toString(16)}\r\n${text}\r\n0\r\n\r\n`),
    () => chunked(`zz\r\n${text}\r\n0\r\n\r\n`),
    () => chunked(`ffffffffffffffff\r\n${text}`),
    () => chunked(`-1\r\n${text}\r\n`),
    () => chunked(`1\n${text}`),
    () => chunked(oddBytes(random, 200).toString('latin1')),
    () =>
      Buffer.from(head([...lines, `Content-Length: ${text.length}`]) + text + head([...lines, 'Content-Length: 0', 'Connection: close'])),
    () => Buffer.from(head([...lines, 'Expect: 100-continue', `Content-Length: ${text.length}`]) + text.slice(0, 3)),
  ])();
}

const STARTS = [
  '',
  'GET',
  'GET ',
  'GET / HTTP/',
  'POST /v1/plans HTTP/1.1\r\n',
  'GET / HTTP/2.0\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
];
const OTHERS = [
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001',
  'EHLO a.invalid\r\n',
  'PING\r\n',
  '*1\r\n$4\r\nPING\r\n',
  'CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n',
];

/** What is sent on the bare socket. */
export function bytesAttempt(ground: Ground, { random, host }: { random: Random; host: string }): Attempt {
  const withBody = ground.document.operations.filter(({ body }) => body !== null);
  const request = validRequest(random.pick(withBody), ground, random);
  const whole = Buffer.from(`${head([`GET /v1/plans HTTP/1.1`, `Host: ${host}`, `Authorization: ${bearer('ada')}`, 'Connection: close'])}`);
  const at = random.between(0, whole.length - 1);
  const bytes = random.weighted<() => Buffer>([
    [6, () => framed(request, { random, host })],
    [2, () => oddBytes(random, random.between(1, 600))],
    [2, () => Buffer.concat([Buffer.from(random.pick(STARTS)), oddBytes(random, random.between(0, 300))])],
    [2, () => Buffer.from(random.pick(OTHERS), 'latin1')],
    [3, () => Buffer.concat([whole.subarray(0, at), oddBytes(random, random.between(1, 4)), whole.subarray(at)])],
    [2, () => whole.subarray(0, at)],
    [1, () => Buffer.from(whole.toString().replaceAll('\r\n', '\n'))],
    [1, () => Buffer.from(whole.toString().replace('/v1/plans', `/v1/${oddText(random).slice(0, 3_000)}`))],
    [1, () => Buffer.concat([whole, whole, whole])],
  ])();
  return { kind: 'bytes', method: '', path: '', headers: [], body: null, bytes };
}
