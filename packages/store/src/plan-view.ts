/** From what Redis keeps of a plan to the plan as people read it. */
import {
  type Approval,
  type Effects,
  effectsOf,
  isEndedPlan,
  isEndedStep,
  type Json,
  type JsonObject,
  type Plan,
  type PlanContent,
  type PlanOptions,
  type PlanStatus,
  type PlanSummary,
  type Progress,
  percentOf,
  type Step,
  type StepError,
  type StepReason,
  type StepStatus,
  type StepView,
} from '@countersign/shared';
import { type PlanState, parsePlanState } from './plan-state.ts';
import { isoTime } from './time.ts';

export type Fields = Record<string, string>;

export interface StoredPlan {
  plan: Fields;
  revision: Fields;
  /** states by step; output:, error:, input: and progress: and the step beside them */
  steps: Fields;
  votes: string[];
  /** the steps that only wait for the cap */
  parked: ReadonlySet<string>;
}

export function fieldsOf(flat: readonly string[]): Fields {
  const fields: Fields = Object.create(null);
  for (let i = 0; i < flat.length; i += 2) fields[flat[i] as string] = flat[i + 1] as string;
  return fields;
}

/** A step's state as the scripts keep it: see lua/lib/steps.lua. */
interface StepState {
  status: StepStatus;
  attempt: number;
  generation: number;
  notBefore: number;
  startedAt: number;
  finishedAt: number;
  reason: string;
  cause: string;
}

function readState(text: string | undefined): StepState {
  if (text === undefined)
    return { status: 'pending', attempt: 0, generation: 1, notBefore: 0, startedAt: 0, finishedAt: 0, reason: '', cause: '' };
  const [status, attempt, generation, , , , notBefore, startedAt, finishedAt, reason, cause] = text.split('|');
  return {
    status: status as StepStatus,
    attempt: Number(attempt),
    generation: Number(generation),
    notBefore: Number(notBefore),
    startedAt: Number(startedAt),
    finishedAt: Number(finishedAt),
    reason: reason ?? '',
    cause: cause ?? '',
  };
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

/** A plan without its steps and inputs, as lists show it. */
export function readSummary({ plan, votes }: Pick<StoredPlan, 'plan' | 'votes'>): PlanSummary {
  const state = parsePlanState(plan.state as string);
  const startedAt = Number(plan.startedAt ?? 0);
  const finishedAt = Number(plan.finishedAt ?? 0);
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
    quorum: Number(plan.quorum ?? 0),
    approvals: readVotes(votes),
    autoApproved: parse<string>(plan.autoReason),
    rejection: readDecision<{ actor: string; digest: string; reason: string }>(plan.rejection),
    cancellation: readDecision<{ actor: string; reason: string | null }>(plan.cancellation),
    progress: readProgress(state),
    effects: JSON.parse(plan.effects as string) as Effects,
  };
}

interface ReasonScope {
  step: Step;
  state: StepState;
  planStatus: PlanStatus;
  cap: number;
  parked: ReadonlySet<string>;
  statusOf(stepId: string): StepStatus;
}

const capReason = (cap: number): StepReason => ({ kind: 'cap', text: `waits for one of the plan's ${cap} places`, detail: { cap } });

