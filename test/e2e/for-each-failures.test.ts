import type { ChildView, Plan, PlanDraft, StepDraft } from '@countersign/shared';
import { foldEvents } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { recordStep, statuses, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2, env: { EXECUTOR_CONCURRENCY: '20', CLOCK_EVERY_MS: '100' } });
});
afterAll(() => fleet?.close());

const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({ objective: 'once for each', steps, options });
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
/** `{{item}}` is the input of the tool, so that each element can do something else. */
const each = (forEach: StepDraft['forEach'], more: Partial<StepDraft> = {}): StepDraft => ({
  ...recordStep('each'),
  input: {
    value: '{{item.value}}',
    holdUntil: '{{item.holdUntil}}',
    failAttempts: '{{item.failAttempts}}',
    failUntil: '{{item.failUntil}}',
    fatal: true,
  },
  forEach,
  ...more,
});
interface Element {
  value?: number;
  holdUntil?: string;
  failAttempts?: number;
  failUntil?: string;
}
/** The fixture's tool takes no null: a file that is there already holds nobody up. */
const element = (fields: Element = {}): StepDraft['input'] =>
  ({ value: null, holdUntil: fleet.ledgerFile, failAttempts: 0, failUntil: fleet.ledgerFile, ...fields }) as StepDraft['input'];
const elements = (fields: readonly Element[]) => fields.map((one) => element(one)) as NonNullable<StepDraft['forEach']>;
const childrenOf = (plan: Pick<Plan, 'steps'>): ChildView[] => stepOf(plan, 'each').children ?? [];
const childStatuses = (plan: Pick<Plan, 'steps'>): string[] => childrenOf(plan).map(({ status }) => status);
const reached = (planId: string, wanted: string[]) =>
  expect.poll(async () => childStatuses(await fleet.plan(planId)), { timeout: 30_000 }).toEqual(wanted);

test('stop: one element that fails for good fails its step; what runs is aborted, what has not started never is', async () => {
  const [never, now] = [fleet.gate('never').file, fleet.gate('stop-now')];
  const { id } = await fleet.launch(
    draft(
      [
        each(elements([{}, { holdUntil: never }, { holdUntil: now.file, failAttempts: 9 }, { holdUntil: never }, {}])),
        recordStep('behind', {}, { dependsOn: ['each'] }),
        recordStep('apart'),
        recordStep('tidy', { value: '{{each.error.message}}' }, { runIf: 'all_done' }),
      ],
      { maxParallelSteps: 3 },
    ),
  );
  // `apart` takes the place that the step itself had before it was expanded.
  await fleet.untilLedger(id, ({ what, stepId }) => what === 'start' && ['each[1]', 'each[2]', 'each[3]'].includes(stepId), 3);
  now.open();
  const plan = await fleet.until(id, 'failed');
  expect(childStatuses(plan)).toEqual(['completed', 'cancelled', 'failed', 'cancelled', 'cancelled']);
  expect(childrenOf(plan).map(({ reason }) => reason && [reason.kind, reason.detail.stepId])).toEqual([
    null,
    ['plan_stopped', 'each'],
    null,
    ['plan_stopped', 'each'],
    ['plan_stopped', 'each'],
  ]);
  expect(stepOf(plan, 'each')).toMatchObject({
    status: 'failed',
    output: null,
    error: { code: 'tool_error', message: '1 of 5 failed; each[2]: attempt 1 fails as it was told to' },
  });
  expect(stepOf(plan, 'behind')).toMatchObject({ status: 'skipped', reason: { kind: 'dependency_failed', detail: { stepId: 'each' } } });
  expect(stepOf(plan, 'tidy').output).toMatchObject({ value: expect.stringContaining('1 of 5 failed') });
  const aborted = fleet.ledger(id).flatMap(({ what, stepId }) => (what === 'aborted' ? [stepId] : []));
  expect(aborted.sort()).toEqual(['each[1]', 'each[3]']);
  expect(fleet.calls(id)).not.toContain('each[4]');
  const notStarted = (await fleet.events(id)).flatMap(({ type, stepId }) => (stepId === 'each[4]' ? [type] : []));
  expect(notStarted).toEqual(['step.ready', 'step.cancelled']);
  expect(plan.error).toMatchObject({ code: 'tool_error', stepId: 'each' });
  expect(plan.progress).toMatchObject({ total: 4, failed: 1, skipped: 1 });
});

