import type { Event } from '@countersign/shared';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import type { ServiceProcess } from './processes.ts';
import { recordStep, stepOf } from './record-step.ts';

const HELD = ['held0', 'held1', 'held2'];

let fleet: Fleet;
let gates: Record<'begin' | 'release' | 'goOn', ReturnType<Fleet['gate']>>;
let first: ServiceProcess;
let second: ServiceProcess;

beforeEach(async () => {
  fleet = await Fleet.start({ executors: 1 });
  gates = { begin: fleet.gate('begin'), release: fleet.gate('release'), goOn: fleet.gate('goOn') };
});
afterEach(() => fleet?.close());

/** All steps begin in one executor, one of them to block it; another executor stands by for what that one loses. */
async function launch(block: { ms: number } | { until: string; againUntil: string }): Promise<string> {
  const { id } = await fleet.launch({
    objective: 'test what a blocked event loop does',
    steps: [
      ...HELD.map((held) => recordStep(held, { holdUntil: gates.goOn.file })),
      { id: 'blocks', tool: 'test.block', input: { holdUntil: gates.begin.file, ...block } },
    ],
    options: { maxParallelSteps: 4 },
  });
  await fleet.untilLedger(id, ({ what }) => what === 'start', 4);
  first = fleet.executors[0] as ServiceProcess;
  second = await fleet.startExecutor();
  return id;
}

async function stepsOfEvents(planId: string, fits: (event: Event) => boolean): Promise<(string | undefined)[]> {
  return (await fleet.events(planId))
    .filter(fits)
    .map(({ stepId }) => stepId)
    .sort();
}
const takenOver = (planId: string) => stepsOfEvents(planId, ({ type, data }) => type === 'step.started' && data.takeover !== undefined);

test('a tool that blocks the event loop for 5 s keeps its step, and so do the others in its process', async () => {
  const planId = await launch({ ms: 5_000 });
  gates.begin.open();
  await fleet.untilLedger(planId, ({ what, stepId }) => what === 'end' && stepId === 'blocks');
  gates.goOn.open();
  const plan = await fleet.until(planId, 'completed');
  for (const step of plan.steps) expect(step, step.id).toMatchObject({ attempt: 1, error: null });
  expect(fleet.calls(planId).sort()).toEqual(['blocks', ...HELD]);
  expect(await takenOver(planId)).toEqual([]);
  expect(first.log().filter(({ refusal }) => refusal !== undefined)).toEqual([]);
});

test('a tool that blocks for longer than the lock: its steps run elsewhere, what it gives later is refused', async () => {
  const planId = await launch({ until: gates.release.file, againUntil: gates.goOn.file });
  const all = ['blocks', ...HELD];
  gates.begin.open();
  await fleet.untilLedger(planId, ({ what, pid }) => what === 'start' && pid === second.pid, 4);
  // The loop turns again, with a result for a step that another executor is at.
  gates.release.open();
  const refused = await first.logged(({ message, stepId }) => stepId === 'blocks' && String(message).startsWith('late result refused'));
  expect(refused).toMatchObject({ refusal: 'stale_token' });
  gates.goOn.open();
  const plan = await fleet.until(planId, 'completed');
  expect(stepOf(plan, 'blocks')).toMatchObject({ attempt: 1, output: { pid: second.pid } });
  expect(fleet.calls(planId).sort()).toEqual([...all, ...all].sort());
  expect(new Set(fleet.ledger(planId).map(({ stepId, key }) => `${stepId} ${key}`)).size).toBe(4);
  expect(await takenOver(planId)).toEqual(all);
  expect(await stepsOfEvents(planId, ({ type }) => type === 'step.completed')).toEqual(all);

  // Alone, it takes steps as before.
  await second.end();
  const after = await fleet.launchUntil({ objective: 'go on', steps: [recordStep('after')] });
  expect(fleet.ledger(after.id)).toMatchObject([{ what: 'start', pid: first.pid }, { what: 'end' }]);
});
