import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { guardedPost } from './guarded-post.ts';
import { addressCheck } from './network-guard.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/path?token=t0ken`;
}

const post = (url: string, timeoutMs = 10_000, allowed: readonly string[] = ['127.0.0.1/32']) =>
  guardedPost(addressCheck(allowed))({ url, headers: { 'x-test': '1' }, body: 'hello', timeoutMs });

test('sends it once, to where it says, and gives the status', async () => {
  const came: string[] = [];
  const url = await serve(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    came.push(`${request.method} ${request.url} ${request.headers['x-test']} ${body}`);
    response.writeHead(503, { 'Retry-After': '7' }).end();
  });
  expect(await post(url)).toEqual({ ok: true, status: 503, retryAfter: '7' });
  expect(came).toEqual(['POST /path?token=t0ken 1 hello']);
});

test('does not go where a redirect points', async () => {
  const paths: (string | undefined)[] = [];
  const url = await serve((request, response) => {
    paths.push(request.url);
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  expect(await post(url)).toMatchObject({ status: 307 });
  expect(paths).toEqual(['/path?token=t0ken']);
});

test('an answer without an end is let go of once it is too long', async () => {
  let ended = false;
  const url = await serve((_, response) => {
    response.on('close', () => {
      ended = true;
    });
    response.writeHead(200);
    const more = (): void => {
      while (!ended && response.write('x'.repeat(16_384)));
    };
    response.on('drain', more);
    more();
  });
  expect(await post(url, 60_000)).toMatchObject({ ok: true, status: 200 });
  await expect.poll(() => ended).toBe(true);
});

test('an answer that stops in its middle was an answer', async () => {
  const url = await serve((_, response) => void response.writeHead(202).write('and'));
  expect(await post(url, 200)).toMatchObject({ ok: true, status: 202 });
});

test('no answer is one in words, without the path', async () => {
  const url = await serve(() => {});
  expect(await post(url, 50)).toEqual({ ok: false, error: 'no answer within 50 ms' });
});

test('a private address is not connected to', async () => {
  let connected = false;
  const url = await serve(() => {
    connected = true;
  });
  for (const target of [url, url.replace('127.0.0.1', 'localhost')]) {
    const outcome = await post(target, 10_000, []);
    expect(outcome).toMatchObject({ ok: false, error: expect.stringContaining('is not a public address') });
    expect(JSON.stringify(outcome)).not.toContain('t0ken');
  }
  expect(connected).toBe(false);
});
