/** What the services make of the Redis that they find at their start. */
import { type EmbeddedRedis, startEmbeddedRedis } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, test } from 'vitest';
import { type ServiceName, type ServiceProcess, startService } from './processes.ts';

const SERVICES: ServiceName[] = ['api', 'planner', 'executor'];
const READY: Record<ServiceName, string> = { api: 'started', planner: 'waiting for tasks', executor: 'executor takes steps' };

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function redisWith(...settings: [string, string]): Promise<EmbeddedRedis> {
  const server = await startEmbeddedRedis();
  cleanUps.push(() => server.stop());
  const client = new Redis(server.url);
  await client.config('SET', ...settings);
  client.disconnect();
  return server;
}

function start(name: ServiceName, redisUrl: string): ServiceProcess {
  const service = startService(name, { REDIS_URL: redisUrl, PORT: '0', PLANNER: 'rules' });
  cleanUps.push(() => service.end('SIGKILL'));
  return service;
}

const says = (service: ServiceProcess, text: string) => service.logged(({ message }) => String(message).includes(text));

describe.each(SERVICES)('the %s', (name) => {
  test('does not start on a Redis that evicts: exit code 78, and a line that says what would be right', async () => {
    const { url } = await redisWith('maxmemory-policy', 'allkeys-lru');
    const service = start(name, url);
    expect(await service.ended()).toBe(78);
    const lines = service.log();
    const why = 'Redis has maxmemory-policy allkeys-lru: it would drop plans when memory runs short; set maxmemory-policy noeviction';
    expect(lines).toContainEqual(expect.objectContaining({ level: 'error', code: 'eviction', message: why }));
    // Lines without a level are those of stderr.
    expect(lines).toContainEqual({ message: `  REDIS_URL: ${why}` });
  });

  test('starts on a Redis without an append-only file, with a warning', async () => {
    const { url } = await redisWith('appendonly', 'no');
    const service = start(name, url);
    await says(service, READY[name]);
    expect(service.log()).toContainEqual(
      expect.objectContaining({ level: 'warn', code: 'persistence', message: expect.stringContaining('PLANS AND APPROVALS ARE LOST') }),
    );
  });

  test('waits for a Redis that is not there yet, says so, and starts when it is', async () => {
    const first = await startEmbeddedRedis();
    cleanUps.push(() => first.stop());
    const { url, port, dataDir } = first;
    await first.kill();
    const service = start(name, url);
    expect(await says(service, 'does not answer yet: waiting for it')).toMatchObject({ level: 'warn', redis: `127.0.0.1:${port}` });
    expect(service.log().map(({ message }) => message)).not.toContain(READY[name]);
    if (name === 'api') {
      const { url: api } = await service.logged((line) => line.message === 'listening');
      expect((await fetch(`${api}/healthz`)).status).toBe(200);
      expect((await fetch(`${api}/readyz`)).status).toBe(503);
    }
    const again = await startEmbeddedRedis({ port, dataDir });
    cleanUps.push(() => again.stop());
    await says(service, READY[name]);
    if (name === 'api') {
      const { url: api } = await service.logged((line) => line.message === 'listening');
      expect((await fetch(`${api}/readyz`)).status).toBe(200);
    }
  });

  test('ends in good order while it waits for Redis', async () => {
    const gone = await startEmbeddedRedis();
    await gone.stop();
    const service = start(name, gone.url);
    await says(service, 'does not answer yet: waiting for it');
    expect(await service.end('SIGTERM')).toBe(0);
    expect(service.log().filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });
});
