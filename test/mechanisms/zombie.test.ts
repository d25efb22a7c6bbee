/** An executor that was stopped for longer than its lease, and comes back when another one has done its work. */
import { fileURLToPath } from 'node:url';
import { foldEvents, type JsonObject, type Plan, type StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet } from '../e2e/fleet.ts';
import type { ServiceProcess } from '../e2e/processes.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 1, env: { TOOLS_DIR: fileURLToPath(new URL('tools/', import.meta.url)) } });
});
afterAll(() => fleet?.close());

const hold = (id: string, input: JsonObject, dependsOn: string[] = []): StepDraft => ({ id, tool: 'test.hold', input, dependsOn });

test('a zombie’s late results are refused and logged, and the outcomes of the executor that took over stay', async () => {
  const gate = fleet.gate('all');
  const later = fleet.gate('later');
  const open = fleet.gate('open');
  open.open();
  const launch = (objective: string, steps: StepDraft[]): Promise<Plan> =>
    fleet.launch({ objective, steps, options: { maxParallelSteps: 1 } });
  const held = hold('held', { file: gate.file });
  const after = hold('after', { file: open.file }, ['held']);
  const fails = hold('held', { file: gate.file, firstFails: true });
  const last = hold('last', { file: later.file }, ['after']);
  // What the zombie still says comes to plans under way, as a result and as a failure, and to one that has ended.
  const underWay = [await launch('go on', [held, after, last]), await launch('be said to have failed', [fails, after, last])];
  const ended = await launch('end with the step', [held]);
  const all = [...underWay, ended];
  for (const { id } of all) await fleet.untilLedger(id, ({ what }) => what === 'start');
  const zombie = fleet.executors[0] as ServiceProcess;
  zombie.signal('SIGSTOP');
  const heir = await fleet.startExecutor();
  for (const { id } of all) await fleet.untilLedger(id, ({ what, stepId }) => what === 'start' && stepId === 'held', 2);
  gate.open();
  for (const { id } of underWay) await fleet.untilLedger(id, ({ what, stepId }) => what === 'start' && stepId === 'last');
  await fleet.until(ended.id, 'completed');
  const before = await Promise.all(all.map(({ id }) => fleet.plan(id)));
  const events = await Promise.all(all.map(({ id }) => fleet.events(id)));
  expect(before.map(({ status }) => status)).toEqual(['executing', 'executing', 'completed']);

  zombie.signal('SIGCONT');
  const refusals = all.map(({ id }) =>
    zombie.logged(({ message, planId, stepId }) => planId === id && stepId === 'held' && String(message).startsWith('late result refused')),
  );
  expect((await Promise.all(refusals)).map(({ refusal }) => refusal)).toEqual(['stale_token', 'stale_token', 'plan_not_executing']);
  expect(await Promise.all(all.map(({ id }) => fleet.plan(id)))).toEqual(before);
  expect(await Promise.all(all.map(({ id }) => fleet.events(id)))).toEqual(events);

  later.open();
  for (const { id } of all) {
    const plan = await fleet.until(id, 'completed');
    expect(plan.steps.map(({ output }) => output)).toEqual(plan.steps.map(() => ({ pid: heir.pid })));
    const starts = fleet.ledger(id).filter(({ what, stepId }) => what === 'start' && stepId === 'held');
    expect(starts.map(({ pid, attempt, key }) => [pid, attempt, key])).toEqual([
      [zombie.pid, 1, `${id}.held.1`],
      [heir.pid, 1, `${id}.held.1`],
    ]);
    const log = await fleet.events(id);
    const outcomes = log.filter(({ type }) => /^step\.(completed|failed|skipped|cancelled)$/.test(type)).map(({ stepId }) => stepId);
    expect(outcomes).toEqual(plan.steps.map((step) => step.id));
    expect(foldEvents(log).status).toBe('completed');
  }
  // It is an executor like any other again.
  await heir.end('SIGKILL');
  const next = await launch('run on the one that came back', [hold('only', { file: open.file })]);
  expect((await fleet.until(next.id, 'completed')).steps[0]?.output).toEqual({ pid: zombie.pid });
});
