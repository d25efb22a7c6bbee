import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { removeFolder } from '../../../test/remove-folder.ts';
import { type ChildService, keepRunning } from './child-service.ts';

const services: ChildService[] = [];
const folders: string[] = [];
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()));
  for (const folder of folders.splice(0)) removeFolder(folder);
});

function keep(program: string) {
  const folder = mkdtempSync(join(tmpdir(), 'child-service-test-'));
  folders.push(folder);
  const main = join(folder, 'main.mjs');
  const logFile = join(folder, 'service.log');
  writeFileSync(main, program);
  const notes: string[] = [];
  const failures: Error[] = [];
  const service = keepRunning({
    name: 'probe',
    main,
    env: process.env,
    folder,
    logFile,
    stopLimitMs: 35_000,
    note: (line) => notes.push(line),
    gaveUp: (error) => failures.push(error),
  });
  services.push(service);
  const logs = (text: string) => vi.waitFor(() => expect(readFileSync(logFile, 'utf8')).toContain(text), { timeout: 20_000, interval: 20 });
  return { service, notes, failures, logs, logFile };
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

// It says that it is up once it listens, and not before.
const SERVICE = `process.on('SIGTERM', () => { console.log('bye'); process.exit(0); }); setInterval(() => {}, 1000); console.log('up ' + process.pid);`;

test('a service that is killed is started again and says so', async () => {
  const { service, notes, logs } = keep(SERVICE);
  const first = service.pid();
  expect(first).not.toBeNull();
  await logs(`up ${first}`);
  process.kill(first ?? 0, 'SIGKILL');
  await vi.waitFor(() => expect(service.pid()).not.toBe(first), { timeout: 20_000, interval: 10 });
  await vi.waitFor(() => expect(service.pid()).not.toBeNull(), { timeout: 20_000, interval: 10 });
  await logs(`up ${service.pid()}`);
  expect(notes).toEqual([expect.stringMatching(/^probe was killed by SIGKILL; starting it again in 250 ms \(its log: .*service\.log\)$/)]);
});

test('stop is a SIGTERM, and afterwards the process is gone and stays away', async () => {
  const { service, notes, logs } = keep(SERVICE);
  const pid = service.pid() ?? 0;
  await logs('up');
  await service.stop();
  await logs('bye');
  expect(isAlive(pid)).toBe(false);
  expect(service.pid()).toBeNull();
  expect(notes).toEqual([]);
});

test('a service that dies again and again waits longer each time', async () => {
  const { notes } = keep('process.exit(1)');
  await vi.waitFor(() => expect(notes.length).toBeGreaterThanOrEqual(3), { timeout: 20_000, interval: 20 });
  expect(notes.slice(0, 3).map((note) => /in (\d+) ms/.exec(note)?.[1])).toEqual(['250', '500', '1000']);
});

test('a service that cannot use its configuration is not started again, and its own words are passed on', async () => {
  const { service, failures, notes } = keep(`console.error('PORT: is "many"; must be a number'); process.exit(78)`);
  await vi.waitFor(() => expect(failures).toHaveLength(1), { timeout: 20_000, interval: 20 });
  expect(failures[0]?.message).toBe('probe cannot use its configuration:\nPORT: is "many"; must be a number');
  expect([service.pid(), notes]).toEqual([null, []]);
});
