/** From what Redis keeps of a plan to the plan as people read it. */
import {
  type Approval,
  countVotes,
  type Effects,
  effectsOf,
  type Plan,
  type PlanContent,
  type PlanOptions,
  type PlanPolicy,
  type PlanStatus,
  type PlanSummary,
  type PolicyDecision,
  type Progress,
  percentOf,
  quorumOf,
  type RevisionOrigin,
  type StepView,
  type Submitter,
  secretsByStep,
} from '@countersign/shared';
import { type PlanState, parsePlanState } from './plan-state.ts';
import { readRequest } from './planning-requests.ts';
import { readReview } from './reviews.ts';
import { readState } from './step-state.ts';
import { readStep } from './step-view.ts';
import { isoTime } from './time.ts';
import { readUsage } from './usage.ts';

export type Fields = Record<string, string>;

export interface StoredPlan {
  plan: Fields;
  revision: Fields;
  /** states by step; output:, error:, input: and progress: and the step beside them */
  steps: Fields;
  votes: string[];
  /** the steps that only wait for the cap */
  parked: ReadonlySet<string>;
  /** those of the planner on what the plan asks of it, JSON texts */
  rounds: string[];
  /** what was found that the revision's steps will do */
  review: Fields;
}

export function fieldsOf(flat: readonly string[]): Fields {
  const fields: Fields = Object.create(null);
  for (let i = 0; i < flat.length; i += 2) fields[flat[i] as string] = flat[i + 1] as string;
  return fields;
}

const parse = <Value>(text: string | undefined): Value | null => (text === undefined || text === '' ? null : (JSON.parse(text) as Value));

function readProgress({ status, total, completed, failed, skipped, cancelled, running }: PlanState): Progress {
  const ended = completed + failed + skipped + cancelled;
  return {
    total,
    completed,
    failed,
    skipped,
    cancelled,
    running,
    waiting: total - ended - running,
    percent: percentOf(ended, total, status),
  };
}

function readDecision<Value>(text: string | undefined): (Value & { at: string }) | null {
  const stored = parse<Value & { at: number }>(text);
  return stored === null ? null : { ...stored, at: isoTime(stored.at) ?? '' };
}

const readVotes = (votes: readonly string[]): Approval[] =>
  votes.map((vote) => readDecision<Omit<Approval, 'at'>>(vote)).filter((vote) => vote !== null);

/** What policy says of the plan, and how far the votes on it meet that. */
function readPolicy(plan: Fields, votes: readonly Approval[]): PlanPolicy {
  const decision = JSON.parse(plan.policy as string) as PolicyDecision;
  const submitters = JSON.parse(plan.submitters as string) as string[];
  const standing = votes.filter(({ digest, policy }) => digest === plan.digest && policy === decision.version);
  return {
    ...decision,
    demands: countVotes(decision.demands, standing, submitters),
    submitter: JSON.parse(plan.submitter as string) as Submitter,
    submitters,
  };
}

/** A plan without its steps and inputs, as lists show it. */
export function readSummary({ plan, votes }: Pick<StoredPlan, 'plan' | 'votes'>): PlanSummary {
  const state = parsePlanState(plan.state as string);
  const startedAt = Number(plan.startedAt ?? 0);
  const finishedAt = Number(plan.finishedAt ?? 0);
  const approvals = readVotes(votes);
  const policy = readPolicy(plan, approvals);
  return {
    id: plan.id as string,
    taskId: state.taskId,
    revision: state.revision,
    digest: plan.digest as string,
    status: state.status,
    objective: plan.objective as string,
    description: plan.description ?? '',
    options: JSON.parse(plan.options as string) as PlanOptions,
    createdBy: plan.createdBy as string,
    createdAt: isoTime(plan.createdAt) as string,
    updatedAt: isoTime(state.updatedAt) as string,
    startedAt: isoTime(startedAt),
    finishedAt: isoTime(finishedAt),
    durationMs: startedAt > 0 && finishedAt > 0 ? finishedAt - startedAt : null,
    policy,
    quorum: quorumOf(policy),
    approvals,
    autoApproved: policy.outcome === 'auto' ? policy.reason : null,
    rejection: readDecision<{ actor: string; digest: string; reason: string }>(plan.rejection),
    cancellation: readDecision<{ actor: string; reason: string | null }>(plan.cancellation),
    progress: readProgress(state),
    effects: JSON.parse(plan.effects as string) as Effects,
  };
}

/** What the plan failed of: its time, the step that stopped it, or the first one that failed. */
function planError(
  status: PlanStatus,
  { steps, stopping, options }: { steps: readonly StepView[]; stopping: string; options: PlanOptions },
): Plan['error'] {
  if (status !== 'failed' && status !== 'partial') return null;
  if (stopping === TIME_IS_UP) {
    return { code: 'timeout', message: `the plan did not end within ${options.planTimeoutMs} ms`, stepId: null };
  }
  // A failed step that was skipped by hand since is no failure any more.
  const failed = steps.filter((each) => each.status === 'failed');
  const step = failed.find(({ id }) => id === stopping) ?? failed[0];
  if (step?.error == null) return null;
  return { code: step.error.code, message: `step ${step.id}: ${step.error.message}`, stepId: step.id };
}

/** What the scripts write as the cause of a stop where the plan's time was up. */
const TIME_IS_UP = '@timeout';

export function readPlan(stored: StoredPlan): Plan {
  const content = JSON.parse(stored.revision.content as string) as PlanContent;
  const states = new Map(content.steps.map(({ id }) => [id, readState(stored.steps[id])]));
  const { cap, status: planStatus, stopping } = parsePlanState(stored.plan.state as string);
  const review = readReview(stored.review);
  const secrets = secretsByStep(content);
  const scope = { content, secrets, review: review?.steps ?? {}, fields: stored.steps, states, cap, planStatus, parked: stored.parked };
  const steps = content.steps.map((step) => readStep(step, scope));
  const summary = readSummary(stored);
  return {
    ...summary,
    origin: stored.revision.origin as RevisionOrigin,
    promptVersion: stored.revision.promptVersion ?? null,
    reviewedAt: review?.at ?? null,
    usage: readUsage(stored.plan),
    input: content.input,
    effects: effectsOf(content),
    steps,
    response: stored.plan.response ?? null,
    error: planError(summary.status, { steps, stopping, options: content.options }),
    planning: readRequest(stored.plan, stored.rounds),
  };
}
