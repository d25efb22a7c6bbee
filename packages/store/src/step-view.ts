/** From what Redis keeps of a step to the step as people read it, with its gate and its children. */
import {
  type ChildView,
  childId,
  type GateView,
  type GateVote,
  type Json,
  type PlanContent,
  type PlanStatus,
  STEPS_QUEUE,
  type Step,
  type StepError,
  type StepProgress,
  type StepView,
} from '@countersign/shared';
import type { PlanReview } from './contract.ts';
import { reasonOf } from './step-reason.ts';
import { readState, type StepState } from './step-state.ts';
import { isoTime } from './time.ts';

type Fields = Record<string, string>;

export interface StepScope {
  content: PlanContent;
  /** names, by step */
  secrets: ReadonlyMap<string, string[]>;
  review: PlanReview;
  /** all that is kept of the plan's steps, by field */
  fields: Fields;
  states: ReadonlyMap<string, StepState>;
  cap: number;
  planStatus: PlanStatus;
  parked: ReadonlySet<string>;
}

const parse = <Value>(text: string | undefined): Value | null => (text === undefined || text === '' ? null : (JSON.parse(text) as Value));

function readGate({ id, approval }: Step, fields: Fields): GateView | null {
  const text = fields[`gate:${id}`];
  if (text === undefined || approval === null) return null;
  const [since, deadline, have, decision] = text.split('|');
  const votes = parse<(Omit<GateVote, 'at'> & { at: number })[]>(`[${fields[`votes:${id}`] ?? ''}]`) ?? [];
  return {
    message: parse<string>(fields[`message:${id}`]) ?? approval.message,
    since: isoTime(since) as string,
    deadline: isoTime(deadline),
    need: approval.quorum,
    have: Number(have),
    decision: (decision || null) as GateView['decision'],
    votes: votes.map((vote) => ({ ...vote, at: isoTime(vote.at) as string })),
    data: parse<Json>(fields[`answer:${id}`]),
  };
}

/** `child` is the id of one of the step's children, '' for the step itself. */
function readRun(step: Step, { state, child, gate }: { state: StepState; child: string; gate: GateView | null }, scope: StepScope) {
  const { content, fields, states, cap, planStatus, parked } = scope;
  const id = child || step.id;
  return {
    resolvedInput: parse<Json>(fields[`input:${id}`]),
    status: state.status,
    reason: reasonOf({
      ...{ step, state, child, planStatus, cap, gate, parked },
      startAt: content.options.startAt,
      queue: content.tools[step.tool]?.queue ?? STEPS_QUEUE,
      statusOf: (stepId) => states.get(stepId)?.status ?? 'pending',
    }),
    attempt: state.attempt,
    generation: state.generation,
    startedAt: isoTime(state.startedAt),
    finishedAt: isoTime(state.finishedAt),
    durationMs: state.startedAt > 0 && state.finishedAt > 0 ? state.finishedAt - state.startedAt : null,
    output: parse<Json>(fields[`output:${id}`]),
    error: state.status === 'failed' || state.status === 'retrying' ? parse<StepError>(fields[`error:${id}`]) : null,
    progress: state.status === 'running' ? parse<StepProgress>(fields[`progress:${id}`]) : null,
  };
}

function readChildren(step: Step, scope: StepScope): ChildView[] | null {
  const counts = scope.fields[`children:${step.id}`];
  if (counts === undefined) return null;
  return Array.from({ length: Number(counts.split('|')[0]) }, (_, index) => {
    const id = childId(step.id, index);
    const item = parse<Json>(scope.fields[`item:${id}`]);
    return { id, index, item, ...readRun(step, { state: readState(scope.fields[id]), child: id, gate: null }, scope) };
  });
}

export function readStep(step: Step, scope: StepScope): StepView {
  const gate = readGate(step, scope.fields);
  return {
    ...step,
    risk: scope.content.tools[step.tool]?.risk ?? 'destructive',
    secrets: scope.secrets.get(step.id) ?? [],
    // A gate that an executor has asked for: said of exactly the input that it has resolved.
    effects: parse<string>(scope.fields[`effects:${step.id}`]) ?? scope.review[step.id]?.effects ?? null,
    dryRun: scope.review[step.id]?.dryRun ?? null,
    ...readRun(step, { state: scope.states.get(step.id) as StepState, child: '', gate }, scope),
    gate,
    children: readChildren(step, scope),
  };
}
