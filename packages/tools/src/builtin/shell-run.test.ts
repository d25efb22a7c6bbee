import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Json, JsonObject } from '@countersign/shared';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { reviewContext, runTool } from '../../test/run-tool.ts';
import { type WorkspaceFolder, workspaceFolder } from '../../test/workspace-folder.ts';
import { findShellCommands } from '../shell-commands.ts';
import type { Tool } from '../tool.ts';
import { shellRun } from './shell-run.ts';

interface Output {
  exitCode: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  truncated: boolean;
  durationMs: number;
  file?: { path: string; bytes: number; sha256: string };
}

const { commands } = findShellCommands(['sh', 'cat', 'node', 'echo', 'env'], process.env.PATH ?? '');

let folder: WorkspaceFolder;
let tool: Tool;
beforeEach(async () => {
  folder = await workspaceFolder();
  await folder.write({ 'docs/a.txt': 'a' });
  tool = shellRun(folder.workspace, commands);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await folder.remove();
});

const run = (input: JsonObject, signal?: AbortSignal) => runTool<Output>(tool, input as Json, signal ? { signal } : {});
const sh = (script: string, input: JsonObject = {}, signal?: AbortSignal) => run({ command: 'sh', args: ['-c', script], ...input }, signal);

/** The processes with a text in their command line, zombies left out. */
const processesWith = (text: string): string[] =>
  readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });

let marks = 0;
/** A text that only this test's processes have in their command line. */
const newMark = (): string => `shell-run-test-${process.pid}-${++marks}`;

describe('a command', () => {
  test('gives its exit code and what it wrote', async () => {
    expect(await sh('echo out; echo err >&2')).toEqual({
      exitCode: 0,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
      truncated: false,
      durationMs: expect.any(Number),
    });
  });

  test('gets its arguments as they are: no shell reads them', async () => {
    const args = ['$HOME', '`id`', '; rm -rf .', '*', "it's", '"two words"', '', 'a\nb', '--', '{{x}}'];
    const script = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))';
    expect(JSON.parse((await run({ command: 'node', args: ['-e', script, '--', ...args] })).stdout)).toEqual(args);
  });

  test('runs in its folder, reads what it is given, and finds the end of it', async () => {
    expect((await sh('pwd', { cwd: 'docs' })).stdout).toBe(`${folder.at('docs')}\n`);
    expect((await run({ command: 'cat', stdin: 'grüße' })).stdout).toBe('grüße');
    expect((await run({ command: 'cat' })).stdout).toBe('');
    expect((await sh('exit 0', { stdin: 'x'.repeat(1_000_000) })).exitCode).toBe(0);
  });

  test('sees no environment but its own, and an empty home that is gone afterwards', async () => {
    vi.stubEnv('OPENAI_API_KEY', 'executor-secret');
    vi.stubEnv('REDIS_URL', 'redis://:executor-secret@localhost');
    const { stdout } = await run({ command: 'env', env: { MINE: 'yes' } });
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.slice(0, line.indexOf('=')));
    expect(names.filter((name) => name !== 'TZ').sort()).toEqual(['COUNTERSIGN_CALL', 'HOME', 'LANG', 'MINE', 'PATH']);
    expect(stdout).not.toContain('executor-secret');
    const home = (await sh('touch $HOME/x; mkdir $HOME/y; echo $HOME')).stdout.trim();
    expect(home).toContain(tmpdir());
    expect(existsSync(home)).toBe(false);
  });

  test.each<[string, JsonObject, string]>([
    ['with another exit code', {}, '`sh` ended with exit code 3: broken'],
    ['with another exit code than those that are fine', { okExitCodes: [0, 1] }, '`sh` ended with exit code 3: broken'],
  ])('that ends %s fails for good, with the end of what it said', async (_what, input, message) => {
    await expect(sh('echo out; echo broken >&2; exit 3', input)).rejects.toMatchObject({ code: 'tool_error', retryable: false, message });
  });

  test('that ends with an exit code that is fine, or by a signal', async () => {
    expect(await sh('exit 3', { okExitCodes: [0, 3] })).toMatchObject({ exitCode: 3 });
    await expect(sh('kill -SEGV $$')).rejects.toMatchObject({
      code: 'tool_error',
      retryable: false,
      message: expect.stringContaining('SIGSEGV'),
    });
    await expect(sh('seq 1 100000 >&2; exit 1')).rejects.toMatchObject({
      message: expect.stringMatching(/^`sh` ended with exit code 1: \.\.\.[\d\n]{1000,2000}99999\n100000$/),
    });
  });
});

