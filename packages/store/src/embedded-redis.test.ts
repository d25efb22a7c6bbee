import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, expect, test, vi } from 'vitest';
import { removeFolder } from '../../../test/remove-folder.ts';
import { type EmbeddedRedis, type EmbeddedRedisOptions, startEmbeddedRedis } from './embedded-redis.ts';
import { freePort } from './free-port.ts';
import { findRedisServer, requireRedisServer } from './redis-server-binary.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function start(options: EmbeddedRedisOptions = {}): Promise<EmbeddedRedis> {
  const redis = await startEmbeddedRedis(options);
  cleanUps.push(() => redis.stop());
  return redis;
}

function connect(redis: EmbeddedRedis): Redis {
  const client = new Redis(redis.url);
  client.on('error', () => {});
  cleanUps.push(() => client.disconnect());
  return client;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'embedded-redis-test-'));
  cleanUps.push(() => removeFolder(path));
  return path;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('two servers have their own ports and folders, persist, and never evict', async () => {
  const [one, two] = await Promise.all([start(), start()]);
  expect(one.port).not.toBe(two.port);
  expect(one.dataDir).not.toBe(two.dataDir);
  const client = connect(one);
  const settings = async (name: string) => Object.values((await client.config('GET', name)) as object).at(-1);
  expect(await settings('appendonly')).toBe('yes');
  expect(await settings('appendfsync')).toBe('everysec');
  expect(await settings('maxmemory-policy')).toBe('noeviction');
  expect(await settings('save')).toBe('');
  expect(await settings('bind')).toBe('127.0.0.1');
});

test('stop ends the process and removes its temporary folder, however often it is called', async () => {
  const redis = await start();
  await Promise.all([redis.stop(), redis.stop()]);
  expect(isAlive(redis.pid)).toBe(false);
  expect(existsSync(redis.dataDir)).toBe(false);
});

test('stop keeps a given folder, and starting on it again has the data', async () => {
  const dataDir = folder();
  const first = await start({ dataDir });
  await connect(first).set('kept', 'yes');
  await first.stop();
  const second = await start({ dataDir });
  expect(await connect(second).get('kept')).toBe('yes');
});

test('kill is a crash: starting again on the same folder and port has what was acknowledged', async () => {
  const dataDir = folder();
  const first = await start({ dataDir, appendfsync: 'always' });
  await connect(first).set('kept', 'yes');
  await first.kill();
  expect(isAlive(first.pid)).toBe(false);
  const second = await start({ dataDir, port: first.port });
  expect(second.port).toBe(first.port);
  expect(await connect(second).get('kept')).toBe('yes');
});

const increment = (dataDir: string): string => {
  const files = readdirSync(join(dataDir, 'appendonlydir')).filter((name) => name.endsWith('.incr.aof'));
  return join(dataDir, 'appendonlydir', files.at(-1) ?? '');
};

/** A server's folder after a crash, the file cut off in a script of five writes, so many bytes before its end. */
async function cutOff(bytes: number): Promise<string> {
  const dataDir = folder();
  const redis = await start({ dataDir, appendfsync: 'always' });
  const client = connect(redis);
  await client.set('before', 'yes');
  await client.eval("for i = 1, 5 do redis.call('SET', 'torn' .. i, 'no') end", 0);
  await redis.kill();
  const file = increment(dataDir);
  truncateSync(file, readFileSync(file).lastIndexOf('*1\r\n$4\r\nEXEC') - bytes);
  return dataDir;
}

test.each([0, 7, 35, 90])(
  'of a transaction that was cut off, %i bytes before its end, nothing is there at any later start',
  async (bytes) => {
    const dataDir = await cutOff(bytes);
    const second = await start({ dataDir, appendfsync: 'always' });
    await connect(second).eval("for i = 1, 5 do redis.call('SET', 'whole' .. i, 'yes') end", 0);
    await second.kill();
    const third = await start({ dataDir });
    expect((await connect(third).keys('*')).sort()).toEqual(['before', 'whole1', 'whole2', 'whole3', 'whole4', 'whole5']);
  },
);

