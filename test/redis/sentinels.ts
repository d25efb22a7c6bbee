/** A primary, a replica and three Sentinels, each a process of its own on 127.0.0.1. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedRedis, freePort, type RedisTarget, startEmbeddedRedis } from '@countersign/store';
import { Redis } from 'ioredis';
import { expect, vi } from 'vitest';
import { removeFolder } from '../remove-folder.ts';

const PASSWORD = 'data';
const SENTINEL_PASSWORD = 'watch';
const LIMIT = { timeout: 30_000, interval: 50 };

export interface WatchedRedis {
  target: RedisTarget;
  /** for settings */
  env: Record<string, string>;
  primary: EmbeddedRedis;
  replica: EmbeddedRedis;
  /** Resolves once the replica has everything that was written so far. */
  caughtUp(): Promise<void>;
  /** The port of the server that the Sentinels call the primary. */
  primaryPort(): Promise<number>;
  stop(): Promise<void>;
}

const open = (port: number, password: string): Redis =>
  new Redis(port, '127.0.0.1', { password, retryStrategy: () => 50 }).on('error', () => {});

/** What a Sentinel is called; 40 hexadecimal digits. */
const idOf = (port: number): string => port.toString(16).padStart(40, '0');

interface Surroundings {
  primary: number;
  replica: number;
  ports: readonly number[];
}

/** It is told what it would find out by itself, some seconds later. */
async function startSentinel(folder: string, port: number, { primary, replica, ports }: Surroundings): Promise<ChildProcess> {
  const file = join(folder, `sentinel-${port}.conf`);
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `requirepass ${SENTINEL_PASSWORD}`,
    `sentinel sentinel-pass ${SENTINEL_PASSWORD}`,
    `sentinel monitor plans 127.0.0.1 ${primary} 2`,
    `sentinel auth-pass plans ${PASSWORD}`,
    'sentinel down-after-milliseconds plans 500',
    'sentinel failover-timeout plans 3000',
    `sentinel myid ${idOf(port)}`,
    `sentinel known-replica plans 127.0.0.1 ${replica}`,
    ...ports.filter((other) => other !== port).map((other) => `sentinel known-sentinel plans 127.0.0.1 ${other} ${idOf(other)}`),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  await once(child, 'spawn');
  return child;
}

async function startServer(): Promise<EmbeddedRedis> {
  const server = await startEmbeddedRedis({ settings: { masterauth: PASSWORD } });
  const admin = new Redis(server.url);
  await admin.config('SET', 'requirepass', PASSWORD);
  admin.disconnect();
  return server;
}

/** Resolves when all of them know each other, so that they can agree on a failover. */
export async function startWatchedRedis(): Promise<WatchedRedis> {
  const [primary, replica] = await Promise.all([startServer(), startServer()]);
  const folder = mkdtempSync(join(tmpdir(), 'countersign-sentinel-'));
  const first = open(primary.port, PASSWORD);
  const second = open(replica.port, PASSWORD);
  await second.replicaof('127.0.0.1', primary.port);
  await vi.waitFor(async () => expect(await second.info('replication')).toContain('master_link_status:up'), LIMIT);
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const children = await Promise.all(
    ports.map((port) => startSentinel(folder, port, { primary: primary.port, replica: replica.port, ports })),
  );
  const sentinels = ports.map((port) => open(port, SENTINEL_PASSWORD));
  const stop = async (): Promise<void> => {
    for (const client of [first, second, ...sentinels]) client.disconnect();
    for (const child of children) child.kill('SIGKILL');
    await Promise.all([primary.stop(), replica.stop()]);
    removeFolder(folder);
  };
  try {
    for (const sentinel of sentinels)
      await vi.waitFor(
        async () => expect(String(await sentinel.call('INFO', 'sentinel'))).toMatch(/status=ok,address=\S+,slaves=1,sentinels=3/),
        LIMIT,
      );
  } catch (error) {
    await stop();
    throw error;
  }
  const addresses = ports.map((port) => ({ host: '127.0.0.1', port }));
  return {
    primary,
    replica,
    target: {
      url: `redis://:${PASSWORD}@unused.invalid`,
      sentinels: { addresses, name: 'plans', password: SENTINEL_PASSWORD },
    },
    env: {
      REDIS_URL: `redis://:${PASSWORD}@unused.invalid`,
      REDIS_SENTINELS: addresses.map(({ host, port }) => `${host}:${port}`).join(','),
      REDIS_SENTINEL_NAME: 'plans',
      REDIS_SENTINEL_PASSWORD: SENTINEL_PASSWORD,
    },
    async caughtUp() {
      expect(await first.wait(1, 10_000)).toBe(1);
    },
    async primaryPort() {
      const reply = (await sentinels[0]?.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'plans')) as [string, string];
      return Number(reply[1]);
    },
    stop,
  };
}
