import type { ChildView, Plan, PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { recordStep, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2, env: { EXECUTOR_CONCURRENCY: '20' } });
});
afterAll(() => fleet?.close());

const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({ objective: 'once for each', steps, options });
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const held = (count: number, file: string): StepDraft =>
  recordStep('each', { value: '{{index}}', holdUntil: file }, { forEach: range(count) });
const childrenOf = (plan: Pick<Plan, 'steps'>): ChildView[] => stepOf(plan, 'each').children ?? [];
const childStatuses = (plan: Pick<Plan, 'steps'>): string[] => childrenOf(plan).map(({ status }) => status);

test('pause in the middle: what runs ends, nothing more starts; resume goes on with the rest', async () => {
  const gate = fleet.gate('pause');
  const { id } = await fleet.launch(
    draft([held(6, gate.file), recordStep('after', { value: '{{each.output}}' })], { maxParallelSteps: 2 }),
  );
  await fleet.untilLedger(id, ({ what }) => what === 'start', 2);
  await fleet.act(id, 'pause');
  gate.open();
  await expect
    .poll(async () => childStatuses(await fleet.plan(id)))
    .toEqual(['completed', 'completed', 'ready', 'ready', 'ready', 'ready']);
  const paused = await fleet.plan(id);
  expect(paused).toMatchObject({ status: 'paused', steps: [{ status: 'running' }, { status: 'pending' }] });
  expect(childrenOf(paused).map(({ reason }) => reason?.kind)).toEqual([undefined, undefined, ...Array(4).fill('paused')]);
  expect(fleet.calls(id)).toHaveLength(2);
  await fleet.act(id, 'resume');
  const plan = await fleet.until(id, 'completed');
  expect(fleet.calls(id).sort()).toEqual(['after', ...range(6).map((i) => `each[${i}]`)]);
  expect(stepOf(plan, 'after').output).toEqual({ value: range(6).map((value) => ({ value })) });
});

test('pause while the last elements run: the step ends meanwhile, and what is behind it waits', async () => {
  const gate = fleet.gate('pause-at-the-end');
  const { id } = await fleet.launch(draft([held(2, gate.file), recordStep('after', {}, { dependsOn: ['each'] })]));
  await fleet.untilLedger(id, ({ what }) => what === 'start', 2);
  await fleet.act(id, 'pause');
  gate.open();
  await expect.poll(async () => (await fleet.plan(id)).steps.map(({ status }) => status)).toEqual(['completed', 'ready']);
  expect((await fleet.plan(id)).steps[1]?.reason?.kind).toBe('paused');
  await fleet.act(id, 'resume');
  await fleet.until(id, 'completed');
  expect(fleet.calls(id).at(-1)).toBe('after');
});

test('cancel in the middle: what runs is aborted, nothing more starts, completed elements keep their word', async () => {
  const [first, never] = [fleet.gate('cancel-first'), fleet.gate('never')];
  const { id } = await fleet.launch(
    draft(
      [
        recordStep('each', { holdUntil: '{{item}}' }, { forEach: [first.file, ...Array(4).fill(never.file)] }),
        recordStep('behind', {}, { dependsOn: ['each'] }),
      ],
      {
        maxParallelSteps: 2,
      },
    ),
  );
  first.open();
  await fleet.untilLedger(id, ({ what }) => what === 'start', 3);
  const cancelled = await fleet.act(id, 'cancel');
  expect(childStatuses(cancelled)).toEqual(['completed', ...Array(4).fill('cancelled')]);
  expect(cancelled).toMatchObject({
    status: 'cancelled',
    steps: [{ status: 'cancelled' }, { status: 'cancelled' }],
    progress: { total: 2, cancelled: 2 },
  });
  await fleet.untilLedger(id, ({ what }) => what === 'aborted', 2);
  expect(fleet.calls(id)).toHaveLength(3);
  expect(await fleet.plan(id)).toEqual(cancelled);
  const events = (await fleet.events(id)).flatMap(({ type, stepId }) => (type === 'step.cancelled' ? [stepId] : []));
  expect(events).toEqual([...range(4).map((i) => `each[${i + 1}]`), 'each', 'behind']);
});

test('executors killed in the middle: every element completes once, those that were running under the same key again', async () => {
  const [quick, slow] = [fleet.gate('quick'), fleet.gate('slow')];
  const files = range(12).map((i) => (i < 4 ? quick.file : slow.file));
  const { id } = await fleet.launch(
    draft(
      [
        recordStep('each', { value: '{{index}}', holdUntil: '{{item}}' }, { forEach: files }),
        recordStep('after', { value: '{{each.output[11].value}}' }),
      ],
      {
        maxParallelSteps: 4,
      },
    ),
  );
  quick.open();
  await fleet.untilLedger(id, ({ what, stepId }) => what === 'start' && range(4).some((i) => stepId === `each[${i + 4}]`), 4);
  await expect
    .poll(async () => childStatuses(await fleet.plan(id)).slice(0, 8))
    .toEqual([...Array(4).fill('completed'), ...Array(4).fill('running')]);
  await Promise.all(fleet.executors.map((executor) => executor.end('SIGKILL')));
  fleet.executors = [];
  slow.open();
  await fleet.startExecutor();
  await fleet.startExecutor();
  const plan = await fleet.until(id, 'completed');
  expect(stepOf(plan, 'each').output).toEqual(range(12).map((value) => ({ value })));
  const events = await fleet.events(id);
  for (const i of range(12)) {
    const child = `each[${i}]`;
    expect(
      events.filter(({ type, stepId }) => type === 'step.completed' && stepId === child),
      child,
    ).toHaveLength(1);
    const starts = fleet.ledger(id).filter(({ what, stepId }) => what === 'start' && stepId === child);
    const wasRunning = i >= 4 && i < 8;
    expect(
      starts.map(({ key, attempt }) => [key, attempt]),
      child,
    ).toEqual(Array(wasRunning ? 2 : 1).fill([`${id}.${child}.1`, 1]));
  }
  expect(events.filter(({ type, stepId }) => type === 'step.completed' && stepId === 'each')).toHaveLength(1);
  expect(fleet.calls(id).at(-1)).toBe('after');
});
