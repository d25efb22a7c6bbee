/**
 * What the random sequences reach, on the model alone: every event, every reason, every refusal of every command. What
 * they never reach, the comparison with the store says nothing about. MODEL_REACH=1 prints how often each was met.
 */
import { type EventType, PLAN_EVENT_TYPES, STEP_EVENT_TYPES, type StepReason, type StepStatus } from '@countersign/shared';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Command, DueDone } from './commands.ts';
import { expectedPlan, withChildren } from './comparable.ts';
import { expectFold } from './comparable-events.ts';
import { type Intent, intents, START } from './generators.ts';
import { expectInvariants } from './invariants.ts';
import { type Move, movesOf } from './moves.ts';
import { submission } from './plan-generator.ts';
import { type PlanState, parentIdOf } from './plan-state.ts';
import { type Clock, modelSide } from './sides.ts';
import { createCommand, type Submission } from './submission.ts';

const RUNS = 1_500;
const SEED = 7;

/** What was met, and how often. */
type Met = Map<string, number>;

const note = (met: Met, what: string): void => {
  met.set(what, (met.get(what) ?? 0) + 1);
};

const REASONS: readonly StepReason['kind'][] = [
  'dependencies',
  'cap',
  'queued',
  'backoff',
  'paused',
  'approval',
  'plan_not_started',
  'dependency_failed',
  'dependency_skipped',
  'plan_stopped',
  'plan_cancelled',
  'plan_timeout',
  'condition_false',
  'branch_not_taken',
  'skipped_by_hand',
  'pinned',
];
const DUE: readonly DueDone['what'][] = ['plan_started', 'plan_expired', 'plan_timed_out', 'gate_expired'];
const BUSY: readonly StepStatus[] = ['pending', 'awaiting_approval', 'ready', 'queued', 'running', 'retrying'];

const CHILD_EVENT_TYPES: readonly EventType[] = [
  'step.ready',
  'step.queued',
  'step.started',
  'step.retrying',
  'step.completed',
  'step.failed',
  'step.cancelled',
];
const CHILD_REASONS: readonly StepReason['kind'][] = [
  'cap',
  'queued',
  'backoff',
  'paused',
  'plan_stopped',
  'plan_cancelled',
  'plan_timeout',
];
const BUSY_CHILD: readonly StepStatus[] = ['ready', 'queued', 'running', 'retrying'];

/** The refusals of each command, but for not_found, which all of them have. `wrong_state` is of the plan, or of the step. */
const REFUSALS: Partial<Record<Command['do'], readonly string[]>> = {
  submit: ['wrong_state completed', 'stale_digest', 'policy_denied'],
  redecide: ['wrong_state draft', 'wrong_state executing', 'stale_digest'],
  approve: [
    ...['wrong_state draft', 'wrong_state expired', 'stale_digest', 'already_voted'],
    ...['policy_changed', 'policy_denied', 'forbidden'],
  ],
  reject: ['wrong_state rejected', 'stale_digest', 'already_voted'],
  cancel: ['wrong_state cancelled'],
  delete: ['wrong_state executing'],
  pause: ['wrong_state paused'],
  resume: ['wrong_state executing'],
  retry: ['wrong_state executing', 'wrong_state completed', 'wrong_state paused'],
  revise: ['wrong_state executing', 'wrong_state completed', 'stale_digest', 'policy_denied'],
  retryStep: ['wrong_state executing', 'wrong_state pending', 'wrong_state running', 'wrong_state pending_approval'],
  skip: ['wrong_state running', 'wrong_state queued', 'wrong_state draft', 'wrong_state skipped'],
  approveGate: ['wrong_state pending', 'wrong_state failed', 'already_voted'],
  rejectGate: ['wrong_state pending', 'wrong_state completed', 'already_voted'],
  claim: ['plan_not_executing', 'stale_delivery', 'not_due', 'parked', 'not_queued', 'plan_stopping', 'too_many_crashes'],
  begin: ['plan_not_executing', 'plan_stopping', 'stale_token'],
  decline: ['plan_not_executing', 'stale_token'],
  ask: ['plan_not_executing', 'plan_stopping', 'stale_token'],
  expand: ['plan_not_executing', 'plan_stopping', 'stale_token'],
  complete: ['plan_not_executing', 'stale_token'],
  fail: ['plan_not_executing', 'stale_token'],
  release: ['plan_not_executing', 'stale_token'],
};

