import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_POLICY } from '@countersign/shared';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ConfigError } from './config.ts';
import { createLogger } from './logger.ts';
import { openPolicy, type PolicySource } from './policy-file.ts';

let folder: string;
let lines: Record<string, unknown>[];
let source: PolicySource | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-policy-'));
  lines = [];
});
afterEach(() => {
  source?.close();
  source = null;
  rmSync(folder, { recursive: true, force: true });
});

const logger = () => createLogger({ service: 'test', level: 'info', destination: { write: (line) => lines.push(JSON.parse(line)) } });
const saying = (message: string) => lines.filter((line) => String(line.message).includes(message));
const denying = (message: string): string => `rules: [{ name: only, then: { deny: ${JSON.stringify(message)} } }]\n`;
const LIMIT = { timeout: 15_000, interval: 20 };

async function open(path: string): Promise<PolicySource> {
  source = await openPolicy({ POLICY_FILE: path }, logger());
  return source;
}

const inForce = ({ current }: PolicySource): unknown => current().rules[0]?.then;

test('without a file the default is in force', async () => {
  const policy = await openPolicy({}, logger());
  expect(policy.current()).toBe(DEFAULT_POLICY);
  expect(policy.problems()).toEqual([]);
});

test('YAML and JSON of the same content are the same policy', async () => {
  writeFileSync(join(folder, 'a.yaml'), '# of two\nrules:\n  - name: only\n    then: auto\n');
  writeFileSync(join(folder, 'b.json'), '{"rules": [{"then": "auto", "name": "only"}]}');
  const [a, b] = await Promise.all(['a.yaml', 'b.json'].map((name) => openPolicy({ POLICY_FILE: join(folder, name) }, logger())));
  expect(a?.current()).toEqual(b?.current());
  a?.close();
  b?.close();
});

test('every problem of a file is told with its place, and ends the start', async () => {
  const path = join(folder, 'p.yaml');
  writeFileSync(path, 'rules:\n  - name: a\n    when: { risks: read }\n    then: { approve: { count: 0 } }\n  - name: a\n');
  const failed = await open(path).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(ConfigError);
  expect((failed as ConfigError).problems).toEqual([
    `POLICY_FILE: ${path}:3:13: rules[0].when.risks: there is no such field`,
    `POLICY_FILE: ${path}:4:31: rules[0].then.approve.count: must be at least 1`,
    expect.stringMatching(/:5:5: rules\[1\]\.then: must be `auto`/),
    `POLICY_FILE: ${path}:5:11: rules[1].name: is the name of rules[0] already`,
  ]);
});

test.each([
  ['is not there', undefined, 'there is no such file'],
  ['is no YAML', 'rules: [', expect.stringMatching(/:1:|:2:/)],
  ['is no text', Uint8Array.of(0xff, 0xfe), 'the file is not UTF-8'],
])('a file that %s ends the start', async (_what, content, problem) => {
  const path = join(folder, 'p.yaml');
  if (content !== undefined) writeFileSync(path, content);
  const failed = (await open(path).catch((error: unknown) => error)) as ConfigError;
  expect(failed).toBeInstanceOf(ConfigError);
  expect(failed.problems).toEqual([typeof problem === 'string' ? `POLICY_FILE: ${path}: ${problem}` : problem]);
});

test('a file that is written anew is in force, and both versions are logged', async () => {
  const path = join(folder, 'p.yaml');
  writeFileSync(path, denying('one'));
  const policy = await open(path);
  const { version: from } = policy.current();
  writeFileSync(path, denying('two'));
  await vi.waitFor(() => expect(inForce(policy)).toEqual({ deny: 'two' }), LIMIT);
  expect(saying('policy loaded anew')).toMatchObject([{ from, version: policy.current().version }]);
});

test('a file that another one replaces is in force', async () => {
  const path = join(folder, 'p.yaml');
  writeFileSync(path, denying('one'));
  const policy = await open(path);
  writeFileSync(join(folder, 'next'), denying('two'));
  renameSync(join(folder, 'next'), path);
  await vi.waitFor(() => expect(inForce(policy)).toEqual({ deny: 'two' }), LIMIT);
});

test('a link that leads elsewhere, as mounted volumes have them, is followed', async () => {
  for (const [name, message] of [
    ['v1', 'one'],
    ['v2', 'two'],
  ] as const) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'p.yaml'), denying(message));
  }
  symlinkSync('v1', join(folder, '..data'));
  symlinkSync(join('..data', 'p.yaml'), join(folder, 'p.yaml'));
  const policy = await open(join(folder, 'p.yaml'));
  expect(inForce(policy)).toEqual({ deny: 'one' });
  symlinkSync('v2', join(folder, '..next'));
  renameSync(join(folder, '..next'), join(folder, '..data'));
  await vi.waitFor(() => expect(inForce(policy)).toEqual({ deny: 'two' }), LIMIT);
});

test('a file that cannot be used, or is gone, leaves the policy in force and says so, until it is mended', async () => {
  const path = join(folder, 'p.yaml');
  writeFileSync(path, denying('one'));
  const policy = await open(path);
  writeFileSync(path, 'rules: []\n');
  await vi.waitFor(() => expect(policy.problems()).toEqual([`POLICY_FILE: ${path}:1:8: rules: must not be an empty list`]), LIMIT);
  expect(inForce(policy)).toEqual({ deny: 'one' });
  expect(saying('cannot be used')).toMatchObject([{ level: 'error', version: policy.current().version }]);
  unlinkSync(path);
  await vi.waitFor(() => expect(policy.problems()).toEqual([`POLICY_FILE: ${path}: there is no such file`]), LIMIT);
  expect(inForce(policy)).toEqual({ deny: 'one' });
  writeFileSync(path, denying('one'));
  await vi.waitFor(() => expect(policy.problems()).toEqual([]), LIMIT);
  expect(saying('policy loaded anew')).toEqual([]);
});
