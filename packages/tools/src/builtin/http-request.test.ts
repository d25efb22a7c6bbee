import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Json, JsonObject } from '@countersign/shared';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runTool } from '../../test/run-tool.ts';
import { closeSite, type Handler, openSite, type Site } from '../../test/site.ts';
import { type WorkspaceFolder, workspaceFolder } from '../../test/workspace-folder.ts';
import { addressCheck } from '../network-guard.ts';
import type { Tool } from '../tool.ts';
import { httpRequest } from './http-request.ts';

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Json;
  bodyEncoding: string;
  url: string;
}

let site: Site;
let other: Site;
beforeAll(async () => {
  site = await openSite();
  other = await openSite();
});
afterEach(() => {
  for (const { routes, seen } of [site, other]) {
    routes.clear();
    seen.length = 0;
  }
});
afterAll(() => {
  for (const one of [site, other]) closeSite(one);
});

let folder: WorkspaceFolder;
let guarded: Tool;
let local: Tool;
beforeAll(async () => {
  folder = await workspaceFolder();
  guarded = httpRequest(addressCheck(false), folder.workspace);
  local = httpRequest(addressCheck(['127.0.0.1/32']), folder.workspace);
});
afterAll(() => folder.remove());
const request = (input: JsonObject, signal?: AbortSignal) => runTool<Answer>(local, input, signal ? { signal } : {});
const redirect =
  (location: string, status = 302): Handler =>
  (_request, response) =>
    response.writeHead(status, { location }).end('moved');

describe('answers', () => {
  test('JSON comes parsed', async () => {
    site.routes.set('/json', (_request, response) =>
      response.writeHead(200, { 'content-type': 'application/problem+json; charset=utf-8', 'x-a': '1' }).end('{"n":[1]}'),
    );
    expect(await request({ url: `${site.origin}/json?q=1` })).toMatchObject({
      status: 200,
      headers: { 'x-a': '1' },
      body: { n: [1] },
      bodyEncoding: 'json',
      url: `${site.origin}/json?q=1`,
    });
  });

  test.each([
    ['text/html', 'grüße', 'grüße', 'text'],
    ['text/plain; charset=iso-8859-1', Buffer.from([0xfc]), 'ü', 'text'],
    ['application/json', 'not json', 'not json', 'text'],
    ['application/json', '', '', 'text'],
    ['image/png', Buffer.from([137, 80, 255]), 'iVD/', 'base64'],
    ['text/plain; charset=unheard-of', 'x', 'eA==', 'base64'],
  ])('%s', async (type, sent, body, bodyEncoding) => {
    site.routes.set('/', (_request, response) => response.writeHead(200, { 'content-type': type }).end(sent));
    expect(await request({ url: site.origin })).toMatchObject({ body, bodyEncoding });
  });

  test('any status is an answer', async () => {
    expect(await request({ url: `${site.origin}/gone` })).toMatchObject({ status: 404, body: 'no such page' });
  });

  test('compressed ones are unpacked', async () => {
    site.routes.set('/', (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('unpacked')));
    expect(await request({ url: site.origin })).toMatchObject({ body: 'unpacked' });
  });
});

describe('requests', () => {
  const ok: Handler = (_request, response) => response.end('ok');

  test('carry method, headers and a body as text or as JSON', async () => {
    site.routes.set('/', ok);
    await request({ url: site.origin, method: 'PUT', headers: { 'X-Mine': 'yes' }, body: { a: 1 } });
    await request({ url: site.origin, method: 'POST', body: 'plain' });
    await request({ url: site.origin, method: 'DELETE' });
    expect(site.seen).toMatchObject([
      { method: 'PUT', headers: { 'x-mine': 'yes', 'content-type': 'application/json' }, body: '{"a":1}' },
      { method: 'POST', headers: { 'content-type': 'text/plain;charset=utf-8' }, body: 'plain' },
      { method: 'DELETE', body: '' },
    ]);
  });

  test('that are posted carry the idempotency key of the step, unless they have one', async () => {
    site.routes.set('/', ok);
    await request({ url: site.origin, method: 'POST' });
    await request({ url: site.origin, method: 'POST', headers: { 'Idempotency-Key': 'mine' } });
    await request({ url: site.origin });
    expect(site.seen.map(({ headers }) => headers['idempotency-key'])).toEqual(['pln_1.step.1', 'mine', undefined]);
  });

  test.each<[JsonObject, string]>([
    [{}, 'url: '],
    [{ url: 'example.com' }, 'http://'],
    [{ url: 'ftp://example.com' }, 'http://'],
    [{ url: 'file:///etc/passwd' }, 'http://'],
    [{ url: 'data:text/plain,x' }, 'http://'],
    [{ url: 'http://user:secret@example.com' }, 'authorization header'],
    [{ url: 'http://example.com', method: 'TRACE' }, 'method: '],
    [{ url: 'http://example.com', body: 'x' }, 'a GET request has none'],
    [{ url: 'http://example.com', headers: { host: 'internal' } }, 'host is set by the connection'],
    [{ url: 'http://example.com', headers: { 'Transfer-Encoding': 'chunked' } }, 'transfer-encoding'],
    [{ url: 'http://example.com', headers: { 'x-a': 'b\r\nx-c: d' } }, 'headers: '],
    [{ url: 'http://example.com', headers: { 'x a': 'b' } }, 'headers: '],
    [{ url: 'http://example.com', timeout: 5 }, 'timeout'],
    [{ url: 'http://127.0.0.1:25/' }, 'port 25'],
  ])('%j is refused', async (input, message) => {
    await expect(request(input)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining(message) });
  });

  test('that nobody answers may be tried again', async () => {
    const closed = await openSite();
    closed.server.close();
    await once(closed.server, 'close');
    await expect(request({ url: closed.origin })).rejects.toMatchObject({ code: 'tool_error', retryable: true });
  });

  test('whose connection breaks off may be tried again', async () => {
    site.routes.set('/', (_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('part');
      setImmediate(() => response.destroy());
    });
    await expect(request({ url: site.origin })).rejects.toMatchObject({ code: 'tool_error', retryable: true });
  });
});