test('continue: the other elements still run, then the step fails with the first failure, and the plan goes on', async () => {
  const last = fleet.gate('last-element');
  const { id } = await fleet.launch(
    draft(
      [
        each(elements([{}, { holdUntil: last.file, failAttempts: 9 }, { failAttempts: 9 }, {}, {}])),
        recordStep('behind', {}, { dependsOn: ['each'] }),
        recordStep('apart'),
        recordStep('report', { value: '{{each.status}}: {{each.error.message}}' }, { runIf: 'all_done' }),
      ],
      { stopOnError: false, maxParallelSteps: 2 },
    ),
  );
  await reached(id, ['completed', 'running', 'failed', 'completed', 'completed']);
  expect(stepOf(await fleet.plan(id), 'each').status).toBe('running');
  last.open();
  const plan = await fleet.until(id, 'partial');
  expect(childStatuses(plan)).toEqual(['completed', 'failed', 'failed', 'completed', 'completed']);
  expect(statuses(plan.steps)).toEqual({ each: 'failed', behind: 'skipped', apart: 'completed', report: 'completed' });
  const message = '2 of 5 failed; each[1]: attempt 1 fails as it was told to';
  expect(stepOf(plan, 'each').error).toEqual({ code: 'tool_error', message, retryable: false });
  expect(stepOf(plan, 'report').output).toEqual({ value: `failed: ${message}` });
  expect(fleet.calls(id).filter((called) => called.startsWith('each'))).toHaveLength(5);
});

test('each element has the attempts of its step; one that waits for its next says until when, and gives its place away', async () => {
  const retry = { maxAttempts: 2, delayMs: 600_000, maxDelayMs: 600_000 };
  const { id } = await fleet.launch(
    draft([{ ...each(elements([{ failAttempts: 1 }, {}, {}]), { retry }), input: { failAttempts: '{{item.failAttempts}}' } }], {
      allowParallel: false,
    }),
  );
  await reached(id, ['retrying', 'completed', 'completed']);
  const [waiting, ...others] = childrenOf(await fleet.plan(id));
  expect(waiting).toMatchObject({
    attempt: 1,
    error: { code: 'tool_error' },
    reason: { kind: 'backoff', detail: { attempt: 2, maxAttempts: 2 } },
  });
  expect(new Date(String(waiting?.reason?.detail.until)).getTime()).toBeGreaterThan(Date.now());
  expect(others.map(({ attempt }) => attempt)).toEqual([1, 1]);
  const plan = await fleet.act(id, 'cancel');
  expect(childStatuses(plan)).toEqual(['cancelled', 'completed', 'completed']);
});

test('elements are tried again by themselves, under the same key', async () => {
  const plan = await fleet.launchUntil(
    draft([
      {
        ...each(elements([{ value: 0, failAttempts: 2 }, { value: 1 }, { value: 2, failAttempts: 1 }]), {
          retry: { maxAttempts: 3, delayMs: 5 },
        }),
        input: { value: '{{item.value}}', failAttempts: '{{item.failAttempts}}' },
      },
    ]),
  );
  expect(stepOf(plan, 'each')).toMatchObject({ attempt: 1, output: range(3).map((value) => ({ value })) });
  expect(childrenOf(plan).map(({ attempt, error }) => [attempt, error])).toEqual([3, 1, 2].map((attempt) => [attempt, null]));
  const starts = fleet.ledger(plan.id).filter(({ what }) => what === 'start');
  const keys = starts.map(({ key, attempt }) => `${key} ${attempt}`).sort();
  expect(keys).toEqual(
    ['each[0].1 1', 'each[0].1 2', 'each[0].1 3', 'each[1].1 1', 'each[2].1 1', 'each[2].1 2'].map((key) => `${plan.id}.${key}`),
  );
  const retrying = (await fleet.events(plan.id)).filter(({ type }) => type === 'step.retrying');
  expect(retrying.map(({ stepId, attempt }) => `${stepId} ${attempt}`).sort()).toEqual(['each[0] 1', 'each[0] 2', 'each[2] 1']);
});