test('a server that was killed while it rewrote a file that was cut off starts again, on its port too', async () => {
  const dataDir = await cutOff(0);
  // What a rewrite begins with: what is written from then on goes to a new increment.
  appendFileSync(join(dataDir, 'appendonlydir', 'appendonly.aof.manifest'), 'file appendonly.aof.2.incr.aof seq 2 type i\n');
  writeFileSync(join(dataDir, 'appendonlydir', 'appendonly.aof.2.incr.aof'), '*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$3\r\nyes\r\n');
  const redis = await start({ dataDir, port: await freePort() });
  expect((await connect(redis).keys('*')).sort()).toEqual(['after', 'before']);
});

test('a file that is damaged in its middle is refused, left as it is, and the error says what helps', async () => {
  const dataDir = await cutOff(0);
  const damaged = readFileSync(increment(dataDir));
  damaged.write('?', damaged.indexOf('*1\r\n$5\r\nMULTI'));
  writeFileSync(increment(dataDir), damaged);
  await expect(startEmbeddedRedis({ dataDir, port: await freePort() })).rejects.toThrow(
    /Bad file format[\s\S]*Copy \S+ away first[\s\S]*redis-check-aof --fix/,
  );
  expect(readFileSync(increment(dataDir))).toEqual(damaged);
});

test('with aof-load-truncated no a file that was cut off is refused with what helps, and without it is read', async () => {
  const dataDir = await cutOff(7);
  const settings = { 'aof-load-truncated': 'no' };
  await expect(startEmbeddedRedis({ dataDir, settings, port: await freePort() })).rejects.toThrow(
    /Unexpected end of file[\s\S]*redis-check-aof --fix/,
  );
  expect(await connect(await start({ dataDir })).keys('*')).toEqual(['before']);
});

test('a folder that another server works in is refused by name', async () => {
  const dataDir = folder();
  const first = await start({ dataDir });
  await expect(startEmbeddedRedis({ dataDir })).rejects.toThrow(`${dataDir} is in use by the Redis on 127.0.0.1:${first.port}`);
});

test('a port that is taken by another Redis is refused with the server’s reason', async () => {
  const first = await start();
  await expect(startEmbeddedRedis({ port: first.port })).rejects.toThrow(/did not start on 127\.0\.0\.1:\d+.*\n.*/);
});

test.each(['SIGKILL', 'SIGTERM', 'exit'] as const)(
  'the server and its temporary folder are gone after its parent went by %s',
  async (way) => {
    const built = new URL('../dist/index.js', import.meta.url).href;
    const script = `
    const { startEmbeddedRedis } = await import(${JSON.stringify(built)});
    const { pid, dataDir } = await startEmbeddedRedis();
    console.log(JSON.stringify({ pid, dataDir }));
    if (${way !== 'exit'}) setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    cleanUps.push(() => parent.kill('SIGKILL'));
    const exited = once(parent, 'exit');
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const { pid, dataDir } = JSON.parse(line.toString()) as { pid: number; dataDir: string };
    if (way !== 'exit') parent.kill(way);
    await exited;
    await vi.waitFor(() => expect([isAlive(pid), existsSync(dataDir)]).toEqual([false, false]), { timeout: 10_000, interval: 20 });
  },
);

test('the program is found in the order of the PATH, redis-server before valkey-server', () => {
  const [one, two] = [folder(), folder()];
  const place = (directory: string, name: string) => {
    writeFileSync(join(directory, name), '#!/bin/sh\n');
    chmodSync(join(directory, name), 0o755);
    return join(directory, name);
  };
  mkdirSync(join(one, 'redis-server'));
  const valkey = place(one, 'valkey-server');
  expect(findRedisServer(`${one}:${two}`)).toBe(valkey);
  const redis = place(two, 'redis-server');
  expect(findRedisServer(`${one}:${two}`)).toBe(redis);
  expect(findRedisServer('/nowhere')).toBe(null);
});

test('without a server and without a package manager one line says what to do', async () => {
  await expect(requireRedisServer(() => {}, folder())).rejects.toThrow(
    /^there is no redis-server or valkey-server on the PATH; install Redis 6\.2 or newer .* or set REDIS_URL$/,
  );
});