describe('without a word in the configuration no address but public ones is reached', () => {
  test.each([
    'http://127.0.0.1:PORT/',
    'http://127.1:PORT/',
    'http://127.0.1:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f000001:PORT/',
    'http://0x7f.0.0.1:PORT/',
    'http://0177.0.0.1:PORT/',
    'http://017700000001:PORT/',
    'http://127.0.0.1.:PORT/',
    'http://１２７.０.０.１:PORT/',
    'http://127.9.9.9:PORT/',
    'http://0.0.0.0:PORT/',
    'http://0:PORT/',
    'http://[::1]:PORT/',
    'http://[0:0:0:0:0:0:0:1]:PORT/',
    'http://[::]:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://[::ffff:7f00:1]:PORT/',
    'http://[::127.0.0.1]:PORT/',
    'http://[64:ff9b::127.0.0.1]:PORT/',
    'http://localhost:PORT/',
    'http://LOCALHOST:PORT/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00:ec2::254]/',
    'https://10.0.0.1/',
    'https://192.168.0.1/',
    'http://100.64.0.1/',
    'http://224.0.0.1/',
  ])('%s', async (url) => {
    const port = new URL(site.origin).port;
    site.routes.set('/', (_request, response) => response.end('reached'));
    await expect(runTool(guarded, { url: url.replace('PORT', port) })).rejects.toMatchObject({
      code: 'invalid_input',
      retryable: false,
      message: expect.stringContaining('is not a public address'),
    });
    expect(site.seen).toEqual([]);
  });

  test('the same server is reached where its network is allowed', async () => {
    site.routes.set('/', (_request, response) => response.end('reached'));
    expect(await request({ url: site.origin.replace('127.0.0.1', '0x7f.1') })).toMatchObject({ body: 'reached' });
  });
});

