import { ConfigError, loadConfig } from '@countersign/service';
import { expect, test } from 'vitest';
import { configSchema } from './config.ts';

const configOf = (env: Record<string, string>) => loadConfig(configSchema, env);

function problems(env: Record<string, string>): readonly string[] {
  try {
    configOf(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('QUEUES is what each queue lets through', () => {
  const text = '{"mail": {"concurrency": 1, "rate": {"max": 10, "durationMs": 1000}}, "steps": {}}';
  expect(configOf({ QUEUES: text }).QUEUES).toEqual(new Map(Object.entries(JSON.parse(text))));
  expect(configOf({})).toMatchObject({ CLOCK_EVERY_MS: 500, RECONCILE_EVERY_MS: 10_000 });
  expect(configOf({})).not.toHaveProperty('QUEUES');
});

test.each([
  ['no JSON', '{mail: 1}', 'must be JSON like {"mail"'],
  ['a list', '[]', 'expected record'],
  ['an unknown field', '{"mail": {"parallel": 1}}', 'mail: Unrecognized key: "parallel"'],
  ['an unknown field of a rate', '{"mail": {"rate": {"max": 1, "durationMs": 1, "burst": 2}}}', 'mail.rate: Unrecognized key: "burst"'],
  ['half a rate', '{"mail": {"rate": {"max": 1}}}', 'mail.rate.durationMs: '],
  ['a concurrency of nothing', '{"mail": {"concurrency": 0}}', 'mail.concurrency: Too small'],
  ['text for a number', '{"mail": {"concurrency": "1"}}', 'mail.concurrency: Invalid input'],
  ['a bad name', '{"Mail room": {"concurrency": 1}}', '["Mail room"]: a queue\'s name is'],
  ['a queue of our own', '{"planning": {"concurrency": 1}}', 'planning: `planning` is a queue of Countersign'],
])('QUEUES with %s is refused', (_what, text, message) => {
  expect(problems({ QUEUES: text })).toEqual([expect.stringContaining(message)]);
});

test('every problem of QUEUES is named', () => {
  expect(problems({ QUEUES: '{"mail": {"concurrency": -1}, "print": {"rate": 5}}' })).toHaveLength(2);
});

test.each(['Mail room', 'steps,maintenance'])('EXECUTOR_QUEUES=%s names what is no queue of steps', (names) => {
  expect(problems({ EXECUTOR_QUEUES: names })).toEqual([expect.stringMatching(/^EXECUTOR_QUEUES: .*(queue's name|Countersign's own)/)]);
});

test('SHELL_COMMANDS is where each program is, and names every one that cannot be found', () => {
  expect(configOf({ SHELL_COMMANDS: `sh, ${process.execPath}` }).SHELL_COMMANDS).toEqual({
    sh: expect.stringMatching(/^\/.*\/sh$/),
    node: process.execPath,
  });
  expect(configOf({})).not.toHaveProperty('SHELL_COMMANDS');
  expect(problems({ SHELL_COMMANDS: 'gone-one,sh,gone-two' })).toEqual([
    expect.stringMatching(/^SHELL_COMMANDS: .*"gone-one" can't be found/),
    expect.stringMatching(/^SHELL_COMMANDS: .*"gone-two" can't be found/),
  ]);
});

test.each(['49', '60001', 'often'])('CLOCK_EVERY_MS=%s is refused', (text) => {
  expect(problems({ CLOCK_EVERY_MS: text })).toEqual([expect.stringContaining('CLOCK_EVERY_MS')]);
});

test('a limit of QUEUES that SHARDS cannot divide is refused, and each is named', () => {
  const QUEUES = '{"mail": {"concurrency": 2, "rate": {"max": 2, "durationMs": 1000}}, "print": {"concurrency": 3}}';
  const must = (where: string) =>
    expect.stringContaining(`${where} is 2, and each of the 3 SHARDS gets its part of it: it must be 3 or more`);
  expect(problems({ QUEUES, SHARDS: '3' })).toEqual([must('mail.concurrency'), must('mail.rate.max')]);
  expect(problems({ QUEUES, SHARDS: '2' })).toEqual([]);
});

test.each(['0', '65', '1.5', 'three'])('SHARDS=%s is refused', (SHARDS) => {
  expect(problems({ SHARDS })).toEqual([expect.stringContaining('SHARDS')]);
});

test.each([
  ['redis://a:1,redis://b:2', 0],
  ['redis://user:word@a:1,b:2', 0],
  ['redis://a:1,b:x', 1],
  ['a:1', 1],
])('REDIS_URL=%s has %d problems', (REDIS_URL, count) => {
  expect(problems({ REDIS_URL, REDIS_CLUSTER: 'true' })).toHaveLength(count);
});

test('what has ended is kept for a month, or for good', () => {
  expect(configOf({})).toMatchObject({
    RETENTION_DAYS: 30,
    RETENTION_PLANS: 100_000,
    RETENTION_TASKS: 100_000,
    RETENTION_FINISHED_JOBS: 1_000,
  });
  expect(configOf({ RETENTION_DAYS: 'off' }).RETENTION_DAYS).toBe('off');
  expect(configOf({ RETENTION_DAYS: '7' }).RETENTION_DAYS).toBe(7);
});

test.each(['0', '-1', '1.5', 'never', '36501'])('RETENTION_DAYS=%s is refused, and what would be right is said', (text) => {
  expect(problems({ RETENTION_DAYS: text })).toEqual([expect.stringMatching(/^RETENTION_DAYS: is "[^"]*"; must be/)]);
});

test('RETENTION_PLANS=0 is refused: it would remove every plan as it ends', () => {
  expect(problems({ RETENTION_PLANS: '0', RETENTION_TASKS: '0' })).toHaveLength(2);
});
