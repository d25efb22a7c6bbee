import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { startService } from './processes.ts';

let fleet: Fleet;
/** An executor that is killed leaves its commands' empty home folders behind. */
const TMPDIR = mkdtempSync(join(tmpdir(), 'countersign-homes-'));
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 1, env: { SHELL_COMMANDS: 'sh,echo', OPENAI_API_KEY: 'executor-secret', TMPDIR } });
});
afterAll(async () => {
  await fleet?.close();
  rmSync(TMPDIR, { recursive: true, force: true });
});

/** The processes with a text in their command line. */
const processesWith = (text: string): string[] =>
  readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && Number(name) !== process.pid && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });

/** A command with children that ignore SIGTERM, in its group and in sessions of their own. */
const stubborn = (mark: string) => {
  const loop = `trap "" TERM; while :; do sleep 1; done # ${mark}`;
  const script = `trap '' TERM; sh -c '${loop}' & setsid sh -c '${loop}' & while :; do sleep 1; done`;
  return { objective: 'Run it', steps: [{ id: 'run', tool: 'shell.run', input: { command: 'sh', args: ['-c', script] } }] };
};
const running = (mark: string) => expect.poll(() => processesWith(mark).length, { timeout: 30_000 }).toBeGreaterThanOrEqual(3);
const gone = (mark: string) => expect.poll(() => processesWith(mark), { timeout: 30_000 }).toEqual([]);

test('a command waits for a person who is told what it will do, then runs without the secrets of the executor', async () => {
  const steps = [
    { id: 'hello', tool: 'shell.run', input: { command: 'echo', args: ['hello', 'two words'] } },
    { id: 'env', tool: 'shell.run', input: { command: 'sh', args: ['-c', 'env'] } },
  ];
  const created = await fleet.createPlan({ objective: 'Say hello', steps, options: { requireApproval: false } });
  expect(created).toMatchObject({ status: 'pending_approval', effects: { destructive: 2 } });
  expect((await fleet.reviewed(created.id)).steps[0]?.effects).toBe('runs: echo hello "two words"');
  await fleet.approve(created);
  const plan = await fleet.until(created.id, 'completed');
  expect(plan.steps[0]?.output).toMatchObject({ exitCode: 0, stdout: 'hello two words\n', stderr: '', truncated: false });
  expect(JSON.stringify(plan.steps[1]?.output)).not.toContain('executor-secret');
});

test('a command that is not allowed is no step that a plan can have', async () => {
  const steps = [{ id: 'remove', tool: 'shell.run', input: { command: 'rm', args: ['-rf', '.'] } }];
  const answer = await fleet.call('POST', '/v1/plans', { body: { objective: 'Remove', steps } });
  expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_plan' } });
});

test('a cancel ends everything that a command has started', async () => {
  const mark = `cancelled-${process.pid}`;
  const created = await fleet.createPlan(stubborn(mark));
  await fleet.approve(created);
  await running(mark);
  await fleet.act(created.id, 'cancel');
  await gone(mark);
  expect((await fleet.plan(created.id)).status).toBe('cancelled');
});

test('kill -9 of the executor ends everything that its commands have started', async () => {
  const mark = `orphaned-${process.pid}`;
  const created = await fleet.createPlan(stubborn(mark));
  await fleet.approve(created);
  await running(mark);
  for (const executor of fleet.executors) await executor.end('SIGKILL');
  await gone(mark);
});

test('a command that cannot be found ends the executor at its start, and is named', async () => {
  const executor = startService('executor', { REDIS_URL: fleet.redis.url, SHELL_COMMANDS: 'sh,no-such-command' });
  expect(await executor.ended()).toBe(78);
  expect(
    executor
      .log()
      .map(({ message }) => message)
      .join('\n'),
  ).toMatch(/SHELL_COMMANDS: .*"no-such-command" can't be found/);
});
