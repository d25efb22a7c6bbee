/** An operator's hand: running steps again, and skipping one. */
import type { JsonObject, PlanStatus, StepStatus } from '@countersign/shared';
import { countTime, reopen, settle } from './building-blocks.ts';
import { type Change, endStep, movePlan, note, patchPlan, setBack } from './changes.ts';
import { keptChildren } from './children.ts';
import type { CommandOf } from './commands.ts';
import { allBehind, definitionOf, type PlanState, type StepState, stepOf } from './plan-state.ts';
import { type Applied, done, refused, unchanged, wrongState } from './replies.ts';

const RETRYABLE_PLANS: readonly PlanStatus[] = ['failed', 'partial'];
const OPEN_TO_HANDS: readonly PlanStatus[] = ['failed', 'partial', 'executing', 'paused'];
const RETRYABLE_STEPS: readonly StepStatus[] = ['failed', 'skipped', 'cancelled'];
const SKIPPABLE_STEPS: readonly StepStatus[] = ['pending', 'awaiting_approval', 'failed'];

export function retry(state: PlanState, { actor, from }: CommandOf<'retry'>, now: number): Applied {
  if (!RETRYABLE_PLANS.includes(state.status)) return wrongState(state, state);
  if (from?.some((stepId) => !state.steps.some(({ id }) => id === stepId))) return refused(state, 'not_found');
  const chosen = from === null ? null : new Set([...from, ...allBehind(state, from)]);
  const again = (step: StepState) => (chosen === null ? endedBadly(step) : chosen.has(step.id));
  return done(runAgain(unchanged(state, now), actor, again));
}

export function retryStep(state: PlanState, { actor, stepId }: CommandOf<'retryStep'>, now: number): Applied {
  const step = stepOf(state, stepId);
  if (!OPEN_TO_HANDS.includes(state.status) || (!RETRYABLE_PLANS.includes(state.status) && state.stopping !== null)) {
    return wrongState(state, state);
  }
  if (!RETRYABLE_STEPS.includes(step.status)) return wrongState(state, step);
  const behind = allBehind(state, [stepId]);
  const again = (each: StepState) =>
    each.id === stepId || (behind.has(each.id) && (endedBadly(each) || isSkipped(each, 'dependency_skipped')));
  return done(runAgain(unchanged(state, now), actor, again));
}

const isSkipped = ({ status, reason }: StepState, kind: 'dependency_failed' | 'dependency_skipped'): boolean =>
  status === 'skipped' && reason?.kind === kind;

const endedBadly = (step: StepState): boolean =>
  step.status === 'failed' || step.status === 'cancelled' || isSkipped(step, 'dependency_failed');

function runAgain(change: Change, actor: string, again: (step: StepState) => boolean): Change {
  const steps = change.state.steps.filter(again).map(({ id }) => id);
  const isAsBefore = (stepId: string) => !definitionOf(change.state, stepId).dependsOn.some((id) => steps.includes(id));
  const childrenKept = (stepId: string) => (isAsBefore(stepId) ? keptChildren(change.state, stepId) : []);
  const kept = steps.flatMap(childrenKept).map(({ id }) => id);
  const data: JsonObject = kept.length === 0 ? { steps } : { steps, kept };
  const event = { type: 'plan.retried', actor, data } as const;
  let next = RETRYABLE_PLANS.includes(change.state.status)
    ? countTime(patchPlan(movePlan(change, 'executing', event), { stopping: null }))
    : note(change, event);
  for (const stepId of steps) {
    const { gate } = stepOf(change.state, stepId);
    // What people saw when they approved a gate was what its dependencies gave.
    const staysApproved = gate?.decision === 'approved' && isAsBefore(stepId);
    next = setBack(next, stepId, { gate: staysApproved ? gate : null, children: childrenKept(stepId) });
  }
  const generations = next.state.steps.map(({ generation }) => generation);
  return reopen(patchPlan(next, { highestGeneration: Math.max(next.state.highestGeneration, ...generations) }));
}

export function skip(state: PlanState, { actor, stepId }: CommandOf<'skip'>, now: number): Applied {
  const step = stepOf(state, stepId);
  if (!OPEN_TO_HANDS.includes(state.status)) return wrongState(state, state);
  if (!SKIPPABLE_STEPS.includes(step.status)) return wrongState(state, step);
  const skipped = endStep(unchanged(state, now), stepId, { to: 'skipped', reason: { kind: 'skipped_by_hand', stepId: null }, actor });
  return done(step.status === 'failed' ? skipped : settle(skipped, [stepId]));
}
