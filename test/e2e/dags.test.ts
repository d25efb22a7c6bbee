import type { PlanDraft, StepDraft } from '@countersign/shared';
import { foldEvents } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { mostAtOnce, placeOf } from './ledger.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2, env: { EXECUTOR_CONCURRENCY: '20' } });
});
afterAll(() => fleet?.close());

const step = (id: string, dependsOn: string[] = [], input: StepDraft['input'] = {}): StepDraft => ({
  id,
  tool: 'test.record',
  dependsOn,
  input,
});
const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({
  objective: 'test the order of steps',
  steps,
  options,
});
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Each step called exactly once, none before each of its dependencies had ended. */
async function expectOrder(planId: string, steps: readonly StepDraft[]): Promise<void> {
  const lines = fleet.ledger(planId);
  const started = new Map<string, number>();
  const ended = new Map<string, number>();
  lines.forEach((line, place) => {
    const map = line.what === 'start' ? started : ended;
    expect(map.has(line.stepId), `${line.stepId} was called twice`).toBe(false);
    map.set(line.stepId, place);
  });
  expect(started.size).toBe(steps.length);
  for (const { id, dependsOn = [] } of steps) {
    for (const dependency of dependsOn)
      expect(ended.get(dependency), `${id} started before ${dependency} had ended`).toBeLessThan(started.get(id) as number);
  }
}

const chain = range(12).map((i) => step(`s${i}`, i === 0 ? [] : [`s${i - 1}`]));
const fan = [
  step('first'),
  ...range(20).map((i) => step(`m${i}`, ['first'])),
  step(
    'last',
    range(20).map((i) => `m${i}`),
  ),
];
const diamond = [step('top'), step('left', ['top']), step('right', ['top']), step('bottom', ['left', 'right'])];
const layers = range(4).flatMap((layer) =>
  range(5).map((i) => step(`l${layer}_${i}`, layer === 0 ? [] : range(5).map((j) => `l${layer - 1}_${j}`))),
);

test.each([
  ['chain', chain],
  ['fan-out and fan-in', fan],
  ['diamond', diamond],
  ['layers', layers],
])('%s: every step once, after its dependencies, never more at once than the cap', async (_name, steps) => {
  const plan = await fleet.run(draft(steps, { maxParallelSteps: 4 }));
  await expectOrder(plan.id, steps);
  expect(mostAtOnce(fleet.ledger(plan.id))).toBeLessThanOrEqual(4);
  expect(plan.progress).toMatchObject({ total: steps.length, completed: steps.length, percent: 100 });
});

test('1,000 steps: all of them once, under the cap, and the log of events gives the state', async () => {
  const steps = [
    ...range(499).map((i) => step(`a${i}`)),
    ...range(500).map((i) => step(`b${i}`, [`a${i % 499}`])),
    step(
      'end',
      range(500).map((i) => `b${i}`),
    ),
  ];
  const plan = await fleet.run(draft(steps, { maxParallelSteps: 25 }));
  await expectOrder(plan.id, steps);
  expect(mostAtOnce(fleet.ledger(plan.id))).toBeLessThanOrEqual(25);
  const folded = foldEvents(await fleet.events(plan.id));
  expect(folded.status).toBe('completed');
  expect(
    plan.steps.filter(({ id, status, attempt }) => folded.steps.get(id)?.status !== status || folded.steps.get(id)?.attempt !== attempt),
  ).toEqual([]);
});

test('the cap is used: with four places and four ready steps, four run at once', async () => {
  const gate = fleet.gate('four');
  const plan = await fleet.createPlan(
    draft(
      range(6).map((i) => step(`s${i}`, [], { holdUntil: gate.file })),
      { maxParallelSteps: 4 },
    ),
  );
  await fleet.approve(plan);
  await fleet.untilLedger(plan.id, ({ what }) => what === 'start', 4);
  const waiting = (await fleet.plan(plan.id)).steps.filter(({ status }) => status === 'ready');
  expect(waiting.map(({ id, reason }) => [id, reason?.kind])).toEqual([
    ['s4', 'cap'],
    ['s5', 'cap'],
  ]);
  gate.open();
  await fleet.until(plan.id, 'completed');
  expect(mostAtOnce(fleet.ledger(plan.id))).toBe(4);
});

test('allowParallel: false is one at a time, in the order of the array', async () => {
  const steps = range(8).map((i) => step(`s${i}`));
  const plan = await fleet.run(draft(steps, { allowParallel: false, maxParallelSteps: 5 }));
  const lines = fleet.ledger(plan.id);
  expect(mostAtOnce(lines)).toBe(1);
  expect(lines.filter(({ what }) => what === 'start').map(({ stepId }) => stepId)).toEqual(steps.map(({ id }) => id));
});

test('a ready set, not waves: a step starts as soon as its own dependencies are done', async () => {
  const gate = fleet.gate('slow');
  const steps = [
    step('slow', [], { holdUntil: gate.file }),
    step('quick'),
    step('after-quick', ['quick']),
    step('after-both', ['slow', 'after-quick']),
  ];
  const plan = await fleet.createPlan(draft(steps));
  await fleet.approve(plan);
  await fleet.untilLedger(plan.id, ({ stepId, what }) => stepId === 'after-quick' && what === 'end');
  // The tool is done before its result is recorded.
  await expect
    .poll(async () => (await fleet.plan(plan.id)).steps.find(({ id }) => id === 'after-both')?.reason)
    .toMatchObject({ kind: 'dependencies', detail: { steps: ['slow'] } });
  expect(placeOf(fleet.ledger(plan.id), 'slow', 'end')).toBe(-1);
  gate.open();
  await fleet.until(plan.id, 'completed');
});

test('references hand outputs on with their types, and imply the dependency', async () => {
  const plan = await fleet.run({
    objective: 'hand a value on',
    input: { list: [1, { deep: true }] },
    steps: [
      { id: 'one', tool: 'test.record', input: { value: '{{input.list}}' } },
      {
        id: 'two',
        tool: 'test.record',
        input: {
          value: {
            whole: '{{one.output.value[1]}}',
            text: 'is {{ one.output.value.0 }} of {{task.objective}}',
            missing: '{{one.output.nothing}}',
          },
        },
      },
    ],
  });
  expect(plan.steps[1]).toMatchObject({
    dependsOn: ['one'],
    resolvedInput: { value: { whole: { deep: true }, text: 'is 1 of hand a value on', missing: null } },
    output: { value: { whole: { deep: true }, text: 'is 1 of hand a value on', missing: null } },
  });
  expect(plan.steps[0]?.output).toEqual({ value: [1, { deep: true }] });
});