const EXPECTED: readonly string[] = [
  ...PLAN_EVENT_TYPES,
  ...STEP_EVENT_TYPES.filter((type) => type !== 'step.progress'),
  ...REASONS.map((kind) => `reason ${kind}`),
  ...DUE,
  ...BUSY.map((status) => `${status} while paused`),
  ...BUSY.map((status) => `${status} while stopping`),
  ...CHILD_EVENT_TYPES.map((type) => `child ${type}`),
  ...CHILD_REASONS.map((kind) => `child reason ${kind}`),
  ...BUSY_CHILD.map((status) => `child ${status} while paused`),
  ...BUSY_CHILD.map((status) => `child ${status} while stopping`),
  ...(['running', 'completed', 'failed', 'cancelled'] as const).map((status) => `expanded and ${status}`),
  'expand',
  'a child of an earlier generation',
  ...Object.entries(REFUSALS).flatMap(([verb, refusals]) => ['not_found', ...refusals].map((refusal) => `${verb}: ${refusal}`)),
];

async function explore(spec: Submission, list: readonly Intent[], met: Met): Promise<void> {
  const clock: Clock = { now: START };
  const model = modelSide(await createCommand(spec), clock);
  const past: Move[] = [];
  let last = model.state() as PlanState;
  for (const intent of list) {
    for (const move of await movesOf(intent, { state: model.state(), last, now: clock.now, past })) {
      past.push(move);
      if (move.do === 'wait') {
        clock.now += move.ms;
        continue;
      }
      const before = model.state();
      const reply = await model.run(move);
      const status = reply.ok ? '' : (reply.detail?.status ?? '');
      note(met, reply.ok ? move.do : `${move.do}: ${reply.refusal}${status && ` ${status}`}`);
      for (const { what } of reply.ok ? (reply.due ?? []) : []) note(met, what);
      const state = model.state();
      if (state === null) break;
      const after = expectedPlan(state);
      for (const run of withChildren(after.steps)) {
        const whose = parentIdOf(run.id) === null ? '' : 'child ';
        note(met, `${whose}reason ${run.reason}`);
        if (state.status === 'paused') note(met, `${whose}${run.status} while paused`);
        if (state.status === 'executing' && state.stopping !== null) note(met, `${whose}${run.status} while stopping`);
      }
      for (const { status, children } of after.steps) if (children !== null) note(met, `expanded and ${status}`);
      if (after.steps.some(({ generation, children }) => children?.some((child) => child.generation < generation))) {
        note(met, 'a child of an earlier generation');
      }
      expectInvariants({ content: state.content, before: before === null ? null : expectedPlan(before), command: move, after });
      last = state;
    }
  }
  const events = await model.events();
  for (const { type, stepId = '' } of events) note(met, parentIdOf(stepId) === null ? type : `child ${type}`);
  expectFold(events, expectedPlan(last));
}

test('random sequences reach it all, and the model keeps the invariants', { timeout: 120_000 }, async () => {
  const met: Met = new Map();
  await fc.assert(
    fc.asyncProperty(submission, intents, (spec, list) => explore(spec, list, met)),
    { seed: SEED, numRuns: RUNS },
  );
  if (process.env.MODEL_REACH !== undefined)
    console.log(
      [...met]
        .sort()
        .map(([what, times]) => `${times} ${what}`)
        .join('\n'),
    );
  expect(
    EXPECTED.filter((what) => !met.has(what)),
    'what they never met',
  ).toEqual([]);
});
