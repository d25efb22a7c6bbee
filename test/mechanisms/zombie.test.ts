/** An executor that was stopped for longer than its lease, and comes back when another one has done its work. */
import { fileURLToPath } from 'node:url';
import { foldEvents, type JsonObject, type Plan, type PlanDraft, type StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet } from '../e2e/fleet.ts';
import type { ServiceProcess } from '../e2e/processes.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 1, env: { TOOLS_DIR: fileURLToPath(new URL('tools/', import.meta.url)) } });
});
afterAll(() => fleet?.close());

const hold = (id: string, input: JsonObject, dependsOn: string[] = []): StepDraft => ({ id, tool: 'test.hold', input, dependsOn });
const options: PlanDraft['options'] = { maxParallelSteps: 1 };

test('a zombie’s late results are refused and logged, and the outcomes of the executor that took over stay', async () => {
  const gate = fleet.gate('all');
  const open = fleet.gate('open');
  open.open();
  const file = gate.file;
  const launch = (objective: string, steps: PlanDraft['steps']): Promise<Plan> => fleet.launch({ objective, steps, options });
  const plans = {
    underWay: await launch('go on behind the step', [
      hold('held', { file }),
      hold('after', { file: open.file }, ['held']),
      hold('asks', { file: open.file }, ['after']),
    ]),
    ended: await launch('end with the step', [hold('held', { file })]),
    fails: await launch('be said to have failed', [hold('held', { file, firstFails: true }), hold('after', { file: open.file }, ['held'])]),
  };
  const all = Object.values(plans);
  const starts = ({ id }: Plan) => fleet.ledger(id).filter(({ what, stepId }) => what === 'start' && stepId === 'held');
  for (const { id } of all) await fleet.untilLedger(id, ({ what }) => what === 'start');
  const zombie = fleet.executors[0] as ServiceProcess;
  zombie.signal('SIGSTOP');
  const heir = await fleet.startExecutor();
  for (const { id } of all) await fleet.untilLedger(id, ({ what, stepId }) => what === 'start' && stepId === 'held', 2);
  gate.open();
  const before = await Promise.all(all.map(({ id }) => fleet.until(id, 'completed')));
  const events = await Promise.all(all.map(({ id }) => fleet.events(id)));

  zombie.signal('SIGCONT');
  for (const { id } of all) {
    const refused = ({ message, planId, stepId }: Record<string, unknown>): boolean =>
      planId === id && stepId === 'held' && String(message).startsWith('late result refused');
    expect((await zombie.logged(refused)).refusal).toMatch(/^(stale_token|plan_not_executing)$/);
  }

  for (const [at, plan] of all.entries()) {
    expect(starts(plan).map(({ pid, attempt, key }) => [pid, attempt, key])).toEqual([
      [zombie.pid, 1, `${plan.id}.held.1`],
      [heir.pid, 1, `${plan.id}.held.1`],
    ]);
    const now = await fleet.plan(plan.id);
    expect(now).toEqual(before[at]);
    expect(now.steps.map(({ output }) => output)).toEqual(now.steps.map(() => ({ pid: heir.pid })));
    const log = await fleet.events(plan.id);
    expect(log).toEqual(events[at]);
    const outcomes = log.filter(({ stepId, type }) => stepId === 'held' && /^step\.(completed|failed|skipped|cancelled)$/.test(type));
    expect(outcomes.map(({ type }) => type)).toEqual(['step.completed']);
    expect(foldEvents(log).status).toBe('completed');
  }
  // It is an executor like any other again.
  await heir.end('SIGKILL');
  const last = await launch('run on the one that came back', [hold('only', { file: open.file })]);
  expect((await fleet.until(last.id, 'completed')).steps[0]?.output).toEqual({ pid: zombie.pid });
});