describe('long output', () => {
  test('keeps its beginning and its end, and says what is missing', async () => {
    const { stdout, stderr, truncated } = await sh('seq 1 200000', { maxOutputBytes: 1_000 });
    expect(truncated).toBe(true);
    expect(stdout).toMatch(/^1\n2\n3\n[\d\n]*\n\[\.\.\. 1287895 bytes left out \.\.\.\]\n[\d\n]*199999\n200000\n$/);
    expect(stdout.length).toBeLessThan(1_100);
    expect(stderr).toBe('');
  });

  test('that JSON would blow up beyond the limit of an output is cut further', async () => {
    const zeros = `process.stdout.write(Buffer.alloc(300000)); process.stderr.write(Buffer.alloc(300000))`;
    const output = await run({ command: 'node', args: ['-e', zeros], maxOutputBytes: 200_000 });
    expect(output.truncated).toBe(true);
    expect(JSON.stringify(output).length).toBeLessThan(1_000_000);
  });

  test('goes into a file where one is named, whole', async () => {
    const output = await sh('seq 1 200000', { saveTo: 'out/numbers.txt' });
    expect(output).toMatchObject({ stdout: '', truncated: false, file: { path: 'out/numbers.txt', bytes: 1_288_895 } });
    expect((await readFile(folder.at('out/numbers.txt'), 'utf8')).endsWith('199999\n200000\n')).toBe(true);
  });

  test('is in the file also where the command ended before the file was there', async () => {
    const files = Array.from({ length: 20 }, (_, at) => `deep/${at}/out.txt`);
    await Promise.all(files.map((saveTo) => run({ command: 'echo', args: [saveTo], saveTo })));
    for (const file of files) expect(await readFile(folder.at(file), 'utf8')).toBe(`${file}\n`);
  });

  test('of a command that fails leaves no file, nor is one replaced unless asked for', async () => {
    await expect(sh('echo x; exit 1', { saveTo: 'bad.txt' })).rejects.toMatchObject({ code: 'tool_error' });
    await expect(sh('echo ran > ran.txt', { saveTo: 'docs/a.txt' })).rejects.toMatchObject({ code: 'invalid_input' });
    expect(readdirSync(folder.at('.'))).toEqual(['docs']);
    await sh('echo new', { saveTo: 'docs/a.txt', overwrite: true });
    expect(await readFile(folder.at('docs/a.txt'), 'utf8')).toBe('new\n');
    expect(readdirSync(folder.at('docs'))).toEqual(['a.txt']);
  });
});

