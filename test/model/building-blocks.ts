/** The building blocks of docs/engine.md: start, admit, settle, stop and finish. */
import type { StepStatus } from '@countersign/shared';
import {
  type Change,
  capOf,
  definitionOf,
  endStep,
  hasEnded,
  inflightOf,
  movePlan,
  moveStep,
  type Outcome,
  type PlanState,
  patchStep,
  type StepState,
  stepOf,
  waitsForCap,
} from './plan-state.ts';

export function start(change: Change): Change {
  let next = movePlan(change, 'executing', { type: 'plan.started', data: {} });
  for (const step of change.state.content.steps) {
    if (step.dependsOn.length === 0) next = moveStep(next, step.id, { to: 'ready' });
  }
  return admit(next);
}

export function admit(change: Change): Change {
  let next = change;
  while (next.state.stopping === null && inflightOf(next.state) < capOf(next.state)) {
    const first = next.state.steps.find(waitsForCap);
    if (first === undefined) break;
    const delivery = first.delivery + 1;
    next = moveStep(next, first.id, { to: 'queued', patch: { delivery, parked: false }, data: { delivery } });
  }
  return next;
}

/** Decides what waited for the step that ended, and what waited for that. */
export function settle(change: Change, endedId: string): Change {
  let next = change;
  const worklist = [endedId];
  for (let id = worklist.shift(); id !== undefined; id = worklist.shift()) {
    for (const dependent of dependentsOf(next.state, id)) {
      if (hasEnded(stepOf(next.state, dependent))) continue;
      next = countOutcome(next, dependent, stepOf(next.state, id));
      next = decide(next, dependent);
      if (stepOf(next.state, dependent).status === 'skipped') worklist.push(dependent);
    }
  }
  return finish(admit(next));
}

/** Stops the plan on a step's terminal failure. */
export function stop(change: Change, failedId: string): Change {
  let next: Change = { ...change, state: { ...change.state, stopping: failedId } };
  const behind = allBehind(next.state, failedId);
  for (const step of next.state.steps) {
    if (hasEnded(step) || step.status === 'running') continue;
    next = behind.has(step.id)
      ? endStep(next, step.id, { to: 'skipped', reason: { kind: 'dependency_failed', stepId: failedId } })
      : endStep(next, step.id, { to: 'cancelled', reason: { kind: 'plan_stopped', stepId: failedId } });
  }
  return finish(next);
}

export function finish(change: Change): Change {
  const { steps, stopping } = change.state;
  const any = (status: StepStatus) => steps.some((step) => step.status === status);
  if (stopping !== null) return any('running') ? change : movePlan(change, 'failed', { type: 'plan.failed', data: {} });
  if (!steps.every(hasEnded)) return change;
  if (!any('failed')) return movePlan(change, 'completed', { type: 'plan.completed', data: {} });
  if (any('completed')) return movePlan(change, 'partial', { type: 'plan.partial', data: {} });
  return movePlan(change, 'failed', { type: 'plan.failed', data: {} });
}

const dependentsOf = (state: PlanState, stepId: string): string[] =>
  state.content.steps.filter(({ dependsOn }) => dependsOn.includes(stepId)).map(({ id }) => id);

function allBehind(state: PlanState, stepId: string): Set<string> {
  const behind = new Set(dependentsOf(state, stepId));
  for (const id of behind) for (const further of dependentsOf(state, id)) behind.add(further);
  return behind;
}

/** What an ended step counts as for those behind it. A step skipped behind a failure is one more failure. */
function outcomeOf({ status, reason }: StepState): Outcome {
  if (status === 'completed') return 'succeeded';
  if (status === 'skipped' && reason?.kind !== 'dependency_failed') return 'skipped';
  return 'failed';
}

function countOutcome(change: Change, stepId: string, dependency: StepState): Change {
  const { outcomes, failedBehind } = stepOf(change.state, stepId);
  const outcome = outcomeOf(dependency);
  const failure = outcome === 'failed' ? (dependency.reason?.stepId ?? dependency.id) : null;
  return patchStep(change, stepId, {
    outcomes: { ...outcomes, [outcome]: outcomes[outcome] + 1 },
    failedBehind: failedBehind ?? failure,
  });
}

/** Makes a step ready or skips it once none of its dependencies is left, by the rule `none_failed_min_one_success`. */
function decide(change: Change, stepId: string): Change {
  const { outcomes, failedBehind } = stepOf(change.state, stepId);
  const { dependsOn } = definitionOf(change.state, stepId);
  if (outcomes.succeeded + outcomes.failed + outcomes.skipped < dependsOn.length) return change;
  if (outcomes.failed > 0) return endStep(change, stepId, { to: 'skipped', reason: { kind: 'dependency_failed', stepId: failedBehind } });
  if (outcomes.succeeded === 0) return endStep(change, stepId, { to: 'skipped', reason: { kind: 'dependency_skipped', stepId: null } });
  return moveStep(change, stepId, { to: 'ready' });
}
