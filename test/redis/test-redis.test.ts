import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { dockerAnswers } from './docker-engine.ts';
import { startTestRedis, useTestRedis } from './test-redis.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function ask(url: string, command: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), new URL(url).hostname);
  socket.write(`${command}\r\n`);
  const [reply] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return reply.toString();
}

const redis = useTestRedis();

test.each([1, 2])('every test finds an empty Redis (%i)', async () => {
  expect(await ask(redis.url, 'DBSIZE')).toBe(':0\r\n');
  expect(await ask(redis.url, 'SET left over')).toBe('+OK\r\n');
});

test('it keeps an append-only file and never evicts', async () => {
  expect(await ask(redis.url, 'CONFIG GET appendonly')).toContain('yes');
  expect(await ask(redis.url, 'CONFIG GET maxmemory-policy')).toContain('noeviction');
});

test('two are two, and a stopped one is gone', async () => {
  const other = await startTestRedis();
  expect(other.url).not.toBe(redis.url);
  await other.stop();
  await expect(ask(other.url, 'PING')).rejects.toThrow(/ECONNREFUSED|closed/);
});

test('an engine that does not answer, or refuses, is no engine', async () => {
  expect(await dockerAnswers('unix:///nowhere/docker.sock')).toBe(false);
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/_ping' ? 200 : 404;
    response.end('OK');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => server.close());
  const { port } = server.address() as { port: number };
  expect(await dockerAnswers(`tcp://127.0.0.1:${port}`)).toBe(true);
  server.removeAllListeners('request');
  server.on('request', (_request, response) => {
    response.statusCode = 503;
    response.end();
  });
  expect(await dockerAnswers(`tcp://127.0.0.1:${port}`)).toBe(false);
});
