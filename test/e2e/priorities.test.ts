/** One executor that does one thing at a time: what it takes next, the ledger shows. */
import type { Plan, PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { readLedger } from './ledger.ts';
import { recordStep } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 1, env: { EXECUTOR_CONCURRENCY: '1' } });
});
afterAll(() => fleet?.close());

const launch = (steps: StepDraft[], options: PlanDraft['options'] = {}): Promise<Plan> =>
  fleet.launch({ objective: 'test who goes first', steps, options });

let holds = 0;
/** A plan that keeps the executor busy, as soon as that is free, until it is let go. */
async function queueHold(): Promise<{ begun: Promise<void>; letGo: () => void }> {
  const { file, open } = fleet.gate(`held-${++holds}`);
  const { id } = await launch([recordStep('holds', { holdUntil: file })], { priority: 100_000 });
  return { begun: fleet.untilLedger(id, ({ what }) => what === 'start'), letGo: open };
}

async function hold(): Promise<() => void> {
  const { begun, letGo } = await queueHold();
  await begun;
  return letGo;
}

const untilCompleted = (plans: readonly Plan[]): Promise<Plan[]> => Promise.all(plans.map(({ id }) => fleet.until(id, 'completed')));

/** The steps of these plans in the order in which they were called. */
const order = (plans: readonly Plan[]): string[] =>
  readLedger(fleet.ledgerFile, ...plans.map(({ id }) => id))
    .filter(({ what }) => what === 'start')
    .map(({ stepId }) => stepId);

test('of plans that wait for an executor the one with the highest priority goes first, with all its steps', async () => {
  const letGo = await hold();
  const plans = [
    await launch([recordStep('usual-1'), recordStep('usual-2', {}, { dependsOn: ['usual-1'] })]),
    await launch([recordStep('low')], { priority: -5 }),
    await launch([recordStep('high-1'), recordStep('high-2', {}, { dependsOn: ['high-1'] })], { priority: 10 }),
    await launch([recordStep('lowest')], { priority: -100_000 }),
    await launch([recordStep('higher')], { priority: 11 }),
  ];
  for (const { id } of plans) expect((await fleet.plan(id)).steps[0]).toMatchObject({ status: 'queued', reason: { kind: 'queued' } });
  letGo();
  await untilCompleted(plans);
  expect(order(plans)).toEqual(['higher', 'high-1', 'high-2', 'usual-1', 'usual-2', 'low', 'lowest']);
});

test('of plans with one priority those that became ready first go first', async () => {
  const letGo = await hold();
  const plans: Plan[] = [];
  for (const id of ['first', 'second', 'third', 'fourth']) plans.push(await launch([recordStep(id)], { priority: 3 }));
  letGo();
  await untilCompleted(plans);
  expect(order(plans)).toEqual(['first', 'second', 'third', 'fourth']);
});

test('a plan under way goes before one of its priority that waits to start, and behind one of a higher priority', async () => {
  const { file, open } = fleet.gate('under-way');
  const underWay = await launch([
    recordStep('begun', { holdUntil: file }),
    recordStep('goes-on', {}, { dependsOn: ['begun'] }),
    recordStep('goes-on-too', {}, { dependsOn: ['goes-on'] }),
  ]);
  await fleet.untilLedger(underWay.id, ({ what }) => what === 'start');
  const waiting = await launch([recordStep('waits')]);
  const higher = await launch([recordStep('overtakes')], { priority: 1 });
  open();
  await untilCompleted([underWay, waiting, higher]);
  expect(order([underWay, waiting, higher])).toEqual(['begun', 'overtakes', 'goes-on', 'goes-on-too', 'waits']);
});

test('the next attempt of a step has the priority of its plan', async () => {
  /** Has a step fail once, and the executor busy with something else right after that. */
  const failsOnce = async (id: string, priority: number, goOn: () => void): Promise<{ plan: Plan; letGo: () => void }> => {
    const { file, open } = fleet.gate(id);
    const retry = { maxAttempts: 2, delayMs: 50 };
    const plan = await launch([recordStep(id, { holdUntil: file, failAttempts: 1 }, { retry })], { priority });
    goOn();
    await fleet.untilLedger(plan.id, ({ what }) => what === 'start');
    const { begun, letGo } = await queueHold();
    open();
    await begun;
    return { plan, letGo };
  };
  const low = await failsOnce('low', -5, () => {});
  const high = await failsOnce('high', 10, low.letGo);
  const usual = await launch([recordStep('usual')]);
  for (const { plan } of [high, low]) {
    const [step] = (await fleet.plan(plan.id)).steps;
    expect(step?.status).toBe('retrying');
    await expect.poll(() => Date.now()).toBeGreaterThan(Date.parse(String(step?.reason?.detail.until)));
  }
  high.letGo();
  const plans = [high.plan, low.plan, usual];
  await untilCompleted(plans);
  expect(order(plans)).toEqual(['low', 'high', 'high', 'usual', 'low']);
});
