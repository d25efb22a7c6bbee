/** What of a plan can be compared: the model's state and the store's answers in one form. */
import {
  isEndedPlan,
  isEndedStep,
  type Json,
  type Plan,
  type PlanStatus,
  percentOf,
  type StepError,
  type StepReason,
  type StepStatus,
} from '@countersign/shared';
import { hasEnded, type PlanState, type StepState, waitsForCap } from './plan-state.ts';

export interface ComparablePlan {
  status: PlanStatus;
  digest: string;
  quorum: number;
  approvedBy: string[];
  progress: Plan['progress'];
  steps: ComparableStep[];
}

export interface ComparableStep {
  id: string;
  status: StepStatus;
  attempt: number;
  generation: number;
  reason: StepReason['kind'] | null;
  /** the failure that a skipped step is behind */
  failedStep: Json;
  resolvedInput: Json;
  output: Json;
  error: Pick<StepError, 'code' | 'retryable'> | null;
}

/** What the store should show of a plan in this state. */
export function expectedPlan(state: PlanState): ComparablePlan {
  const count = (status: StepStatus) => state.steps.filter((step) => step.status === status).length;
  const total = state.steps.length;
  return {
    status: state.status,
    digest: state.digest,
    quorum: state.quorum,
    approvedBy: [...state.votes],
    progress: {
      total,
      completed: count('completed'),
      failed: count('failed'),
      skipped: count('skipped'),
      cancelled: count('cancelled'),
      running: count('running'),
      waiting: state.steps.filter((step) => !hasEnded(step) && step.status !== 'running').length,
      percent: percentOf(state.steps.filter(hasEnded).length, total, state.status),
    },
    steps: state.steps.map((step) => ({
      id: step.id,
      status: step.status,
      attempt: step.attempt,
      generation: step.generation,
      reason: step.reason?.kind ?? waitingReason(step, state.status),
      failedStep: step.status === 'skipped' ? (step.reason?.stepId ?? null) : null,
      resolvedInput: parsed(step.resolvedInput),
      output: parsed(step.output),
      error: step.error === null ? null : { code: step.error.code, retryable: step.error.retryable },
    })),
  };
}

export function seenPlan(plan: Plan): ComparablePlan {
  return {
    status: plan.status,
    digest: plan.digest,
    quorum: plan.quorum,
    approvedBy: plan.approvals.map(({ actor }) => actor),
    progress: plan.progress,
    steps: plan.steps.map(({ id, status, attempt, generation, reason, resolvedInput, output, error }) => ({
      id,
      status,
      attempt,
      generation,
      reason: reason?.kind ?? null,
      failedStep: status === 'skipped' ? (reason?.detail.stepId ?? null) : null,
      resolvedInput,
      output,
      // A step that is tried again shows its last error or none; what counts is the error it ends with.
      error: error === null || !isEndedStep(status) ? null : { code: error.code, retryable: error.retryable },
    })),
  };
}

const parsed = (text: string | null): Json => (text === null ? null : (JSON.parse(text) as Json));

function waitingReason(step: StepState, plan: PlanStatus): StepReason['kind'] | null {
  if (waitsForCap(step)) return 'cap';
  if (step.status === 'pending') {
    if (isEndedPlan(plan)) return 'plan_stopped';
    return plan === 'executing' ? 'dependencies' : 'plan_not_started';
  }
  if (step.status === 'queued') return 'queued';
  return step.status === 'retrying' ? 'backoff' : null;
}
