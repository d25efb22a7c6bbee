/** Whether a step whose dependencies have ended runs: its branch and its `runIf`. */
import type { Step } from '@countersign/shared';
import { definitionOf, type EndReason, hasEnded, type Outcome, type PlanState, type StepState, stepOf } from './plan-state.ts';

/** What an ended step counts as for those behind it. A step skipped behind a failure is one more failure. */
function outcomeOf({ status, reason }: StepState): Outcome {
  if (status === 'completed') return 'succeeded';
  return status === 'skipped' && reason?.kind !== 'dependency_failed' ? 'skipped' : 'failed';
}

/** What is counted of a step's dependencies. */
export type Counted = Pick<StepState, 'outcomes' | 'failedBehind'>;

const NOTHING_COUNTED: Counted = { outcomes: { succeeded: 0, failed: 0, skipped: 0 }, failedBehind: null };

/** Counts one more dependency that has ended. A step that was skipped behind a failure passes on whose it was. */
export function countDependency({ outcomes, failedBehind }: Counted, dependency: StepState): Counted {
  const outcome = outcomeOf(dependency);
  const origin = dependency.status === 'skipped' ? dependency.reason?.stepId : dependency.id;
  const failure = outcome === 'failed' ? (origin ?? dependency.id) : null;
  return { outcomes: { ...outcomes, [outcome]: outcomes[outcome] + 1 }, failedBehind: failedBehind ?? failure };
}

/** Counts those dependencies of a step that have ended, in array order. */
export const countAnew = (state: PlanState, { dependsOn }: Step): Counted =>
  state.steps.filter((step) => dependsOn.includes(step.id) && hasEnded(step)).reduce(countDependency, NOTHING_COUNTED);

const ACCEPTS: Record<Step['runIf'], (outcomes: StepState['outcomes']) => boolean> = {
  none_failed_min_one_success: ({ succeeded, failed, skipped }) => failed === 0 && (succeeded > 0 || skipped === 0),
  all_success: ({ failed, skipped }) => failed === 0 && skipped === 0,
  none_failed: ({ failed }) => failed === 0,
  all_done: () => true,
};

/** `wait` while a dependency is left; otherwise the step may run, or is skipped for a reason. */
export type Verdict = 'wait' | 'run' | EndReason;

export function verdictOn(state: PlanState, stepId: string): Verdict {
  const { outcomes, failedBehind } = stepOf(state, stepId);
  const { dependsOn, runIf } = definitionOf(state, stepId);
  if (outcomes.succeeded + outcomes.failed + outcomes.skipped < dependsOn.length) return 'wait';

  const conditions = dependsOn.filter((id) => sideOf(state, { condition: id, stepId }) !== null);
  const untaken = conditions.find((condition) => isUntaken(state, { condition, stepId }));
  if (untaken !== undefined) return { kind: 'branch_not_taken', stepId: untaken };

  const conditionFailed = conditions.some((condition) => outcomeOf(stepOf(state, condition)) === 'failed');
  if (ACCEPTS[runIf](outcomes) && !conditionFailed) return 'run';
  return outcomes.failed > 0 ? { kind: 'dependency_failed', stepId: failedBehind } : { kind: 'dependency_skipped', stepId: null };
}

interface Branch {
  condition: string;
  stepId: string;
}

/** The value of the condition with which the step runs; null when it does not hang on that step. */
function sideOf(state: PlanState, { condition, stepId }: Branch): boolean | null {
  const { ifTrue, ifFalse } = definitionOf(state, condition);
  if (ifTrue.includes(stepId)) return true;
  return ifFalse.includes(stepId) ? false : null;
}

function isUntaken(state: PlanState, branch: Branch): boolean {
  const condition = stepOf(state, branch.condition);
  if (condition.status === 'completed') return condition.output === String(!sideOf(state, branch));
  return outcomeOf(condition) === 'skipped';
}
