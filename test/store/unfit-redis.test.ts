/** A Redis that is not, or is no longer, as it must be: what is said of it at the start, and while it is used. */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedRedis, StoreUnavailableError, startEmbeddedRedis } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { removeFolder } from '../remove-folder.ts';
import { ANN, createPlan, planOf, requestOf, stepsNamed } from './sharded-store.ts';
import { codesOf, openWatched, prepareStore, type WatchedOptions, type WatchedStore } from './watched-store.ts';

const READY = { ready: true };
const LIMIT = { timeout: 10_000 };

let server: EmbeddedRedis;
let redis: Redis;
const cleanUps: (() => unknown)[] = [];
beforeAll(async () => {
  server = await startEmbeddedRedis();
  redis = new Redis(server.url);
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function prepare(url = server.url, options?: WatchedOptions): Promise<WatchedStore> {
  const store = await prepareStore(url, options);
  cleanUps.push(() => store.close());
  return store;
}

const createTask = (store: WatchedStore) => store.createTask({ request: requestOf('look'), actor: ANN });

describe('settings that are changed while it is used', () => {
  test.each([
    ['eviction', { 'maxmemory-policy': 'allkeys-lru' }, { 'maxmemory-policy': 'noeviction' }, 'error'],
    ['persistence', { appendonly: 'no' }, { appendonly: 'yes' }, 'warn'],
    ['memory', { maxmemory: '1mb' }, { maxmemory: '0' }, 'warn'],
  ])('%s: said once, shown, and said once more when it is put right; work goes on', async (code, wrong, right, level) => {
    const store = await prepare();
    store.said.length = 0;
    await redis.config('SET', ...Object.entries(wrong).flat());
    await expect.poll(() => codesOf(store), LIMIT).toEqual([code]);
    expect(store.said).toEqual([expect.stringContaining(`${level} (${code}): Redis `)]);
    expect(await store.readiness()).toEqual(READY);
    if (code !== 'memory') expect(await createTask(store)).toMatchObject({ ok: true });
    await redis.config('SET', ...Object.entries(right).flat());
    await expect.poll(() => codesOf(store), LIMIT).toEqual([]);
    expect(store.said).toEqual([expect.anything(), expect.stringMatching(`^info \\(${code}\\): put right`)]);
  });

  test('what was there at the start is shown, and not said again', async () => {
    await redis.config('SET', 'appendonly', 'no');
    const store = await prepare();
    expect(codesOf(store)).toEqual(['persistence']);
    await redis.config('SET', 'maxmemory-policy', 'volatile-lru');
    await expect.poll(() => codesOf(store), LIMIT).toEqual(['eviction', 'persistence']);
    await redis.config('SET', 'maxmemory-policy', 'noeviction', 'appendonly', 'yes');
    await expect.poll(() => codesOf(store), LIMIT).toEqual([]);
    expect(store.said.filter((line) => line.startsWith('warn (persistence)'))).toHaveLength(1);
  });
});

test('a primary that becomes a replica: not ready while it is one, and nothing is written', async () => {
  const store = await prepare();
  await redis.replicaof('127.0.0.1', 1);
  await expect.poll(() => store.readiness(), LIMIT).toMatchObject({ ready: false, reason: expect.stringContaining('read-only replica') });
  expect(codesOf(store)).toEqual(['replica']);
  await expect(createTask(store)).rejects.toThrow(StoreUnavailableError);
  await redis.replicaof('NO', 'ONE');
  await expect.poll(() => store.readiness(), LIMIT).toEqual(READY);
  expect(await createTask(store)).toMatchObject({ ok: true });
});

describe('an append-only file that cannot be written', () => {
  const BYTES = 65_536;
  let folder: string;
  let full: EmbeddedRedis;
  let client: Redis;

  const setLimit = (limit: string): void => void execFileSync('prlimit', ['--pid', String(full.pid), `--fsize=${limit}:unlimited`]);
  /** Fills what is left of the file, until Redis takes no more. */
  const fill = (): Promise<void> => expect.poll(() => client.set('{filler}', 'x'.repeat(BYTES)).catch(String), LIMIT).toContain('MISCONF');

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'countersign-test-'));
    const program = join(folder, 'redis-without-signal');
    // A file that has become too large is then told as a disk that is full would be: by an error of the write.
    writeFileSync(program, '#!/bin/sh\ntrap "" XFSZ\nexec "$(command -v redis-server || command -v valkey-server)" "$@"\n');
    chmodSync(program, 0o755);
    full = await startEmbeddedRedis({ program, settings: { 'auto-aof-rewrite-percentage': '0' } });
    client = new Redis(full.url);
  });
  afterAll(async () => {
    client?.disconnect();
    await full?.stop();
    removeFolder(folder);
  });

  test('while it is used: not ready, changes refused, and all is well once there is room', async () => {
    // So seldom that only the refusal gives it reason to look.
    const store = await prepare(full.url, { checkEveryMs: 600_000 });
    const id = await createPlan(store, { steps: stepsNamed('a') }, { quorum: 1 });
    setLimit(String(BYTES));
    await fill();
    await expect(createTask(store)).rejects.toThrow(StoreUnavailableError);
    await expect.poll(() => codesOf(store), LIMIT).toEqual(['write_errors']);
    expect(await store.readiness()).toMatchObject({
      ready: false,
      code: 'store_unavailable',
      reason: expect.stringContaining('make room'),
    });
    expect((await planOf(store, id)).status).toBe('pending_approval');
    setLimit('unlimited');
    await expect.poll(() => store.readiness(), LIMIT).toEqual(READY);
    expect(await createTask(store)).toMatchObject({ ok: true });
    expect(store.said.filter((line) => line.startsWith('error (write_errors)'))).toHaveLength(1);
  });

  test('at the start: waited for, and not ready meanwhile', async () => {
    setLimit(String(BYTES));
    await fill();
    const { store, prepared } = openWatched(full.url);
    cleanUps.push(() => store.close());
    await expect.poll(() => store.readiness(), LIMIT).toMatchObject({ ready: false, reason: expect.stringContaining('make room') });
    await expect.poll(() => store.said, LIMIT).toContainEqual(expect.stringMatching(/^error \(write_errors\): .*: waiting for it$/));
    setLimit('unlimited');
    expect(await prepared).toEqual({ ok: true });
    expect(await store.readiness()).toEqual(READY);
  });
});

test('a Redis that reads its file: waited for at the start, and never taken for an emptied one', async () => {
  const first = await startEmbeddedRedis();
  cleanUps.push(() => first.stop());
  const running = await prepare(first.url, { commandTimeoutMs: 200 });
  await createTask(running);
  await first.kill();
  const keyDelay = { 'key-load-delay': '100000' };
  const starting = startEmbeddedRedis({ port: first.port, dataDir: first.dataDir, settings: keyDelay });
  const { store, prepared } = openWatched(first.url);
  cleanUps.push(() => store.close());
  const seen = new Set<string>();
  const look = async (): Promise<boolean> => {
    const readiness = await running.readiness();
    seen.add(readiness.ready ? 'ready' : readiness.code);
    return readiness.ready;
  };
  await expect.poll(look, { timeout: 20_000, interval: 5 }).toBe(true);
  const again = await starting;
  cleanUps.push(() => again.stop());
  expect(await prepared).toEqual({ ok: true });
  expect([...seen].sort()).toEqual(['ready', 'store_unavailable']);
  expect((await store.listTasks({ limit: 10 })).items).toHaveLength(1);
});
