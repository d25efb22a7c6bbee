import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';

const PROBE = fileURLToPath(new URL('../test/fixtures/probe-service.mjs', import.meta.url));
const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

function probe(env: Record<string, string> = {}, args: string[] = []) {
  const child = spawn(process.execPath, [PROBE, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  running.add(child);
  const output = { out: '', err: '' };
  child.stdout?.on('data', (chunk) => {
    output.out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output.err += chunk;
  });
  const closed = once(child, 'close').then(([code]) => code as number | null);
  const says = (text: string) => vi.waitFor(() => expect(output.out).toContain(text), { timeout: 20_000, interval: 20 });
  return { child, output, closed, says };
}

const count = (text: string, part: string): number => text.split(part).length - 1;

test('SIGTERM: closes once and ends with 0', async () => {
  const service = probe();
  await service.says('"message":"started"');
  service.child.kill('SIGTERM');
  expect(await service.closed).toBe(0);
  expect(count(service.output.out, 'letting go')).toBe(1);
});

test('two signals in a moment (from a terminal and from npm) are one: closes once and ends with 0', async () => {
  const service = probe({ CLOSE: 'slow' });
  await service.says('"message":"started"');
  // Two of the same kind may arrive as one.
  service.child.kill('SIGINT');
  service.child.kill('SIGTERM');
  expect(await service.closed).toBe(0);
  expect(count(service.output.out, 'letting go')).toBe(1);
});

test('a later second signal ends a close that hangs at once', async () => {
  const service = probe({ CLOSE: 'never' });
  await service.says('"message":"started"');
  service.child.kill('SIGTERM');
  await service.says('letting go');
  const again = setInterval(() => service.child.kill('SIGTERM'), 200);
  expect(await service.closed).toBe(143);
  clearInterval(again);
});

test('a signal during the start aborts it, then closes', async () => {
  const service = probe({ START: 'until-aborted' });
  await service.says('starting slowly');
  service.child.kill('SIGTERM');
  expect(await service.closed).toBe(0);
  expect(service.output.out).toContain('letting go');
  expect(service.output.out).not.toContain('"message":"started"');
});

test('the parent going away closes the service', async () => {
  const service = probe();
  await service.says('"message":"started"');
  // Without its channel a child process gives 'exit' only.
  const exited = once(service.child, 'exit');
  service.child.disconnect();
  expect(await exited).toEqual([0, null]);
});

test('a close that fails ends with 1 and says why', async () => {
  const service = probe({ CLOSE: 'fail' });
  await service.says('"message":"started"');
  service.child.kill('SIGTERM');
  expect(await service.closed).toBe(1);
  expect(service.output.out).toContain('stuck');
});

test('a start that fails ends with 1 and says why', async () => {
  const service = probe({ START: 'fail' });
  expect(await service.closed).toBe(1);
  expect(service.output.out).toContain('no such luck');
});

test.each([
  ['reject', 'nobody listens'],
  ['throw', 'nobody catches'],
])('an unhandled %s is logged and ends with 1', async (LATER, message) => {
  const service = probe({ LATER });
  expect(await service.closed).toBe(1);
  expect(service.output.out).toContain(message);
});

test('whose log nobody reads any more ends all the same', async () => {
  const service = probe({ LATER: 'throw-when-told' });
  await service.says('"message":"started"');
  service.child.stdout?.destroy();
  const exited = once(service.child, 'exit');
  service.child.send('now');
  expect(await exited).toEqual([1, null]);
});

test('what is logged last is written, also where the log is read slowly', async () => {
  const service = probe({ LATER: 'throw-when-told' });
  await service.says('"message":"started"');
  service.child.stdout?.pause();
  service.child.send('now');
  await once(service.child, 'exit');
  service.child.stdout?.resume();
  await service.closed;
  expect(service.output.out).toContain('nobody catches');
});

test('a configuration that cannot be used ends with 78 and names every problem, LOG_LEVEL included', async () => {
  const service = probe({ START: 'perhaps', LOG_LEVEL: 'loud' });
  expect(await service.closed).toBe(78);
  expect(service.output.err).toContain('START: is "perhaps"; must be one of ok, fail, until-aborted');
  expect(service.output.err).toContain('LOG_LEVEL: is "loud"; must be one of');
});

test('--print-config prints the settings with secrets masked and starts nothing', async () => {
  const service = probe({ API_KEYS: 'ann:admin:hunter2' }, ['--print-config']);
  expect(await service.closed).toBe(0);
  expect(JSON.parse(service.output.out)).toEqual({
    LOG_LEVEL: 'info',
    START: 'ok',
    CLOSE: 'ok',
    LATER: 'nothing',
    CLOSE_LIMIT_MS: 30_000,
    API_KEYS: '***',
  });
});

test('a variable that is nearly a setting is a warning, in the log and beside a printed configuration', async () => {
  const service = probe({ API_KEY: 'ann:admin:hunter2' });
  await service.says('API_KEY is not a setting; did you mean API_KEYS?');
  expect(service.output.out).not.toContain('hunter2');
  const printed = probe({ API_KEY: 'x' }, ['--print-config']);
  expect(await printed.closed).toBe(0);
  expect(printed.output.err).toContain('probe: API_KEY is not a setting; did you mean API_KEYS?');
  expect(JSON.parse(printed.output.out)).toMatchObject({ START: 'ok' });
});

test('a close may take as long as the service says', async () => {
  const service = probe({ CLOSE: 'never', CLOSE_LIMIT_MS: '50' });
  await service.says('"message":"started"');
  service.child.kill('SIGTERM');
  expect(await service.closed).toBe(1);
  expect(service.output.out).toContain('closing took too long');
});