test.each([true, false])('retry by hand (stopOnError: %s) runs only the elements that had not completed', async (stopOnError) => {
  const mended = fleet.gate(`mended-${stopOnError}`);
  const { id } = await fleet.launchUntil(
    draft(
      [
        recordStep('first'),
        each(elements([{ value: 0 }, { value: 1 }, { value: 2, failUntil: mended.file }, { value: 3 }]), { dependsOn: ['first'] }),
      ],
      {
        stopOnError,
        allowParallel: false,
      },
    ),
    stopOnError ? 'failed' : 'partial',
  );
  const before = fleet.calls(id);
  expect(before).toEqual(['first', ...range(stopOnError ? 3 : 4).map((i) => `each[${i}]`)]);
  mended.open();
  await fleet.act(id, stopOnError ? 'retry' : 'steps/each/retry');
  const plan = await fleet.until(id, 'completed');
  expect(fleet.calls(id).slice(before.length)).toEqual(stopOnError ? ['each[2]', 'each[3]'] : ['each[2]']);
  expect(stepOf(plan, 'each').output).toEqual(range(4).map((value) => ({ value })));
  expect(childrenOf(plan).map(({ generation, attempt }) => [generation, attempt])).toEqual([
    [1, 1],
    [1, 1],
    [2, 1],
    [stopOnError ? 2 : 1, 1],
  ]);
  expect(fleet.ledger(id).at(-1)?.key).toBe(`${id}.each[${stopOnError ? 3 : 2}].2`);
  const folded = foldEvents(await fleet.events(id));
  expect(range(4).map((i) => folded.steps.get(`each[${i}]`)?.status)).toEqual(Array(4).fill('completed'));
});

test('retry from what a list comes from runs every element again', async () => {
  const plan = await fleet.launchUntil(
    draft([
      recordStep('list', { value: [0, 1] }),
      recordStep('each', { value: '{{item}}' }, { forEach: '{{list.output.value}}' }),
      recordStep('fails', { failAttempts: 1, fatal: true }, { dependsOn: ['each'] }),
    ]),
    'failed',
  );
  await fleet.act(plan.id, 'retry', { from: ['list'] });
  await expect
    .poll(async () => (await fleet.plan(plan.id)).steps.map(({ generation, status }) => `${status} ${generation}`))
    .toEqual(['completed 2', 'completed 2', 'failed 2']);
  expect(
    fleet
      .calls(plan.id)
      .filter((called) => called.startsWith('each['))
      .sort(),
  ).toEqual(['each[0]', 'each[0]', 'each[1]', 'each[1]']);
  const keys = fleet.ledger(plan.id).flatMap(({ what, key }) => (what === 'start' && key.includes('each[0]') ? [key] : []));
  expect(keys).toEqual([`${plan.id}.each[0].1`, `${plan.id}.each[0].2`]);
});

test('a person can not act on an element by itself', async () => {
  const { id } = await fleet.launchUntil(draft([each(elements([{ failAttempts: 9 }]))]), 'failed');
  for (const action of ['retry', 'skip', 'approve']) {
    const answer = await fleet.send(id, `steps/${encodeURIComponent('each[0]')}/${action}`);
    expect([action, answer.status, answer.body.code]).toEqual([action, 404, 'not_found']);
  }
});

test('a list of a clean-up step is run through after a stop', async () => {
  const plan = await fleet.launchUntil(
    draft([
      recordStep('fails', { failAttempts: 1, fatal: true }),
      recordStep('each', { value: '{{fails.status}} {{item}}' }, { forEach: range(5), runIf: 'all_done' }),
      recordStep('none', {}, { dependsOn: ['each'] }),
    ]),
    'failed',
  );
  expect(stepOf(plan, 'each').output).toEqual(range(5).map((i) => ({ value: `failed ${i}` })));
  expect(fleet.calls(plan.id).sort()).toEqual([...range(5).map((i) => `each[${i}]`), 'fails']);
});

test('when the time of the plan is up, every element that has not completed is cancelled for that reason', async () => {
  const never = fleet.gate('never').file;
  const plan = await fleet.launchUntil(
    draft([each(elements([{}, ...range(4).map(() => ({ holdUntil: never }))]))], { maxParallelSteps: 2, planTimeoutMs: 2_500 }),
    'failed',
  );
  expect(childStatuses(plan)).toEqual(['completed', ...Array(4).fill('cancelled')]);
  expect([...childrenOf(plan).slice(1), stepOf(plan, 'each')].map(({ reason }) => reason?.kind)).toEqual(Array(5).fill('plan_timeout'));
  expect(fleet.calls(plan.id)).toHaveLength(3);
});
