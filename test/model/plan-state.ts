/**
 * The vocabulary of the reference model: what it keeps of a plan, what can be done to it, and what comes of that.
 * Everything is immutable; a change gives a new state.
 */
import {
  canMove,
  type EventType,
  isEndedStep,
  type JsonObject,
  PLAN_TRANSITIONS,
  type PlanContent,
  type PlanStatus,
  STEP_TRANSITIONS,
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
  readonly resolvedInput: string | null;
  readonly output: string | null;
  readonly error: FinalError | null;
}

/** The message only where somebody gave it: the engine's own words are the store's business. */
export type FinalError = Omit<StepError, 'message'> & Partial<Pick<StepError, 'message'>>;

export type Outcome = 'succeeded' | 'failed' | 'skipped';

export interface EndReason {
  readonly kind: StepReason['kind'];
  readonly stepId: string | null;
}

export interface PlanState {
  readonly status: PlanStatus;
  readonly content: PlanContent;
  readonly digest: string;
  readonly quorum: number;
  /** why nobody has to approve it, where nobody has to */
  readonly autoReason: string;
  readonly createdBy: string;
  readonly votes: readonly string[];
  /** the step whose failure stops the plan */
  readonly stopping: string | null;
  /** in the order of the plan's array */
  readonly steps: readonly StepState[];
}

export type Command =
  | { do: 'create'; actor: string; content: PlanContent; digest: string; quorum: number; autoReason: string; draft: boolean }
  | { do: 'submit'; actor: string }
  | { do: 'approve'; actor: string; digest: string; comment: string | null }
  | { do: 'reject'; actor: string; digest: string; reason: string }
  | { do: 'cancel'; actor: string; reason: string | null }
  | { do: 'delete' }
  | { do: 'claim'; stepId: string; generation: number; delivery: number; token: string; executor: string }
  | { do: 'begin'; stepId: string; token: string; resolvedInput: string | null }
  | { do: 'complete'; stepId: string; token: string; output: string }
  | { do: 'fail'; stepId: string; token: string; error: StepError; delayMs: number }
  | { do: 'release'; stepId: string; token: string };

export type CommandOf<Verb extends Command['do']> = Extract<Command, { do: Verb }>;

/**
 * A claim gives the attempt and the outputs that the step refers to. A refusal gives what helps the caller on: when the
 * step is due, which status the plan is in, which digest is the current one.
 */
export type Reply =
  | { ok: true; attempt?: number; referenced?: Readonly<Record<string, string | null>> }
  | { ok: false; refusal: string; notBefore?: number; detail?: Readonly<Record<string, string>> };

/** An event without what the store alone knows: its id, its plan and its time. `data` holds what docs/engine.md names. */
export interface ModelEvent {
  readonly type: EventType;
  readonly stepId?: string;
  readonly attempt?: number;
  readonly actor?: string;
  readonly data: JsonObject;
}

/** A state on its way from one command to the next, with the events that led there. */
export interface Change {
  readonly state: PlanState;
  readonly events: readonly ModelEvent[];
}

export function newPlanState({ content, digest, quorum, autoReason, actor }: CommandOf<'create'>): PlanState {
  return {
    status: 'draft',
    content,
    digest,
    quorum,
    autoReason,
    createdBy: actor,
    votes: [],
    stopping: null,
    steps: content.steps.map(({ id }) => ({
      id,
      status: 'pending',
      attempt: 0,
      generation: 1,
      delivery: 0,
      token: null,
      crashes: 0,
      notBefore: 0,
      parked: false,
      outcomes: { succeeded: 0, failed: 0, skipped: 0 },
      failedBehind: null,
      reason: null,
      resolvedInput: null,
      output: null,
      error: null,
    })),
  };
}

export function stepOf(state: PlanState, stepId: string): StepState {
  const step = state.steps.find(({ id }) => id === stepId);
  if (step === undefined) throw new Error(`the plan has no step ${stepId}`);
  return step;
}

export function definitionOf(state: PlanState, stepId: string): PlanContent['steps'][number] {
  const definition = state.content.steps.find(({ id }) => id === stepId);
  if (definition === undefined) throw new Error(`the plan has no step ${stepId}`);
  return definition;
}

export const hasEnded = (step: StepState): boolean => isEndedStep(step.status);

/** Queued and running steps take a place under the cap. */
export const inflightOf = (state: PlanState): number =>
  state.steps.filter(({ status }) => status === 'queued' || status === 'running').length;

export const capOf = ({ content: { options } }: PlanState): number => (options.allowParallel ? options.maxParallelSteps : 1);

export const waitsForCap = (step: StepState): boolean => step.status === 'ready' || (step.status === 'retrying' && step.parked);

/** Writes an event that no status goes with. */
export function note(change: Change, event: ModelEvent): Change {
  return { ...change, events: [...change.events, event] };
}

/** Moves the plan along an edge of the table, and says so. Throws where there is no such edge: that is a bug. */
export function movePlan(change: Change, to: PlanStatus, event: ModelEvent): Change {
  const { state } = change;
  if (!canMove(PLAN_TRANSITIONS, state.status, to)) throw new Error(`a plan does not go from ${state.status} to ${to}`);
  return note({ ...change, state: { ...state, status: to } }, event);
}

/** Changes what is kept of a step without moving it. */
export function patchStep(change: Change, stepId: string, patch: Omit<Partial<StepState>, 'id' | 'status'>): Change {
  const steps = change.state.steps.map((step) => (step.id === stepId ? { ...step, ...patch } : step));
  return { ...change, state: { ...change.state, steps } };
}

interface StepMove {
  to: StepStatus;
  patch?: Omit<Partial<StepState>, 'id' | 'status'>;
  data?: JsonObject;
}

const EVENT_OF: Record<Exclude<StepStatus, 'pending'>, EventType> = {
  awaiting_approval: 'step.awaiting_approval',
  ready: 'step.ready',
  queued: 'step.queued',
  running: 'step.started',
  retrying: 'step.retrying',
  completed: 'step.completed',
  failed: 'step.failed',
  skipped: 'step.skipped',
  cancelled: 'step.cancelled',
};

/** Moves a step along an edge of the table, and says so with the attempt it has afterwards. */
export function moveStep(change: Change, stepId: string, { to, patch = {}, data = {} }: StepMove): Change {
  const { status } = stepOf(change.state, stepId);
  if (to === 'pending' || !canMove(STEP_TRANSITIONS, status, to)) throw new Error(`step ${stepId} does not go from ${status} to ${to}`);
  const steps = change.state.steps.map((step) => (step.id === stepId ? { ...step, ...patch, status: to } : step));
  const state = { ...change.state, steps };
  return note({ ...change, state }, { type: EVENT_OF[to], stepId, attempt: stepOf(state, stepId).attempt, data });
}

/** Ends a step that did not run to its end. */
export function endStep(change: Change, stepId: string, { to, reason }: { to: 'skipped' | 'cancelled'; reason: EndReason }): Change {
  const { kind, stepId: cause } = reason;
  return moveStep(change, stepId, { to, patch: { reason }, data: { reason: cause === null ? { kind } : { kind, stepId: cause } } });
}