/** Why a step waits, or why it did not run. */
function reasonOf({ step, state, planStatus, cap, parked, statusOf }: ReasonScope): StepReason | null {
  if (state.status === 'skipped' || state.status === 'cancelled') return endReason(state);
  if (isEndedStep(state.status) || state.status === 'running') return null;
  if (isEndedPlan(planStatus)) return { kind: 'plan_stopped', text: `will not run: the plan is ${planStatus}`, detail: { planStatus } };
  if (planStatus === 'draft' || planStatus === 'pending_approval' || planStatus === 'approved') {
    const what = planStatus === 'pending_approval' ? 'the plan waits for an approval' : `the plan is ${planStatus}`;
    return { kind: 'plan_not_started', text: what, detail: { planStatus } };
  }
  if (state.status === 'pending') {
    const waitsFor = step.dependsOn.filter((id) => !isEndedStep(statusOf(id)));
    return {
      kind: 'dependencies',
      text: `waits for ${waitsFor.slice(0, 10).join(', ')}${waitsFor.length > 10 ? ` and ${waitsFor.length - 10} more` : ''}`,
      detail: { steps: waitsFor },
    };
  }
  if (planStatus === 'paused') return { kind: 'paused', text: 'the plan is paused', detail: {} };
  if (state.status === 'retrying') {
    if (parked.has(step.id)) return capReason(cap);
    const until = isoTime(state.notBefore);
    return {
      kind: 'backoff',
      text: `tries again at ${until}`,
      detail: { until, attempt: state.attempt + 1, maxAttempts: step.retry.maxAttempts },
    };
  }
  if (state.status === 'ready') return capReason(cap);
  return { kind: 'queued', text: 'in the queue: waits for an executor', detail: {} };
}

function endReason({ reason, cause }: StepState): StepReason {
  const detail: JsonObject = cause === '' ? {} : { stepId: cause };
  switch (reason) {
    case 'dependency_failed':
      return { kind: 'dependency_failed', text: `did not run, because ${cause} failed`, detail };
    case 'dependency_skipped':
      return { kind: 'dependency_skipped', text: 'did not run, because the steps before it were skipped', detail };
    case 'plan_stopped':
      return { kind: 'plan_stopped', text: `the plan was stopped when ${cause} failed`, detail };
    default:
      return { kind: 'plan_cancelled', text: 'the plan was cancelled', detail };
  }
}

function readStep(
  step: Step,
  {
    content,
    stored,
    states,
    cap,
    planStatus,
  }: { content: PlanContent; stored: StoredPlan; states: Map<string, StepState>; cap: number; planStatus: PlanStatus },
): StepView {
  const { steps: results } = stored;
  const state = states.get(step.id) as StepState;
  const error = parse<StepError>(results[`error:${step.id}`]);
  return {
    ...step,
    resolvedInput: parse<Json>(results[`input:${step.id}`]),
    risk: content.tools[step.tool]?.risk ?? 'destructive',
    status: state.status,
    reason: reasonOf({
      step,
      state,
      cap,
      planStatus,
      parked: stored.parked,
      statusOf: (id) => states.get(id)?.status ?? 'pending',
    }),
    attempt: state.attempt,
    generation: state.generation,
    startedAt: isoTime(state.startedAt),
    finishedAt: isoTime(state.finishedAt),
    durationMs: state.startedAt > 0 && state.finishedAt > 0 ? state.finishedAt - state.startedAt : null,
    output: parse<Json>(results[`output:${step.id}`]),
    error: state.status === 'failed' || state.status === 'retrying' ? error : null,
    progress:
      state.status === 'running' ? parse<{ fraction: number | null; message: string | null }>(results[`progress:${step.id}`]) : null,
  };
}

/** What the plan failed of: the step that stopped it, or the first one that failed. */
function planError(status: PlanStatus, steps: readonly StepView[], stopping: string): Plan['error'] {
  if (status !== 'failed' && status !== 'partial') return null;
  const step = steps.find(({ id }) => id === stopping) ?? steps.find((each) => each.status === 'failed');
  if (step?.error == null) return null;
  return { code: step.error.code, message: `step ${step.id}: ${step.error.message}`, stepId: step.id };
}

export function readPlan(stored: StoredPlan): Plan {
  const content = JSON.parse(stored.revision.content as string) as PlanContent;
  const states = new Map(content.steps.map(({ id }) => [id, readState(stored.steps[id])]));
  const { cap, status: planStatus, stopping } = parsePlanState(stored.plan.state as string);
  const steps = content.steps.map((step) => readStep(step, { content, stored, states, cap, planStatus }));
  const summary = readSummary(stored);
  return {
    ...summary,
    input: content.input,
    effects: effectsOf(content),
    steps,
    response: stored.plan.response ?? null,
    error: planError(summary.status, steps, stopping),
  };
}
