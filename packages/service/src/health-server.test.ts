import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readConfig } from './config.ts';
import { type Health, type HealthSettings, healthSettings, openHealth } from './health-server.ts';
import { createLogger } from './logger.ts';
import { Metrics } from './metrics.ts';
import { storeMeters, type WatchedStore } from './store-metrics.ts';

let lines: Record<string, unknown>[];
let draining: AbortController;
let store: WatchedStore;
const AWAY = { ready: false, reason: 'Redis does not answer' } as const;
let health: Health | null;
beforeEach(() => {
  lines = [];
  draining = new AbortController();
  store = { readiness: async () => ({ ready: true }), findings: () => [] };
  health = null;
});
afterEach(() => health?.close());

async function open(settings: HealthSettings = { HEALTH_PORT: 0, HEALTH_HOST: '127.0.0.1' }): Promise<string> {
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const metrics = new Metrics();
  const watched: WatchedStore = { readiness: () => store.readiness(), findings: () => store.findings() };
  storeMeters(metrics).watch(watched);
  const logger = createLogger({ service: 'probe', destination });
  health = await openHealth(settings, { metrics, logger, draining: draining.signal, store: watched });
  return String(lines.find(({ message }) => message === 'can be watched')?.health);
}

const readiness = async (url: string) => {
  const response = await fetch(`${url}/readyz`);
  return [response.status, await response.json()];
};

describe('the port for those who watch', () => {
  test('says that the process lives from the moment it is open, and that it is ready once it does its work', async () => {
    const url = await open();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await readiness(url)).toEqual([503, { status: 'not ready', reason: 'starting' }]);
    health?.started();
    expect(await readiness(url)).toEqual([200, { status: 'ready' }]);
  });

  test('is not ready while Redis does not answer, and again when it does', async () => {
    const url = await open();
    health?.started();
    store.readiness = async () => AWAY;
    expect(await readiness(url)).toEqual([503, { status: 'not ready', reason: 'Redis does not answer' }]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    store.readiness = async () => ({ ready: true });
    expect(await readiness(url)).toEqual([200, { status: 'ready' }]);
  });

  test('is not ready once the process was asked to end', async () => {
    const url = await open();
    health?.started();
    draining.abort();
    expect(await readiness(url)).toEqual([503, { status: 'not ready', reason: 'shutting down' }]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('shows the metrics, also while Redis is away, silent or unfit', async () => {
    const url = await open();
    const linesOf = async (name: string) =>
      (await (await fetch(`${url}/metrics`)).text()).split('\n').filter((line) => line.startsWith(name));
    const up = async () => (await linesOf('countersign_store_up'))[0];
    const unfit = async () => (await linesOf('countersign_store_unfit')).filter((line) => line.endsWith(' 1'));
    expect((await fetch(`${url}/metrics`)).headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await up()).toBe('countersign_store_up 1');
    expect(await unfit()).toEqual([]);
    expect(await linesOf('countersign_store_unfit')).toContain('countersign_store_unfit{finding="replaced"} 0');
    store.findings = () => [{ code: 'eviction' }];
    expect(await unfit()).toEqual(['countersign_store_unfit{finding="eviction"} 1']);
    store.findings = () => [{ code: 'replaced' }];
    expect(await unfit()).toEqual(['countersign_store_unfit{finding="replaced"} 1']);
    store.readiness = async () => AWAY;
    expect(await up()).toBe('countersign_store_up 0');
    store.readiness = () => new Promise(() => {});
    expect(await up()).toBe('countersign_store_up 0');
  });

  test('has nothing else, and changes nothing', async () => {
    const url = await open();
    for (const path of ['/', '/constructor', '/metrics/x', '//metrics']) expect((await fetch(url + path)).status, path).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405);
    const head = await fetch(`${url}/metrics?x=1`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect([head.headers.get('x-content-type-options'), head.headers.get('cache-control')]).toEqual(['nosniff', 'no-store']);
  });

  test('is not there without a port, and rejects where the port is taken', async () => {
    await open({ HEALTH_HOST: '127.0.0.1' });
    expect(lines).toEqual([]);
    const other = createServer().listen(0, '127.0.0.1');
    await expect.poll(() => other.listening).toBe(true);
    const { port } = other.address() as AddressInfo;
    await expect(open({ HEALTH_PORT: port, HEALTH_HOST: '127.0.0.1' })).rejects.toThrow('EADDRINUSE');
    other.close();
  });
});

test('the settings: no port unless one is named', () => {
  const read = (env: Record<string, string>) => readConfig(z.object(healthSettings), env);
  expect(read({})).toEqual({ ok: true, config: { HEALTH_HOST: '127.0.0.1' } });
  expect(read({ HEALTH_PORT: '0' })).toMatchObject({ config: { HEALTH_PORT: 0 } });
  expect(read({ HEALTH_PORT: '70000' })).toEqual({ ok: false, problems: ['HEALTH_PORT: is "70000"; must be 0 to 65535'] });
});
