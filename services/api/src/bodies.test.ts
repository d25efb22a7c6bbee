import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { LIMITS, type Problem } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { type CallOptions, createPlan, useApi } from '../test/running-api.ts';

const api = useApi();
const post = (options: CallOptions) => api.call<Problem>('/v1/plans/validate', { method: 'POST', ...options });

describe('a body', () => {
  it.each([
    ['{"objective":"x",}', 17],
    ['{"objective"', 12],
    ['', 0],
    ['not json', 0],
    ['{}{}', 2],
  ])('that is not JSON is refused with the position: %s', async (text, position) => {
    // An empty text is sent in chunks, for without a length there is no telling that nothing comes.
    const reply = text === '' ? await post({ raw: ' ' }) : await post({ raw: text });
    expect([reply.status, reply.body.code]).toEqual([400, 'invalid_json']);
    expect(reply.body.position).toBe(text === '' ? 1 : position);
    expect(reply.body.detail).toMatch(/line 1, column \d+/);
  });

  it('that is not UTF-8 is refused', async () => {
    const reply = await post({ raw: new Uint8Array([0x22, 0xff, 0x22]) });
    expect([reply.status, reply.body.code]).toEqual([400, 'invalid_json']);
  });

  it.each([
    ['text/plain', {}],
    ['application/x-www-form-urlencoded', {}],
    ['multipart/form-data; boundary=x', {}],
    ['application/json; charset=utf-16', {}],
    ['application/json; charset=utf-8; charset=utf-16', {}],
    ['application/json; charset = utf-7', {}],
    ['application/json', { 'Content-Encoding': 'gzip' }],
  ])('sent as %s %j is refused', async (type, headers) => {
    const reply = await post({ raw: gzipSync('{}'), headers: { 'Content-Type': type, ...headers } });
    expect([reply.status, reply.body.code]).toEqual([415, 'unsupported_media_type']);
  });

  it.each(['application/json', 'Application/JSON; charset=UTF-8', 'application/json;charset="utf-8"'])(
    'sent as %s is read',
    async (type) => {
      expect((await post({ raw: '{}', headers: { 'Content-Type': type } })).status).toBe(200);
    },
  );

  it('as large as allowed is read, one byte more is refused', async () => {
    const sized = (bytes: number): string => `{"objective":"${'a'.repeat(bytes - '{"objective":""}'.length)}"}`;
    expect((await post({ raw: sized(LIMITS.bodyBytes) })).status).toBe(200);
    const reply = await post({ raw: sized(LIMITS.bodyBytes + 1) });
    expect([reply.status, reply.body.code]).toEqual([413, 'too_large']);
  });

  it('nested deeper than 64 levels is refused, however deep', async () => {
    const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    expect((await post({ raw: nested(64) })).status).toBe(200);
    for (const depth of [65, 100_000, 600_000]) {
      const reply = await post({ raw: nested(depth) });
      expect([reply.status, reply.body.code, reply.body.issues?.[0]?.code]).toEqual([422, 'invalid_request', 'limit_exceeded']);
    }
  });

  it.each([
    ['{"__proto__":{"polluted":true}}', 1],
    ['{"steps":[{"id":"a","tool":"test.write","input":{"deep":[{"__proto__":{"polluted":true}}]}}]}', 58],
    ['{"__pr\\u006fto__":1}', 1],
  ])('with the key __proto__ is refused, and changes nothing: %s', async (raw, position) => {
    const reply = await post({ raw });
    expect([reply.status, reply.body.code, reply.body.position]).toEqual([400, 'invalid_json', position]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("with other names of an object's own members has them as data", async () => {
    const input = { constructor: { prototype: { polluted: true } }, toString: 'a', hasOwnProperty: null };
    const plan = await createPlan(api, { input, steps: [{ id: 'a', tool: 'test.write', input }] });
    expect([plan.input, plan.steps[0]?.input]).toEqual([input, input]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  // One reader would take the first, another the last: what a person was shown could be another plan than the one that runs.
  it.each([
    ['{"objective":"a","objective":"b"}', 17],
    ['{"steps":[{"input":{"path":"a","pa\\u0074h":"b"}}]}', 31],
  ])('that names a key twice in one object is refused: %s', async (raw, position) => {
    const reply = await post({ raw });
    expect([reply.status, reply.body.code, reply.body.position]).toEqual([400, 'invalid_json', position]);
    expect(reply.body.detail).toContain('twice');
  });

  it.each([
    ['half of a surrogate pair', '{"objective":"\\ud800"}', 13],
    ['half of a surrogate pair in a key', '{"input":{"\\udfff":1}}', 10],
    ['a number that no double holds', '{"input":{"a":-1e999}}', 14],
  ])('with %s, which broke the script that stores it, is refused', async (_what, raw, position) => {
    for (const path of ['/v1/plans/validate', '/v1/plans', '/v1/tasks']) {
      const reply = await api.call<Problem>(path, { raw });
      expect([reply.status, reply.body.code, reply.body.position]).toEqual([400, 'invalid_json', position]);
    }
  });

  it('of few bytes and more values than can be held is refused before it is parsed', async () => {
    const some = (count: number): string => `{"input":{"a":[${'[],'.repeat(count)}1]}}`;
    expect((await post({ raw: some(LIMITS.jsonValues - 4) })).status).toBe(200);
    const reply = await post({ raw: some(1_300_000) });
    expect([reply.status, reply.body.code, reply.body.issues?.[0]?.code]).toEqual([422, 'invalid_request', 'limit_exceeded']);
  });

  it.each([
    ['too large by its length', { 'Content-Type': 'application/json', 'Content-Length': String(10 ** 12) }, 413],
    ['too large in chunks', { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' }, 413],
    ['of another type', { 'Content-Type': 'video/mp4', 'Content-Length': String(10 ** 12) }, 415],
    ['nobody asked for', { 'Content-Type': 'application/json', 'Content-Length': String(10 ** 12) }, 404, '/nowhere'],
  ])('%s is answered before it has come, and the rest is not waited for', async (_what, headers, status, path = '/v1/plans/validate') => {
    const call = request(api.url + path, { method: 'POST', headers });
    call.on('error', () => {});
    const chunk = Buffer.alloc(64_000, ' ');
    const send = (): void => {
      while (!call.destroyed && call.write(chunk));
    };
    call.on('drain', send);
    send();
    const [response] = await once(call, 'response');
    expect(response.statusCode).toBe(status);
    response.resume();
    await once(call, 'close');
  });

  it('that breaks off leaves the API as it was', async () => {
    const { hostname, port } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    const head = [
      'POST /v1/tasks HTTP/1.1',
      `Host: ${hostname}`,
      'Content-Type: application/json',
      'Content-Length: 1000',
      'Expect: 100-continue',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n{"objective":`);
    expect(String((await once(socket, 'data'))[0])).toContain('100 Continue');
    socket.destroy();
    await expect.poll(() => api.log.some(({ message, path }) => message === 'request' && path === '/v1/tasks')).toBe(true);
    expect((await api.call('/healthz')).status).toBe(200);
  });
});