describe('redirects', () => {
  test('are followed to the end, or not at all', async () => {
    site.routes.set('/a', redirect('/b?x=1'));
    site.routes.set('/b', (_request, response) => response.end('here'));
    expect(await request({ url: `${site.origin}/a` })).toMatchObject({ status: 200, body: 'here', url: `${site.origin}/b?x=1` });
    expect(await request({ url: `${site.origin}/a`, followRedirects: false })).toMatchObject({
      status: 302,
      headers: { location: '/b?x=1' },
      body: 'moved',
    });
  });

  test('end after 5', async () => {
    for (let hop = 0; hop < 5; hop++) site.routes.set(`/${hop}`, redirect(`/${hop + 1}`));
    site.routes.set('/5', (_request, response) => response.end('five'));
    site.routes.set('/loop', redirect('/loop'));
    expect(await request({ url: `${site.origin}/0` })).toMatchObject({ body: 'five' });
    await expect(request({ url: `${site.origin}/loop` })).rejects.toMatchObject({
      code: 'tool_error',
      retryable: false,
      message: expect.stringContaining('5 times'),
    });
    expect(site.seen.filter(({ url }) => url === '/loop')).toHaveLength(6);
  });

  test.each([
    'http://127.0.0.2/',
    'http://10.0.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[::1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://0x0a000001/',
    '//192.168.0.1/',
  ])('to an address that is not allowed are refused: %s', async (location) => {
    site.routes.set('/', redirect(location));
    await expect(request({ url: site.origin })).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('is not a public address'),
    });
  });

  test('to the second hop that is not allowed are refused', async () => {
    site.routes.set('/', redirect(`${other.origin}/next`));
    other.routes.set('/next', redirect('http://10.0.0.1/'));
    await expect(request({ url: site.origin })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  test.each(['file:///etc/passwd', 'ftp://example.com/', 'javascript:alert(1)', 'http://user:pw@127.0.0.1/', 'http://[', 'https://'])(
    'to %s are not followed',
    async (location) => {
      site.routes.set('/', redirect(location));
      await expect(request({ url: site.origin })).rejects.toMatchObject({ code: 'tool_error', retryable: false });
    },
  );

  test('to another origin lose credentials, and within one keep them', async () => {
    const headers = { authorization: 'Bearer secret', cookie: 'a=b', 'x-api-key': 'secret', accept: 'text/plain' };
    site.routes.set('/out', redirect(`${other.origin}/in`));
    site.routes.set('/same', redirect('/end'));
    for (const { routes } of [site, other]) routes.set('/end', (_request, response) => response.end());
    other.routes.set('/in', redirect(`${site.origin}/end`));
    await request({ url: `${site.origin}/same`, headers });
    expect(site.seen.at(-1)?.headers).toMatchObject(headers);
    await request({ url: `${site.origin}/out`, method: 'POST', headers, body: 'x' });
    for (const seen of [other.seen.at(-1), site.seen.at(-1)]) {
      expect(seen?.headers).toMatchObject({ accept: 'text/plain' });
      for (const name of ['authorization', 'cookie', 'x-api-key', 'idempotency-key']) expect(seen?.headers).not.toHaveProperty(name);
    }
  });

  test('to another origin never take a body along that holds a secret', async () => {
    const sent = { url: site.origin, method: 'POST', body: { key: 'secret' } };
    const withSecrets = () => runTool<Answer>(local, sent, { secrets: ['KEY'] });
    for (const { routes } of [site, other]) routes.set('/end', (_request, response) => response.end());
    for (const status of [307, 308]) {
      site.routes.set('/', redirect(`${other.origin}/end`, status));
      await expect(withSecrets()).rejects.toMatchObject({
        code: 'tool_error',
        message: expect.stringContaining('may hold a secret'),
        retryable: false,
      });
    }
    expect(other.seen).toEqual([]);
    site.routes.set('/', redirect('/end', 307));
    await withSecrets();
    expect(site.seen.at(-1)?.body).toBe('{"key":"secret"}');
    site.routes.set('/', redirect(`${other.origin}/end`, 303));
    await withSecrets();
    expect(other.seen.at(-1)).toMatchObject({ method: 'GET', body: '' });
  });

  test.each([
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [302, 'PUT', 'PUT', 'body'],
    [307, 'POST', 'POST', 'body'],
    [308, 'POST', 'POST', 'body'],
  ])('%i turns %s into %s', async (status, method, expected, body) => {
    site.routes.set('/', redirect('/end', status));
    site.routes.set('/end', (_request, response) => response.end());
    await request({ url: site.origin, method, body: 'body' });
    expect(site.seen.at(-1)).toMatchObject({ method: expected, body });
  });
});

describe('an answer over 1 MB fails, and is not read to its end', () => {
  test('when it never ends', async () => {
    const closed = new Promise((resolve) => {
      site.routes.set('/', (_request, response) => {
        const more = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x')));
          response.once('drain', more);
        };
        response.once('close', resolve);
        more();
      });
    });
    await expect(request({ url: site.origin })).rejects.toMatchObject({ code: 'output_too_large', retryable: false });
    await closed;
  });

  test('when it is small only as long as it is packed', async () => {
    site.routes.set('/', (_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000))),
    );
    await expect(request({ url: site.origin })).rejects.toMatchObject({ code: 'output_too_large' });
  });

  test('and 1 MB exactly is an answer', async () => {
    site.routes.set('/', (_request, response) => response.end(Buffer.alloc(1_000_000, 'x')));
    expect((await request({ url: site.origin })).body).toHaveLength(1_000_000);
  });
});

describe('a request ends at once when the step is aborted', () => {
  test('before it is sent', async () => {
    await expect(request({ url: site.origin }, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
    expect(site.seen).toEqual([]);
  });

  test.each([
    ['while nothing comes', () => {}],
    ['in the middle of the answer', (response: ServerResponse) => response.write('part')],
  ])('%s', async (_when, begin) => {
    const controller = new AbortController();
    const closed = new Promise((resolve) => {
      site.routes.set('/', (_request, response) => {
        response.once('close', resolve);
        begin(response);
        setImmediate(() => controller.abort());
      });
    });
    await expect(request({ url: site.origin }, controller.signal)).rejects.toMatchObject({ code: 'aborted' });
    await closed;
  });
});

test.each([
  ['https://api.example.com/x?y', ['api.example.com']],
  ['https://API.example.com:8443/', ['api.example.com:8443']],
  ['https://ada@evil.com@api.example.com/', ['api.example.com']],
  ['https:\\\\api.example.com\\@evil.com', ['api.example.com']],
  ['http://127.1/', ['http://127.0.0.1']],
  ['{{secret.URL}}', null],
  [7, null],
])('a request to %j goes to %j and nowhere else', (url, hosts) => {
  expect(local.hosts?.({ url })).toEqual(hosts);
});