describe('nothing that a command started is left', () => {
  /** Starts children that ignore SIGTERM: in its group, in a session of their own, and as nobody's child; then says so. */
  const family = (mark: string): string => {
    const stubborn = `trap "" TERM; while :; do sleep 1; done # ${mark}`;
    return `trap '' TERM; sh -c '${stubborn}' & setsid sh -c '${stubborn}' & (setsid sh -c '${stubborn}' &) ; touch ready; `;
  };
  const begun = () => vi.waitFor(async () => expect(readdirSync(folder.at('.'))).toContain('ready'), { timeout: 10_000 });

  test('when the step is aborted, even where all of them ignore SIGTERM', async () => {
    const mark = newMark();
    const controller = new AbortController();
    const running = sh(`${family(mark)} while :; do sleep 1; done`, {}, controller.signal);
    const refused = expect(running).rejects.toMatchObject({ code: 'aborted' });
    await begun();
    await vi.waitFor(() => expect(processesWith(mark).length).toBeGreaterThanOrEqual(4), { timeout: 10_000 });
    controller.abort();
    await refused;
    await expect.poll(() => processesWith(mark)).toEqual([]);
  });

  test('when the command has ended and they went on', async () => {
    const mark = newMark();
    expect(await sh(`${family(mark)} echo done`)).toMatchObject({ exitCode: 0, stdout: 'done\n' });
    await expect.poll(() => processesWith(mark)).toEqual([]);
  });

  test('and a command that heeds SIGTERM may end by itself', async () => {
    const controller = new AbortController();
    const running = sh('trap "echo cleaned > cleaned; exit 0" TERM; touch ready; while :; do sleep 0.05; done', {}, controller.signal);
    const refused = expect(running).rejects.toMatchObject({ code: 'aborted' });
    await begun();
    controller.abort();
    await refused;
    expect(await readFile(folder.at('cleaned'), 'utf8')).toBe('cleaned\n');
  });

  test('by the process that watches over commands, which is started again when it goes away', async () => {
    const watches = () =>
      processesWith('COUNTERSIGN_CALL=').filter((pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').includes(`) S ${process.pid} `));
    const controller = new AbortController();
    const running = sh('touch ready; while :; do sleep 1; done', {}, controller.signal);
    const refused = expect(running).rejects.toMatchObject({ code: 'aborted' });
    await begun();
    const [first = ''] = watches();
    process.kill(Number(first), 'SIGKILL');
    await expect.poll(() => watches().filter((pid) => pid !== first)).toHaveLength(1);
    controller.abort();
    await refused;
    expect((await sh('echo still')).stdout).toBe('still\n');
  });

  test('and nothing is started once the step is aborted', async () => {
    await expect(sh('touch ran', {}, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
    expect(readdirSync(folder.at('.'))).toEqual(['docs']);
  });

  test('when its output is too large for a file', async () => {
    const mark = newMark();
    await expect(sh(`yes ${mark}`, { saveTo: 'big' })).rejects.toMatchObject({ code: 'output_too_large' });
    expect(readdirSync(folder.at('.'))).toEqual(['docs']);
    await expect.poll(() => processesWith(mark)).toEqual([]);
  });
});

test.each<[JsonObject, string]>([
  [{ command: 'rm' }, 'command: '],
  [{ command: '/bin/sh' }, 'command: '],
  [{ command: 'sh', args: '-c ls' }, 'args: '],
  [{ command: 'sh', args: ['a\0b'] }, 'zero byte'],
  [{ command: 'sh', cwd: '..' }, 'lies outside'],
  [{ command: 'sh', cwd: '/' }, 'lies outside'],
  [{ command: 'sh', cwd: 'docs/a.txt' }, 'not a folder'],
  [{ command: 'sh', cwd: 'gone' }, 'there is no "gone"'],
  [{ command: 'sh', cwd: 'out' }, 'by a symbolic link'],
  [{ command: 'sh', env: { LD_PRELOAD: 'x.so' } }, "LD_PRELOAD can't be set"],
  [{ command: 'sh', env: { NODE_OPTIONS: '--require x' } }, "NODE_OPTIONS can't be set"],
  [{ command: 'sh', env: { BASH_ENV: 'x' } }, "BASH_ENV can't be set"],
  [{ command: 'sh', env: { npm_config_script_shell: 'x' } }, "npm_config_script_shell can't be set"],
  [{ command: 'sh', env: { GIT_SSH_COMMAND: 'x' } }, "GIT_SSH_COMMAND can't be set"],
  [{ command: 'sh', env: { PATH: '.' } }, "PATH can't be set"],
  [{ command: 'sh', env: { HOME: '/root' } }, "HOME can't be set"],
  [{ command: 'sh', env: { 'A=B': 'x' } }, 'no name of an environment variable'],
  [{ command: 'sh', env: { A: 'x\0y' } }, 'zero byte'],
  [{ command: 'sh', okExitCodes: [] }, 'okExitCodes'],
  [{ command: 'sh', okExitCodes: [256] }, 'okExitCodes'],
  [{ command: 'sh', maxOutputBytes: 10_000_000 }, 'maxOutputBytes'],
  [{ command: 'sh', saveTo: '../x' }, 'lies outside'],
  [{ command: 'sh', saveTo: '.git/hooks/post-commit' }, '.git'],
])('%j is refused', async (input, message) => {
  await symlink('/', folder.at('out'));
  await expect(run(input)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining(message) });
});

test('more arguments than the system takes are an error that says so', async () => {
  await expect(run({ command: 'echo', args: Array.from({ length: 1_000 }, () => 'x'.repeat(100_000)) })).rejects.toMatchObject({
    code: 'tool_error',
    retryable: false,
    message: expect.stringContaining('could not be started'),
  });
});

describe('its effects', () => {
  const effects = (input: JsonObject) => tool.effects?.(input, reviewContext());

  test.each<[JsonObject, string]>([
    [{ command: 'git', args: ['log', '--oneline'], cwd: 'docs' }, 'runs: git log --oneline (in docs)'],
    [{ command: 'sh', args: ['-c', 'rm -rf "$X"'] }, 'runs: sh -c "rm -rf \\"$X\\""'],
    [{ command: 'echo', args: ['a\nruns: nothing', '', '\u202Etxt.exe'] }, 'runs: echo "a\\nruns: nothing" "" "\\u{202e}txt.exe"'],
    [{ command: 'cat', args: ['{{list.output.path}}'], stdin: 'abc' }, 'runs: cat "{{list.output.path}}", given 3 characters'],
    [{ command: 'cat', args: '{{list.output.names}}' }, 'runs: cat with what earlier steps give'],
    [
      { command: 'node', args: ['x.js'], env: { A: '1', B: '2' }, saveTo: 'out.txt' },
      'runs: node x.js, 2 variables set, output to out.txt',
    ],
    [{ command: 'curl', args: ['-H', 'Authorization: Bearer abcdef'] }, 'runs: curl -H "Authorization: ***"'],
    [
      { command: 'tool', args: ['--token', 'abcdef', '--password=abc', 'https://u:p@example.com/?key=1'] },
      'runs: tool --token "***" "--password=***" "https://example.com/?key=***"',
    ],
    [{}, 'runs a program'],
    [{ command: 7 as never, args: null }, 'runs a program'],
  ])('%j', async (input, words) => expect(await effects(input)).toBe(words));

  test('say how many arguments are not shown', async () => {
    const args = Array.from({ length: 40 }, (_, at) => `argument${at}`);
    expect(await effects({ command: 'echo', args })).toMatch(/^runs: echo argument0 .* \.\.\. and \d+ more arguments$/);
  });
});
