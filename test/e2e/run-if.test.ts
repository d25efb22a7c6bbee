import { type Event, type PlanDraft, RUN_IF, type StepDraft, type StepView } from '@countersign/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { placeOf } from './ledger.ts';
import { recordStep, statuses, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2, env: { CLOCK_EVERY_MS: '100' } });
});
afterAll(() => fleet?.close());

const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({
  objective: 'run where it is wanted',
  steps,
  options,
});

/** For each outcome of the dependencies: which of the four rules run, and the reason of those that don't. */
const OUTCOMES: { of: string; dependsOn: string[]; runs: readonly StepView['runIf'][]; reason?: string; names?: string }[] = [
  { of: 'none', dependsOn: [], runs: RUN_IF },
  { of: 'succeeded', dependsOn: ['ok', 'ok2'], runs: RUN_IF },
  {
    of: 'succeeded-skipped',
    dependsOn: ['ok', 'no'],
    runs: ['none_failed_min_one_success', 'none_failed', 'all_done'],
    reason: 'dependency_skipped',
  },
  { of: 'skipped', dependsOn: ['no', 'no2'], runs: ['none_failed', 'all_done'], reason: 'dependency_skipped' },
  { of: 'succeeded-failed', dependsOn: ['ok', 'bad'], runs: ['all_done'], reason: 'dependency_failed', names: 'bad' },
  { of: 'skipped-failed', dependsOn: ['no', 'bad'], runs: ['all_done'], reason: 'dependency_failed', names: 'bad' },
  { of: 'failed', dependsOn: ['bad'], runs: ['all_done'], reason: 'dependency_failed', names: 'bad' },
  { of: 'behind-failure', dependsOn: ['behind'], runs: ['all_done'], reason: 'dependency_failed', names: 'bad' },
  { of: 'behind-skipped', dependsOn: ['behind-no'], runs: ['none_failed', 'all_done'], reason: 'dependency_skipped' },
  { of: 'clean-up-of-failure', dependsOn: ['tidied'], runs: RUN_IF },
];

test('the four rules, with every outcome of what a step depends on', async () => {
  const steps = [
    recordStep('ok'),
    recordStep('ok2'),
    recordStep('no', {}, { when: 'false' }),
    recordStep('no2', {}, { when: 'false' }),
    recordStep('bad', { failAttempts: 1, fatal: true }),
    recordStep('behind', {}, { dependsOn: ['bad'] }),
    recordStep('behind-no', {}, { dependsOn: ['no'] }),
    recordStep('tidied', {}, { dependsOn: ['bad'], runIf: 'all_done' }),
  ];
  const asked = OUTCOMES.flatMap(({ of, dependsOn }) => RUN_IF.map((runIf) => recordStep(`${of}-${runIf}`, {}, { dependsOn, runIf })));
  const plan = await fleet.launchUntil(draft([...steps, ...asked], { stopOnError: false, maxParallelSteps: 20 }), 'partial');
  const called = fleet.calls(plan.id);
  for (const { of, runs, reason, names } of OUTCOMES) {
    expect(
      RUN_IF.filter((runIf) => called.includes(`${of}-${runIf}`)),
      of,
    ).toEqual(runs);
    for (const runIf of RUN_IF) {
      const expected = runs.includes(runIf)
        ? { status: 'completed', reason: null }
        : { status: 'skipped', reason: { kind: reason, ...(names && { detail: { stepId: names } }) } };
      expect(stepOf(plan, `${of}-${runIf}`), `${of} ${runIf}`).toMatchObject(expected);
    }
  }
  expect(new Set(called).size).toBe(called.length);
});

test('a step that says nothing has the default rule, and a rule that there is not is refused', async () => {
  const created = await fleet.createPlan({ ...draft([recordStep('a')]), draft: true });
  expect(created.steps[0]?.runIf).toBe('none_failed_min_one_success');
  const answer = await fleet.call('POST', '/v1/plans', { body: draft([{ ...recordStep('a'), runIf: 'sometimes' as StepView['runIf'] }]) });
  expect([answer.status, answer.body.issues[0].path, answer.body.issues[0].code]).toEqual([422, 'steps[0].runIf', 'bad_option']);
});

const last = (events: readonly Event[]): string | undefined => events.at(-1)?.type;

