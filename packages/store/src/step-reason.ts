/** Why a step waits, or did not run, for a machine and for a person. */
import {
  isEndedPlan,
  isEndedStep,
  type JsonObject,
  type PlanStatus,
  type Step,
  type StepReason,
  type StepStatus,
} from '@countersign/shared';
import type { StepState } from './step-state.ts';
import { isoTime } from './time.ts';

export interface ReasonScope {
  step: Step;
  /** of the step, or of one of its children */
  state: StepState;
  /** '' for the state of the step itself */
  child: string;
  planStatus: PlanStatus;
  /** when an approved plan starts; null where it does at once */
  startAt: string | null;
  cap: number;
  /** how a gate stands, once it has asked */
  gate: { have: number; need: number; deadline: string | null } | null;
  /** the steps that only wait for the cap */
  parked: ReadonlySet<string>;
  queue: string;
  statusOf(stepId: string): StepStatus;
}

const capReason = (cap: number): StepReason => ({ kind: 'cap', text: `waits for one of the plan's ${cap} places`, detail: { cap } });

export function reasonOf(scope: ReasonScope): StepReason | null {
  const { state, planStatus } = scope;
  if (state.status === 'skipped' || state.status === 'cancelled') return endReason(scope);
  if (state.status === 'completed' && state.reason === 'pinned') {
    const text = `completed in revision ${state.cause} and is the same in this one: not run again`;
    return { kind: 'pinned', text, detail: { revision: Number(state.cause) } };
  }
  if (isEndedStep(state.status) || state.status === 'running') return null;
  if (isEndedPlan(planStatus)) return { kind: 'plan_stopped', text: `will not run: the plan is ${planStatus}`, detail: { planStatus } };
  if (planStatus === 'draft' || planStatus === 'pending_approval' || planStatus === 'approved') return notStarted(scope);
  return waitingReason(scope);
}

function notStarted({ planStatus, startAt }: ReasonScope): StepReason {
  if (planStatus === 'approved' && startAt !== null) {
    return { kind: 'plan_not_started', text: `the plan is approved and starts at ${startAt}`, detail: { planStatus, startAt } };
  }
  const text = planStatus === 'pending_approval' ? 'the plan waits for an approval' : `the plan is ${planStatus}`;
  return { kind: 'plan_not_started', text, detail: { planStatus } };
}

function waitingReason({ step, state, child, planStatus, cap, gate, parked, queue, statusOf }: ReasonScope): StepReason {
  if (state.status === 'pending') {
    const waitsFor = step.dependsOn.filter((id) => !isEndedStep(statusOf(id)));
    const more = waitsFor.length > 10 ? ` and ${waitsFor.length - 10} more` : '';
    return { kind: 'dependencies', text: `waits for ${waitsFor.slice(0, 10).join(', ')}${more}`, detail: { steps: waitsFor } };
  }
  if (state.status === 'awaiting_approval') {
    const { have, need, deadline } = gate ?? { have: 0, need: 1, deadline: null };
    const until = deadline === null ? '' : `, until ${deadline}`;
    return { kind: 'approval', text: `waits for approval ${have + 1} of ${need}${until}`, detail: { have, need, deadline } };
  }
  if (planStatus === 'paused') return { kind: 'paused', text: 'the plan is paused', detail: {} };
  if (state.status === 'retrying' && !parked.has(child || step.id)) {
    const until = isoTime(state.notBefore);
    const detail = { until, attempt: state.attempt + 1, maxAttempts: step.retry.maxAttempts };
    return { kind: 'backoff', text: `tries again at ${until}`, detail };
  }
  if (state.status === 'retrying' || state.status === 'ready') return capReason(cap);
  return { kind: 'queued', text: `in the queue \`${queue}\`: waits for an executor`, detail: { queue } };
}

/** Why a step did not run, by the words that the scripts write. */
function endReason({ step, state: { reason, cause } }: ReasonScope): StepReason {
  const detail: JsonObject = cause === '' ? {} : { stepId: cause };
  switch (reason) {
    case 'dependency_failed':
      return { kind: reason, text: `did not run, because ${cause} failed`, detail };
    case 'dependency_skipped':
      return { kind: reason, text: 'did not run, because steps before it were skipped', detail };
    case 'branch_not_taken':
      return { kind: reason, text: `did not run, because ${cause} went the other way`, detail };
    case 'condition_false':
      return { kind: reason, text: `did not run, because its condition was false: ${step.when}`, detail };
    case 'skipped_by_hand':
      return { kind: reason, text: 'skipped by hand', detail };
    case 'plan_timeout':
      return { kind: reason, text: "the plan's time was up", detail };
    case 'plan_stopped':
      return { kind: reason, text: `the plan was stopped when ${cause} failed`, detail };
    default:
      return { kind: 'plan_cancelled', text: 'the plan was cancelled', detail };
  }
}
