/** What the reference model keeps of a plan. Everything is immutable; changes.ts gives new states. */
import {
  isEndedStep,
  type Json,
  type PlanContent,
  type PlanStatus,
  type PolicyDecision,
  parseChildId,
  type Role,
  type Step,
  type StepError,
  type StepReason,
  type StepStatus,
} from '@countersign/shared';

export interface StepState {
  readonly id: string;
  readonly status: StepStatus;
  /** 0 before the first claim */
  readonly attempt: number;
  readonly generation: number;
  /** 0 before it is handed to the queue for the first time */
  readonly delivery: number;
  /** of the last claim */
  readonly token: string | null;
  readonly crashes: number;
  /** when its next attempt is due, in milliseconds; it means something while the step is retrying */
  readonly notBefore: number;
  /** a retrying step that waits for nothing but the cap */
  readonly parked: boolean;
  /** how its dependencies ended, as far as they have */
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** the first failure among what it depends on, directly or not */
  readonly failedBehind: string | null;
  /** why it was skipped or cancelled */
  readonly reason: EndReason | null;
  /** it completed in an earlier revision */
  readonly pinned: boolean;
  /** null before it has asked */
  readonly gate: GateState | null;
  readonly resolvedInput: string | null;
  readonly output: string | null;
  readonly error: FinalError | null;
  /** of a forEach step whose children are there */
  readonly expanded: boolean;
  /** of a step that is not expanded: the completed ones that a retry kept */
  readonly children: readonly StepState[];
  /** of a child: its element, as JSON text */
  readonly item: string | null;
}

/** The message only where somebody gave it: the engine's own words are the store's business. */
export type FinalError = Omit<StepError, 'message'> & Partial<Pick<StepError, 'message'>>;

export type Outcome = 'succeeded' | 'failed' | 'skipped';

export interface EndReason {
  readonly kind: StepReason['kind'];
  readonly stepId: string | null;
}

/** A gate that has asked. Times in milliseconds. */
export interface GateState {
  readonly message: string;
  readonly deadline: number | null;
  readonly need: number;
  readonly votes: readonly GateVoteState[];
  readonly decision: 'approved' | 'rejected' | 'expired' | null;
  readonly data: Json;
}

export interface GateVoteState {
  readonly actor: string;
  readonly decision: 'approved' | 'rejected';
  readonly comment: string | null;
}

/** Why a plan stops: the step whose failure stops it, or its time, with no step. */
export interface Stopping {
  readonly kind: 'plan_stopped' | 'plan_timeout';
  readonly stepId: string | null;
}

/** A vote for the plan, with the roles that the actor had. */
export interface PlanVote {
  readonly actor: string;
  readonly roles: readonly Role[];
}

export interface PlanState {
  readonly status: PlanStatus;
  readonly revision: number;
  readonly content: PlanContent;
  readonly digest: string;
  readonly decision: PolicyDecision;
  readonly creator: string;
  /** whose votes count for nothing where others must approve */
  readonly submitters: readonly string[];
  readonly votes: readonly PlanVote[];
  readonly stopping: Stopping | null;
  /** until when people can vote on the plan, while they can */
  readonly approvalDeadline: number | null;
  /** when its time is up, while it stands for an executing plan */
  readonly timeoutAt: number | null;
  /** how much of its time a paused plan has left, in milliseconds */
  readonly timeLeft: number | null;
  /** some step was queued, in this revision or an earlier one */
  readonly wasQueued: boolean;
  /** of all steps in all revisions */
  readonly highestGeneration: number;
  /** in the order of the plan's array */
  readonly steps: readonly StepState[];
}

export const newStep = (id: string, generation = 1): StepState => ({
  id,
  status: 'pending',
  attempt: 0,
  generation,
  delivery: 0,
  token: null,
  crashes: 0,
  notBefore: 0,
  parked: false,
  outcomes: { succeeded: 0, failed: 0, skipped: 0 },
  failedBehind: null,
  reason: null,
  pinned: false,
  gate: null,
  resolvedInput: null,
  output: null,
  error: null,
  expanded: false,
  children: [],
  item: null,
});

type Signed = Pick<PlanState, 'content' | 'digest' | 'decision' | 'creator'>;

export function newPlanState({ content, digest, decision, creator }: Signed): PlanState {
  return {
    status: 'draft',
    revision: 1,
    content,
    digest,
    decision,
    creator,
    submitters: [creator],
    votes: [],
    stopping: null,
    approvalDeadline: null,
    timeoutAt: null,
    timeLeft: null,
    wasQueued: false,
    highestGeneration: 1,
    steps: content.steps.map(({ id }) => newStep(id)),
  };
}

/** A step, or a step's child. */
export const findStep = (state: PlanState, stepId: string): StepState | undefined =>
  state.steps.flatMap((step) => [step, ...step.children]).find(({ id }) => id === stepId);

export function stepOf(state: PlanState, stepId: string): StepState {
  const step = findStep(state, stepId);
  if (step === undefined) throw new Error(`the plan has no step ${stepId}`);
  return step;
}

/** The step that a child belongs to; null for a step. */
export const parentIdOf = (stepId: string): string | null => parseChildId(stepId)?.stepId ?? null;

/** A child has that of its step. */
export function definitionOf(state: PlanState, stepId: string): Step {
  const definedAs = parentIdOf(stepId) ?? stepId;
  const definition = state.content.steps.find(({ id }) => id === definedAs);
  if (definition === undefined) throw new Error(`the plan has no step ${stepId}`);
  return definition;
}

export const hasEnded = (step: StepState): boolean => isEndedStep(step.status);

/** What executors take: the steps in array order, with the children in the place of one that has been expanded. */
export const runsOf = ({ steps }: PlanState): StepState[] => steps.flatMap((step) => (step.expanded ? step.children : [step]));

/** A step that runs also after a stop on error, or a child of one that has not ended. */
export function isCleanUp(state: PlanState, stepId: string): boolean {
  const parentId = parentIdOf(stepId);
  const isLeft = parentId === null || !hasEnded(stepOf(state, parentId));
  return isLeft && definitionOf(state, stepId).runIf === 'all_done';
}

/** Queued and running steps take a place under the cap; one that has been expanded leaves that to its children. */
export const inflightOf = (state: PlanState): number =>
  runsOf(state).filter(({ status }) => status === 'queued' || status === 'running').length;

export const capOf = ({ content: { options } }: PlanState): number => (options.allowParallel ? options.maxParallelSteps : 1);

/** In the ready set: it waits for nothing but the cap. */
export const waitsForCap = (step: StepState): boolean => step.status === 'ready' || (step.status === 'retrying' && step.parked);

/** The steps that have one of these among their dependencies, directly or not. */
export function allBehind(state: PlanState, stepIds: readonly string[]): Set<string> {
  const behind = new Set(stepIds.flatMap((id) => dependentsOf(state, id)));
  for (const id of behind) for (const further of dependentsOf(state, id)) behind.add(further);
  return behind;
}

/** In array order. */
export const dependentsOf = (state: PlanState, stepId: string): string[] =>
  state.content.steps.filter(({ dependsOn }) => dependsOn.includes(stepId)).map(({ id }) => id);