describe('clean-up', () => {
  test('runs after a stop on error, when all that it waits for has ended, and before the plan ends', async () => {
    const [never, now] = [fleet.gate('never'), fleet.gate('fail-now')];
    const { id } = await fleet.launch(
      draft(
        [
          recordStep('runs', { holdUntil: never.file }),
          recordStep('fails', { holdUntil: now.file, failAttempts: 1, fatal: true }),
          recordStep('behind', {}, { dependsOn: ['fails'] }),
          recordStep('waits', {}),
          recordStep(
            'tidy',
            { value: '{{runs.status}}, {{fails.error.code}}, {{behind.status}}, {{waits.status}}' },
            { runIf: 'all_done' },
          ),
          recordStep('tidy-more', {}, { dependsOn: ['tidy'], runIf: 'all_done' }),
          recordStep('no-clean-up', {}, { dependsOn: ['tidy'] }),
        ],
        { maxParallelSteps: 2 },
      ),
    );
    await fleet.untilLedger(id, ({ what }) => what === 'start', 2);
    now.open();
    const plan = await fleet.until(id, 'failed');
    expect(statuses(plan.steps)).toEqual({
      runs: 'cancelled',
      fails: 'failed',
      behind: 'skipped',
      waits: 'cancelled',
      tidy: 'completed',
      'tidy-more': 'completed',
      'no-clean-up': 'skipped',
    });
    expect(stepOf(plan, 'tidy').output).toEqual({ value: 'cancelled, tool_error, skipped, cancelled' });
    const lines = fleet.ledger(id);
    expect(fleet.calls(id).slice(2)).toEqual(['tidy', 'tidy-more']);
    expect(placeOf(lines, 'tidy', 'start')).toBeGreaterThan(placeOf(lines, 'runs', 'aborted'));
    expect(plan.error).toMatchObject({ code: 'tool_error', stepId: 'fails' });
    expect(last(await fleet.events(id))).toBe('plan.failed');
  });

  test('is not aborted when the plan stops while it runs, and tries again as often as it may', async () => {
    const [held, now] = [fleet.gate('held'), fleet.gate('fail-then')];
    const { id } = await fleet.launch(
      draft([
        recordStep('first'),
        recordStep(
          'tidy',
          { holdUntil: held.file, failAttempts: 1 },
          { dependsOn: ['first'], runIf: 'all_done', retry: { maxAttempts: 2, delayMs: 1 } },
        ),
        recordStep('runs', { holdUntil: fleet.gate('never').file }),
        recordStep('fails', { holdUntil: now.file, failAttempts: 1, fatal: true }),
      ]),
    );
    await fleet.untilLedger(id, ({ what, stepId }) => what === 'start' && stepId !== 'first', 3);
    now.open();
    await fleet.untilLedger(id, ({ what, stepId }) => what === 'aborted' && stepId === 'runs');
    expect(await fleet.plan(id)).toMatchObject({ status: 'executing', steps: [{}, { status: 'running' }, {}, { status: 'failed' }] });
    held.open();
    const plan = await fleet.until(id, 'failed');
    expect(statuses(plan.steps)).toEqual({ first: 'completed', tidy: 'completed', runs: 'cancelled', fails: 'failed' });
    const tidied = fleet.ledger(id).filter(({ stepId }) => stepId === 'tidy');
    expect(tidied.map(({ what, attempt }) => `${what} ${attempt}`)).toEqual(['start 1', 'failed 1', 'start 2', 'end 2']);
  });

  test('that fails as well leaves the first failure as the error of the plan', async () => {
    const plan = await fleet.launchUntil(
      draft([
        recordStep('fails', { failAttempts: 1, fatal: true }),
        recordStep('tidy', { failAttempts: 9 }, { dependsOn: ['fails'], runIf: 'all_done' }),
        recordStep('tidy-too', {}, { dependsOn: ['tidy'], runIf: 'all_done' }),
      ]),
      'failed',
    );
    expect(statuses(plan.steps)).toEqual({ fails: 'failed', tidy: 'failed', 'tidy-too': 'completed' });
    expect(plan.error?.stepId).toBe('fails');
  });

  test('runs after the time of the plan is up', async () => {
    const plan = await fleet.launchUntil(
      draft(
        [
          recordStep('runs', { holdUntil: fleet.gate('never').file }),
          recordStep('behind', {}, { dependsOn: ['runs'] }),
          recordStep('tidy', { value: '{{runs.status}}' }, { runIf: 'all_done' }),
        ],
        { planTimeoutMs: 1_000 },
      ),
      'failed',
    );
    expect(fleet.calls(plan.id)).toEqual(['runs', 'tidy']);
    expect(statuses(plan.steps)).toEqual({ runs: 'cancelled', behind: 'cancelled', tidy: 'completed' });
    expect(stepOf(plan, 'runs').reason?.kind).toBe('plan_timeout');
  });

  test('does not run after a cancel, and is ended by one', async () => {
    const never = fleet.gate('never');
    const { id } = await fleet.launch(
      draft([
        recordStep('runs', { holdUntil: never.file }),
        recordStep('tidy', {}, { dependsOn: ['runs'], runIf: 'all_done' }),
        recordStep('tidying', { holdUntil: never.file }, { runIf: 'all_done' }),
      ]),
    );
    await fleet.untilLedger(id, ({ what }) => what === 'start', 2);
    const cancelled = await fleet.act(id, 'cancel');
    expect(statuses(cancelled.steps)).toEqual({ runs: 'cancelled', tidy: 'cancelled', tidying: 'cancelled' });
    await fleet.untilLedger(id, ({ what }) => what === 'aborted', 2);
    expect(fleet.calls(id).sort()).toEqual(['runs', 'tidying']);
    expect(await fleet.plan(id)).toEqual(cancelled);
  });
});
