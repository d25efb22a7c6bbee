/** Queues of their own that tools name: what they let through over the whole fleet, and who serves them. */
import type { Plan, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { type LedgerLine, mostAtOnce } from './ledger.ts';
import { startService } from './processes.ts';
import { recordStep, statuses, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 0 });
});
afterAll(() => fleet?.close());
beforeEach(async () => {
  await Promise.all(fleet.executors.map((executor) => executor.end('SIGKILL')));
  fleet.executors = [];
});

const narrowStep = (id: string, input: StepDraft['input'] = {}, more: Partial<StepDraft> = {}): StepDraft =>
  recordStep(id, input, { tool: 'test.queued', ...more });

const launch = (steps: StepDraft[]): Promise<Plan> =>
  fleet.launch({ objective: 'test what queues let through', steps, options: { maxParallelSteps: 20 } });

/** Both executors take steps while what is limited has to wait: this plan has run on them in the meantime. */
const witness = (): Promise<Plan> =>
  fleet.launchUntil({ objective: 'run meanwhile', steps: Array.from({ length: 5 }, (_, i) => recordStep(`witness-${i}`)) });

const started = ({ what }: LedgerLine): boolean => what === 'start';

describe('a queue with a limit', () => {
  test('of one step at a time runs one at a time over all executors, also those that follow one another', async () => {
    await fleet.startExecutor({ QUEUES: '{"narrow":{"concurrency":1}}' });
    // The limit is the queue's: an executor that says nothing of it keeps to it.
    await fleet.startExecutor();
    const ids = ['chain-1', 'chain-2', 'chain-3', 'alone-1', 'alone-2', 'alone-3'];
    const gates = new Map(ids.map((id) => [id, fleet.gate(id)]));
    const held = (id: string, more: Partial<StepDraft> = {}) => narrowStep(id, { holdUntil: gates.get(id)?.file ?? '' }, more);
    const plan = await launch([
      held('chain-1'),
      held('chain-2', { dependsOn: ['chain-1'] }),
      held('chain-3', { dependsOn: ['chain-2'] }),
      ...['alone-1', 'alone-2', 'alone-3'].map((id) => held(id)),
    ]);
    for (let count = 1; count <= ids.length; count++) {
      await fleet.untilLedger(plan.id, started, count);
      await witness();
      const running = fleet.calls(plan.id);
      expect(running).toHaveLength(count);
      gates.get(running.at(-1) ?? '')?.open();
    }
    await fleet.until(plan.id, 'completed');
    expect(mostAtOnce(fleet.ledger(plan.id))).toBe(1);
    expect(fleet.calls(plan.id).sort()).toEqual([...ids].sort());
  });

  test('of a rate starts as many as the rate allows, and the rest say what they wait in; another limit lets them on', async () => {
    const rate = (max: number) => fleet.startExecutor({ QUEUES: JSON.stringify({ narrow: { rate: { max, durationMs: 60_000 } } }) });
    await rate(2);
    await rate(2);
    const plan = await launch([
      narrowStep('chain-1'),
      narrowStep('chain-2', {}, { dependsOn: ['chain-1'] }),
      narrowStep('chain-3', {}, { dependsOn: ['chain-2'] }),
      narrowStep('alone-1'),
      narrowStep('alone-2'),
    ]);
    const letsThrough = async (count: number): Promise<void> => {
      await expect.poll(async () => (await fleet.plan(plan.id)).progress.completed, { timeout: 20_000 }).toBe(count);
      await witness();
      expect(fleet.calls(plan.id)).toHaveLength(count);
      const { status, steps } = await fleet.plan(plan.id);
      expect(status).toBe('executing');
      const queued = steps.filter((step) => step.status === 'queued');
      expect(queued.length).toBeGreaterThan(0);
      for (const { reason } of queued) expect(reason).toMatchObject({ kind: 'queued', detail: { queue: 'narrow' } });
    };
    await letsThrough(2);
    await rate(4);
    await letsThrough(4);
    await fleet.startExecutor({ QUEUES: '{"narrow":{}}' });
    await fleet.until(plan.id, 'completed');
    expect(fleet.calls(plan.id)).toHaveLength(5);
  });
});

describe('an executor with EXECUTOR_QUEUES', () => {
  test.each([
    ['steps', 'narrow'],
    ['narrow', 'steps'],
  ])('that serves %s never takes what is in %s', async (served, other) => {
    const one = await fleet.startExecutor({ EXECUTOR_QUEUES: served });
    const idsOf = (queue: string): string[] => Array.from({ length: 4 }, (_, i) => `${queue}-${i}`);
    const plan = await launch([...idsOf('narrow').map((id) => narrowStep(id)), ...idsOf('steps').map((id) => recordStep(id))]);
    await expect.poll(async () => (await fleet.plan(plan.id)).progress.completed, { timeout: 20_000 }).toBe(4);
    const { steps } = await fleet.plan(plan.id);
    expect(statuses(steps)).toEqual(
      Object.fromEntries([...idsOf(served).map((id) => [id, 'completed']), ...idsOf(other).map((id) => [id, 'queued'])]),
    );
    expect(stepOf({ steps }, `${other}-0`).reason).toMatchObject({ kind: 'queued', detail: { queue: other } });

    const two = await fleet.startExecutor({ EXECUTOR_QUEUES: other });
    await fleet.until(plan.id, 'completed');
    const takers = Object.fromEntries(fleet.ledger(plan.id).map(({ stepId, pid }) => [stepId, pid]));
    expect(takers).toEqual(Object.fromEntries([...idsOf(served).map((id) => [id, one.pid]), ...idsOf(other).map((id) => [id, two.pid])]));
  });
});

test.each([
  ['{"narrow":', 'must be JSON like'],
  ['{"planning":{"concurrency":1}}', "planning: `planning` is a queue of Countersign's own and takes no steps"],
])('an executor does not start with QUEUES=%s, and says in one line what is wrong', async (QUEUES, words) => {
  const executor = startService('executor', { REDIS_URL: fleet.redis.url, QUEUES });
  expect(await executor.ended()).toBe(78);
  const said = executor.log().filter(({ message }) => String(message).includes('QUEUES'));
  expect(said).toHaveLength(1);
  expect(said[0]?.message).toContain(words);
});
