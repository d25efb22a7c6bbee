/** What of a plan can be compared: the model's state and the store's answers in one form. */
import {
  type ChildView,
  type CountedDemand,
  type GateView,
  isEndedPlan,
  type Json,
  type Plan,
  type PlanPolicy,
  type PlanStatus,
  percentOf,
  type StepError,
  type StepReason,
  type StepStatus,
  type StepView,
} from '@countersign/shared';
import { type GateState, hasEnded, type PlanState, type PlanVote, type StepState, waitsForCap } from './plan-state.ts';
import { metOf, quorumOf } from './votes.ts';

export interface ComparablePlan {
  status: PlanStatus;
  revision: number;
  digest: string;
  quorum: number;
  policy: Pick<PlanPolicy, 'version' | 'rule' | 'outcome' | 'reason' | 'demands' | 'submitters'>;
  autoApproved: string | null;
  approvedBy: string[];
  progress: Plan['progress'];
  steps: ComparableStep[];
}

export interface ComparableStep extends ComparableRun {
  /** the step that a skipped step was skipped for: a failure, or a condition */
  causedBy: Json;
  gate: ComparableGate | null;
  /** null where it has not been expanded */
  children: ComparableChild[] | null;
}

type ComparableChild = ComparableRun & Pick<ChildView, 'index' | 'item'>;

/** What a step and a child have in common. */
export interface ComparableRun {
  id: string;
  status: StepStatus;
  attempt: number;
  generation: number;
  reason: StepReason['kind'] | null;
  resolvedInput: Json;
  output: Json;
  error: Pick<StepError, 'code' | 'retryable'> | null;
}

type ComparableGate = Pick<GateView, 'message' | 'deadline' | 'need' | 'have' | 'decision' | 'data'> & { votes: string[] };

/** What the store should show of a plan in this state. */
export function expectedPlan(state: PlanState): ComparablePlan {
  const count = (status: StepStatus) => state.steps.filter((step) => step.status === status).length;
  const total = state.steps.length;
  return {
    status: state.status,
    revision: state.revision,
    digest: state.digest,
    quorum: quorumOf(state),
    policy: { ...state.decision, demands: countedOf(state), submitters: [...state.submitters] },
    autoApproved: state.decision.outcome === 'auto' ? state.decision.reason : null,
    approvedBy: state.votes.map(voteBy),
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
      ...expectedRun(step, state.status),
      causedBy: step.status === 'skipped' ? (step.reason?.stepId ?? null) : null,
      gate: step.gate === null ? null : expectedGate(step.gate),
      children: step.expanded
        ? step.children.map((child, index) => ({ ...expectedRun(child, state.status), index, item: parsed(child.item) }))
        : null,
    })),
  };
}

const expectedRun = (step: StepState, plan: PlanStatus): ComparableRun => ({
  id: step.id,
  status: step.status,
  attempt: step.attempt,
  generation: step.generation,
  reason: reasonOf(step, plan),
  resolvedInput: parsed(step.resolvedInput),
  output: parsed(step.output),
  error: step.status === 'failed' && step.error !== null ? { code: step.error.code, retryable: step.error.retryable } : null,
});

/** The steps with their children, which come right behind them. */
export const withChildren = (steps: readonly ComparableStep[]): ComparableRun[] =>
  steps.flatMap((step) => [step, ...(step.children ?? [])]);

function expectedGate({ message, deadline, need, votes, decision, data }: GateState): ComparableGate {
  return {
    message,
    deadline: deadline === null ? null : new Date(deadline).toISOString(),
    need,
    have: votes.filter((vote) => vote.decision === 'approved').length,
    decision,
    data,
    votes: votes.map(voteText),
  };
}

const countedOf = (state: PlanState): CountedDemand[] => {
  const met = metOf(state);
  return state.decision.demands.map((demand, at) => ({ ...demand, have: met[at] ?? 0 }));
};

const policyOf = ({ submitter: _submitter, ...policy }: PlanPolicy): ComparablePlan['policy'] => policy;

const voteBy = ({ actor, roles }: PlanVote): string => `${actor} as ${roles.join(', ')}`;

export function seenPlan(plan: Plan): ComparablePlan {
  return {
    status: plan.status,
    revision: plan.revision,
    digest: plan.digest,
    quorum: plan.quorum,
    policy: policyOf(plan.policy),
    autoApproved: plan.autoApproved,
    approvedBy: plan.approvals.map(voteBy),
    progress: plan.progress,
    steps: plan.steps.map((step) => ({
      ...seenRun(step),
      causedBy: step.status === 'skipped' ? (step.reason?.detail.stepId ?? null) : null,
      gate: step.gate === null ? null : seenGate(step.gate),
      children: step.children?.map((child) => ({ ...seenRun(child), index: child.index, item: child.item })) ?? null,
    })),
  };
}

const seenRun = ({ id, status, attempt, generation, reason, resolvedInput, output, error }: StepView | ChildView): ComparableRun => ({
  id,
  status,
  attempt,
  generation,
  reason: reason?.kind ?? null,
  resolvedInput,
  output,
  // A step that is tried again, or was skipped after it failed, may show its last error; what counts is the one it ends with.
  error: error === null || status !== 'failed' ? null : { code: error.code, retryable: error.retryable },
});

const seenGate = ({ message, deadline, need, have, decision, data, votes }: GateView): ComparableGate => ({
  message,
  deadline,
  need,
  have,
  decision,
  data,
  votes: votes.map(voteText),
});

const voteText = ({ actor, decision, comment }: Pick<GateView['votes'][number], 'actor' | 'decision' | 'comment'>): string =>
  `${decision} by ${actor}${comment === null ? '' : `: ${comment}`}`;

const parsed = (text: string | null): Json => (text === null ? null : (JSON.parse(text) as Json));

/** Why a step ended without running to its end, or why it waits. */
function reasonOf(step: StepState, plan: PlanStatus): StepReason['kind'] | null {
  if (step.reason !== null) return step.reason.kind;
  if (step.status === 'completed') return step.pinned ? 'pinned' : null;
  if (hasEnded(step) || step.status === 'running') return null;
  if (isEndedPlan(plan)) return 'plan_stopped';
  if (plan !== 'executing' && plan !== 'paused') return 'plan_not_started';
  if (step.status === 'pending') return 'dependencies';
  if (step.status === 'awaiting_approval') return 'approval';
  if (plan === 'paused') return 'paused';
  if (waitsForCap(step)) return 'cap';
  return step.status === 'queued' ? 'queued' : 'backoff';
}
