/** Servers that misbehave, and answers that go into a file. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { Json, JsonObject } from '@countersign/shared';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runTool } from '../../test/run-tool.ts';
import { closeSite, openSite, type Site } from '../../test/site.ts';
import { type WorkspaceFolder, workspaceFolder } from '../../test/workspace-folder.ts';
import { addressCheck } from '../network-guard.ts';
import { httpRequest } from './http-request.ts';

let site: Site;
let folder: WorkspaceFolder;
beforeEach(async () => {
  site = await openSite();
  folder = await workspaceFolder();
});
afterEach(async () => {
  closeSite(site);
  await folder.remove();
});

const request = (input: JsonObject, { signal, networks = ['127.0.0.1/32'] }: { signal?: AbortSignal; networks?: string[] } = {}) =>
  runTool<JsonObject>(httpRequest(addressCheck(networks), folder.workspace), input as Json, signal ? { signal } : {});

const names = () => readdir(folder.at('.'), { recursive: true });

/** A server that answers whoever connects with the same bytes, which need be no HTTP. */
async function rawSite(answer: (socket: Socket) => void): Promise<{ origin: string; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => answer(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe('a server', () => {
  test.each<[string, string]>([
    ['that speaks something else', '220 mail.example ESMTP\r\n'],
    ['that says nothing', ''],
    ['that breaks off in the headers', 'HTTP/1.1 200 OK\r\nContent-Len'],
    ['that announces more than it sends', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'],
    ['that announces a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\nabc'],
    ['that announces two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
    ['that sends chunks that are none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n'],
    ['that never ends its headers', `HTTP/1.1 200 OK\r\n${'X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(100_000)}`],
    ['that sends one header without end', `HTTP/1.1 200 OK\r\nX-Long: ${'a'.repeat(2_000_000)}`],
    ['that says it is packed and is not', 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc'],
  ])('%s fails the attempt, and the message names it', async (_what, bytes) => {
    const raw = await rawSite((socket) => socket.end(bytes));
    try {
      await expect(request({ url: raw.origin })).rejects.toMatchObject({
        code: 'tool_error',
        retryable: true,
        message: expect.stringContaining(raw.origin),
      });
    } finally {
      raw.close();
    }
  });

  test('that sends more than it announced is read as far as announced', async () => {
    const raw = await rawSite((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef'));
    try {
      expect(await request({ url: raw.origin })).toMatchObject({ body: 'abc' });
    } finally {
      raw.close();
    }
  });

  test('that closes the connection while nobody reads yet ends nothing but its answer', async () => {
    const body = 'x'.repeat(900_000);
    for (const framing of [`Content-Length: ${body.length}\r\n`, '', `Content-Length: ${body.length + 1}\r\n`]) {
      const raw = await rawSite((socket) => socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n${framing}\r\n${body}`));
      try {
        const answer = request({ url: raw.origin, saveTo: 'a/deep/folder/data', overwrite: true });
        if (framing.includes(`${body.length + 1}`)) await expect(answer).rejects.toMatchObject({ code: 'tool_error' });
        else expect(await answer).toMatchObject({ file: { bytes: body.length } });
      } finally {
        raw.close();
      }
    }
  });

  test('that sends byte after byte is left when the step is aborted', async () => {
    const controller = new AbortController();
    let sent = 0;
    const raw = await rawSite((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n');
      const drip = setInterval(() => {
        socket.write('x');
        if (++sent === 5) controller.abort();
      }, 5);
      socket.once('close', () => clearInterval(drip));
    });
    try {
      await expect(request({ url: raw.origin }, { signal: controller.signal })).rejects.toMatchObject({ code: 'aborted' });
    } finally {
      raw.close();
    }
  });

  const zeros = Buffer.alloc(30_000_000);
  test.each<[string, () => Buffer, string]>([
    ['gzip', () => gzipSync(zeros), 'gzip'],
    ['deflate', () => deflateSync(zeros), 'deflate'],
    ['brotli', () => brotliCompressSync(zeros), 'br'],
    ['gzip in gzip', () => gzipSync(gzipSync(zeros)), 'gzip, gzip'],
  ])('whose answer is huge once it is unpacked is not unpacked to its end: %s', async (_what, packed, encoding) => {
    const body = packed();
    expect(body.length).toBeLessThan(100_000);
    site.routes.set('/', (_request, response) => response.writeHead(200, { 'content-encoding': encoding }).end(body));
    await expect(request({ url: site.origin })).rejects.toMatchObject({
      code: 'output_too_large',
      retryable: false,
      message: expect.stringContaining('1000000 bytes'),
    });
  });

  test('whose answer is packed more often than anybody needs is refused', async () => {
    const encoding = Array.from({ length: 50 }, () => 'gzip').join(', ');
    site.routes.set('/', (_request, response) => response.writeHead(200, { 'content-encoding': encoding }).end('x'));
    await expect(request({ url: site.origin })).rejects.toMatchObject({ code: 'tool_error' });
  });
});

describe('a URL that looks like another one', () => {
  test.each([
    'http://example.com@127.0.0.1:PORT/',
    'http://example.com%40127.0.0.1:PORT/',
    'http://example.com:80@127.0.0.1:PORT/',
    'http://127.0.0.1:PORT\\@example.com/',
    'http:\\\\127.0.0.1:PORT/',
    'http:127.0.0.1:PORT/',
    'http:///127.0.0.1:PORT/',
    'http://127.0.0.1:PORT#@example.com/',
    'http://127.0.0.1:PORT?@example.com/',
    'http://127。0。0。1:PORT/',
    'http://①②⑦.0.0.1:PORT/',
    'http://127.0.0.1%2F:PORT/',
    'http://[::ffff:127.0.0.1%25lo]:PORT/',
    'http://0x7f.1:PORT/',
    'http://017700000001:PORT/',
    'http://[64:ff9b:1::7f00:1]:PORT/',
    'http://[2002:7f00:1::]:PORT/',
    'http://localhost.:PORT/',
    'http://localhost%00.example.com:PORT/',
    'http://127.0.0.1:PORT\t/',
    'http://169.254.169.254./',
    'http://[fe80::1]:PORT/',
    'http://[::ffff:a9fe:a9fe]/',
  ])('%s reaches no private address', async (url) => {
    site.routes.set('/', (_request, response) => response.end('reached'));
    const given = url.replace('PORT', new URL(site.origin).port);
    await expect(request({ url: given }, { networks: [] })).rejects.toMatchObject({
      code: expect.stringMatching(/invalid_input|tool_error/),
    });
    expect(site.seen).toEqual([]);
  });

  test('is not followed either, from hop to hop', async () => {
    const port = new URL(site.origin).port;
    for (const location of ['http://localhost:PORT/in', '//0x7f.2:PORT/in', 'http:\\\\127.0.0.3:PORT/in', 'http://[::1]:PORT/in']) {
      site.routes.set('/out', (_request, response) => response.writeHead(302, { location: location.replace('PORT', port) }).end());
      site.routes.set('/in', (_request, response) => response.end('reached'));
      // Only 127.0.0.1 is allowed; what `localhost` stands for first may be that very address.
      const answer = await request({ url: `${site.origin}/out` }).catch((error: { code: string }) => error);
      if (!location.includes('localhost')) expect(answer).toMatchObject({ code: 'invalid_input' });
    }
  });
});

describe('an answer goes into a file where one is named', () => {
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const serve = (bytes: Uint8Array, status = 200) => {
    site.routes.set('/', (_request, response) => response.writeHead(status, { 'content-type': 'application/octet-stream' }).end(bytes));
  };

  test('byte by byte, however large, and the output says what it is', async () => {
    const bytes = Buffer.alloc(5_000_000, 'ab\xff');
    serve(bytes);
    const output = await request({ url: site.origin, saveTo: 'deep/new/data.bin' });
    expect(output).toEqual({
      status: 200,
      url: `${site.origin}/`,
      headers: expect.objectContaining({ 'content-type': 'application/octet-stream' }),
      file: { path: 'deep/new/data.bin', bytes: 5_000_000, sha256: sha256(bytes) },
    });
    expect((await readFile(folder.at('deep/new/data.bin'))).equals(bytes)).toBe(true);
    expect(await readdir(folder.at('deep/new'))).toEqual(['data.bin']);
  });

  test('unpacked, and whatever the status', async () => {
    site.routes.set('/', (_request, response) => response.writeHead(404, { 'content-encoding': 'gzip' }).end(gzipSync('not here')));
    expect(await request({ url: site.origin, saveTo: 'answer' })).toMatchObject({ status: 404, file: { bytes: 8 } });
    expect(await readFile(folder.at('answer'), 'utf8')).toBe('not here');
  });

  test('of another content only where it may be replaced; of the same content in any case', async () => {
    await folder.write({ data: 'old' });
    serve(Buffer.from('new'));
    await expect(request({ url: site.origin, saveTo: 'data' })).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('overwrite: true'),
    });
    expect(await readFile(folder.at('data'), 'utf8')).toBe('old');
    await request({ url: site.origin, saveTo: 'data', overwrite: true });
    expect(await readFile(folder.at('data'), 'utf8')).toBe('new');
    expect(await request({ url: site.origin, saveTo: 'data' })).toMatchObject({ file: { bytes: 3 } });
  });

  test('and nothing is sent that changes something while its answer could not be kept', async () => {
    await folder.write({ data: 'old' });
    serve(Buffer.from('new'));
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
      await expect(request({ url: site.origin, method, saveTo: 'data' })).rejects.toMatchObject({ code: 'invalid_input' });
    expect(site.seen).toEqual([]);
  });

  test.each([['../x'], ['.git/hooks/pre-commit'], ['folder'], ['out/x'], ['x'.repeat(300)], ['new/']])('but not at %s', async (saveTo) => {
    await mkdir(folder.at('folder'));
    await symlink('/tmp', folder.at('out'));
    serve(Buffer.from('new'));
    await expect(request({ url: site.origin, saveTo, overwrite: true })).rejects.toMatchObject({ code: 'invalid_input' });
    expect(site.seen).toEqual([]);
  });

  test.each<[string, (response: ServerResponse, abort: () => void) => void, string]>([
    ['breaks off', (response) => setImmediate(() => response.destroy()), 'tool_error'],
    ['is not waited for any longer', (_response, abort) => setImmediate(abort), 'aborted'],
  ])('of which nothing is left when the answer %s', async (_what, then, code) => {
    const controller = new AbortController();
    site.routes.set('/', (_request, response) => {
      response.writeHead(200, { 'content-length': '1000000' });
      response.write('x'.repeat(100_000), () => then(response, () => controller.abort()));
    });
    await expect(request({ url: site.origin, saveTo: 'data' }, { signal: controller.signal })).rejects.toMatchObject({ code });
    expect(await names()).toEqual([]);
  });

  test('up to 100 MB, and what is larger is not read to its end', async () => {
    const piece = Buffer.alloc(1_000_000);
    const closed = new Promise((resolve) => {
      site.routes.set('/', (_request, response) => {
        response.once('close', resolve);
        const more = (): void => {
          while (!response.destroyed && response.write(piece));
          response.once('drain', more);
        };
        more();
      });
    });
    await expect(request({ url: site.origin, saveTo: 'data' })).rejects.toMatchObject({
      code: 'output_too_large',
      message: expect.stringContaining('100000000 bytes'),
    });
    await closed;
    expect(await names()).toEqual([]);
  });
});
