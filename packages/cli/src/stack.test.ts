/** The built command, as a person runs it: in a folder of its own, with real processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { removeFolder } from '../../../test/remove-folder.ts';

const BIN = fileURLToPath(new URL('../dist/bin.js', import.meta.url));
const WITHIN = { timeout: 40_000, interval: 50 };
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A workspace with two files, and a place for temporary folders whose content shows what was left behind. */
function place() {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-cli-test-'));
  cleanUps.push(() => removeFolder(folder));
  const root = join(folder, 'workspace');
  const temporary = join(folder, 'tmp');
  for (const path of [root, temporary]) mkdirSync(path);
  writeFileSync(join(root, 'one.ts'), 'export function one(): number {\n  return 1;\n}\n');
  writeFileSync(join(root, 'readme.md'), '# Two\n');
  return { root, temporary };
}

function run(args: string[], options: { root: string; temporary: string; env?: Record<string, string> }) {
  // Only what the command needs: settings of whoever runs the tests must not change what it does.
  const env = { PATH: process.env.PATH, INIT_CWD: options.root, TMPDIR: options.temporary, ...options.env };
  const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  cleanUps.push(() => end(child));
  const output = { text: '' };
  const collect = (chunk: Buffer) => {
    output.text += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const says = (text: string | RegExp) => vi.waitFor(() => expect(output.text).toMatch(text), WITHIN);
  return { child, output, exited, says };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** The processes that wrote the services' logs. */
const pidsIn = (logDir: string): number[] => {
  const texts = readdirSync(logDir).map((file) => readFileSync(join(logDir, file), 'utf8'));
  return [...new Set(texts.flatMap((text) => [...text.matchAll(/"pid":(\d+),/g)].map((match) => Number(match[1]))))];
};

const alive = (logDir: string): number[] => pidsIn(logDir).filter(isAlive);
const urlIn = (text: string): string => /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0] ?? 'no url';

test('two demos next to each other: one plans, approves as its own actor, runs and reports, the other says why there is no plan, and nothing is left behind', async () => {
  const [good, bad] = [place(), place()];
  const demo = run(['demo'], good);
  const senseless = run(['demo', 'Compose', 'a', 'symphony', 'for', 'seven', 'whales'], bad);
  expect(await demo.exited, demo.output.text).toBe(0);
  const { text } = demo.output;
  expect(text).toContain('There is no terminal to ask on: approved as demo');
  expect(text).toMatch(/Effects: \d+ reads, 1 write, 0 destructive\nDigest: {2}sha256:[0-9a-f]{64}\n/);
  expect(text).toMatch(/Plan completed in .*: (\d+) of \1 steps completed\n/);
  const report = join(good.root, '.countersign', 'audit.md');
  expect(text).toContain(`Written: ${report}`);
  expect(readFileSync(report, 'utf8')).toMatch(/^# /);
  expect(readFileSync(join(good.root, '.countersign', '.gitignore'), 'utf8')).toBe('*\n');

  const logDir = join(good.root, '.countersign', 'demo-logs');
  expect(pidsIn(logDir)).toHaveLength(4);
  expect(alive(logDir)).toEqual([]);
  expect(readdirSync(good.temporary)).toEqual([]);
  expect(readdirSync(good.root).sort()).toEqual(['.countersign', 'one.ts', 'readme.md']);

  expect(await senseless.exited, senseless.output.text).toBe(1);
  expect(senseless.output.text).toContain('Task: Compose a symphony for seven whales\n');
  expect(senseless.output.text).toMatch(/There is no plan: \S+/);
  expect(alive(join(bad.root, '.countersign', 'demo-logs'))).toEqual([]);
  expect(readdirSync(bad.temporary)).toEqual([]);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends the demo and everything that it started', async (signal, code) => {
  const { root, temporary } = place();
  const demo = run(['demo'], { root, temporary });
  await demo.says('Task: ');
  demo.child.kill(signal);
  expect(await demo.exited, demo.output.text).toBe(code);
  expect(alive(join(root, '.countersign', 'demo-logs'))).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
});

test('start keeps its data: SIGTERM ends the services and Redis last, with 0, and when the command itself is killed they go, too', async () => {
  const { root, temporary } = place();
  const env = { PORT: '0', EXECUTORS: '1' };
  const first = run(['start'], { root, temporary, env });
  await first.says(/Logs {7}\S+/);
  const body = JSON.stringify({ objective: 'kept', steps: [{ id: 'a', tool: 'wait', input: { ms: 1 } }] });
  const created = await fetch(`${urlIn(first.output.text)}/v1/plans`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  });
  expect(created.status, await created.text()).toBe(201);
  first.child.kill('SIGTERM');
  expect(await first.exited, first.output.text).toBe(0);
  const logDir = join(root, '.countersign', 'logs');
  expect(alive(logDir)).toEqual([]);
  expect(existsSync(join(root, '.countersign', 'redis', 'redis.lock'))).toBe(false);

  const second = run(['start'], { root, temporary, env });
  await second.says(/Logs {7}\S+/);
  const listed = (await (await fetch(`${urlIn(second.output.text)}/v1/plans`)).json()) as { items: { objective: string }[] };
  expect(listed.items.map(({ objective }) => objective)).toEqual(['kept']);

  const [, redisPid = 0] = readFileSync(join(root, '.countersign', 'redis', 'redis.lock'), 'utf8')
    .split(' ')
    .map(Number);
  await vi.waitFor(() => expect(alive(logDir)).toHaveLength(3), WITHIN);
  second.child.kill('SIGKILL');
  await second.exited;
  await vi.waitFor(() => expect([alive(logDir), isAlive(redisPid)]).toEqual([[], false]), WITHIN);
});

test('relative paths begin where the command is run, secrets of steps go to executors alone, and what is killed is started again', async () => {
  const { root, temporary } = place();
  for (const folder of ['own-templates', 'own-tools', 'own-secrets', 'work']) mkdirSync(join(root, folder));
  const template = { description: 'x', parameters: { type: 'object' }, objective: 'x', steps: [{ id: 'a', tool: 'own.where' }] };
  writeFileSync(join(root, 'own-templates', 'look.json'), JSON.stringify(template));
  const tool = "export default { name: 'own.where', description: 'x', risk: 'read', inputSchema: { type: 'object' }, run: () => 'here' };";
  writeFileSync(join(root, 'own-tools', 'where.mjs'), tool);
  const env = {
    PORT: '0',
    EXECUTORS: '1',
    TEMPLATES_DIR: 'own-templates',
    TOOLS_DIR: './own-tools',
    WORKSPACE_ROOT: 'work',
    DATA_DIR: 'data',
    SECRETS_DIR: 'own-secrets',
    SECRET_OF_STEPS: 'a-value-for-tools',
  };
  writeFileSync(join(root, 'own-secrets', 'IN_A_FILE'), 'another-value');
  const stack = run(['start'], { root, temporary, env });
  await stack.says(/Logs {7}\S+/);
  expect(readdirSync(join(root, 'data')).sort()).toEqual(['logs', 'redis']);
  const logOf = (name: string): string => readFileSync(join(root, 'data', 'logs', `${name}.log`), 'utf8');
  expect(logOf('executor-1')).toContain('"names":["IN_A_FILE","OF_STEPS"]');
  const isGiven = (name: string): boolean => {
    const pid = /"pid":(\d+),/.exec(logOf(name))?.[1];
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes('SECRET_OF_STEPS=');
  };
  expect(['api', 'planner', 'executor-1'].map(isGiven)).toEqual([false, false, true]);
  const names = async (path: string): Promise<string[]> => {
    const { items } = (await (await fetch(`${urlIn(stack.output.text)}${path}`)).json()) as { items: { name: string }[] };
    return items.map(({ name }) => name);
  };
  expect(await names('/v1/templates')).toEqual(['look']);
  expect(await names('/v1/tools')).toContain('own.where');
  const steps = [{ id: 'a', tool: 'fs.write', input: { path: 'a.txt', text: 'a' } }];
  const body = JSON.stringify({ objective: 'x', steps, options: { autoApprove: true } });
  await fetch(`${urlIn(stack.output.text)}/v1/plans`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  await vi.waitFor(() => expect(existsSync(join(root, 'work', 'a.txt'))).toBe(true), WITHIN);

  const [, redisPid = 0] = readFileSync(join(root, 'data', 'redis', 'redis.lock'), 'utf8')
    .split(' ')
    .map(Number);
  process.kill(redisPid, 'SIGKILL');
  await stack.says('Redis has ended; starting it again');
  const apiPid = Number(/"pid":(\d+),/.exec(logOf('api'))?.[1]);
  process.kill(apiPid, 'SIGKILL');
  await stack.says('api was killed by SIGKILL; starting it again');
  await vi.waitFor(async () => expect((await fetch(`${urlIn(stack.output.text)}/readyz`)).status).toBe(200), WITHIN);
});

test('templates that are wrong end the start, and every one of their problems is shown', async () => {
  const { root, temporary } = place();
  mkdirSync(join(root, 'templates'));
  writeFileSync(join(root, 'templates', 'bad.yaml'), 'name: bad\nstpes: []\n');
  const stack = run(['start'], { root, temporary, env: { PORT: '0', TEMPLATES_DIR: 'templates' } });
  expect(await stack.exited).toBe(1);
  expect(stack.output.text).toContain('TEMPLATES_DIR: templates/bad.yaml:1:1: description: is missing; it must be a string');
  expect(stack.output.text).toContain('TEMPLATES_DIR: templates/bad.yaml:2:1: stpes: a template has no field `stpes`');
});

test('a port that is taken is said in one line, and nothing is started', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  cleanUps.push(() => taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const stack = run(['start'], { ...place(), env: { PORT: String(port) } });
  expect(await stack.exited).toBe(1);
  expect(stack.output.text).toBe(`port ${port} on 127.0.0.1 is in use; set PORT to another one, or to 0 for a free one\n`);
});

test('settings that cannot be used are named and end with 78', async () => {
  const { root, temporary } = place();
  const stack = run(['start'], { root, temporary, env: { PORT: 'many', EXECUTORS: '0' } });
  expect(await stack.exited).toBe(78);
  expect(stack.output.text).toContain('PORT: is "many"; must be a port number; 0 picks a free one');
  expect(stack.output.text).toContain('EXECUTORS: is "0"; must be at least 1');
});
