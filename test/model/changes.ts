/** Changes of a plan's state: moves along the edges of the lifecycles, and the events that tell of them. */
import {
  canMove,
  type EventType,
  type JsonObject,
  PLAN_TRANSITIONS,
  type PlanStatus,
  STEP_TRANSITIONS,
  type StepStatus,
} from '@countersign/shared';
import { type EndReason, newStep, type PlanState, type StepState, stepOf } from './plan-state.ts';

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
  /** in milliseconds */
  readonly now: number;
}

/** Writes an event that no status goes with. */
export function note(change: Change, event: ModelEvent): Change {
  return { ...change, events: [...change.events, event] };
}

/** Changes what is kept of a plan without moving it. */
export function patchPlan(change: Change, patch: Omit<Partial<PlanState>, 'status' | 'steps'>): Change {
  return { ...change, state: { ...change.state, ...patch } };
}

/** Moves the plan along an edge of the table, and says so. Throws where there is no such edge: that is a bug. */
export function movePlan(change: Change, to: PlanStatus, event: ModelEvent): Change {
  const { state } = change;
  if (!canMove(PLAN_TRANSITIONS, state.status, to)) throw new Error(`a plan does not go from ${state.status} to ${to}`);
  return note({ ...change, state: { ...state, status: to } }, event);
}

/** Changes what is kept of a step without moving it. */
export function patchStep(change: Change, stepId: string, patch: Omit<Partial<StepState>, 'id' | 'status'>): Change {
  return replaceStep(change, { ...stepOf(change.state, stepId), ...patch });
}

function replaceStep(change: Change, changed: StepState): Change {
  const among = (steps: readonly StepState[]) => steps.map((step) => (step.id === changed.id ? changed : step));
  const steps = among(change.state.steps).map((step) => ({ ...step, children: among(step.children) }));
  return { ...change, state: { ...change.state, steps } };
}

interface StepMove {
  to: Exclude<StepStatus, 'pending'>;
  patch?: Omit<Partial<StepState>, 'id' | 'status'>;
  data?: JsonObject;
  actor?: string | undefined;
}

const EVENT_OF: Record<StepMove['to'], EventType> = {
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

function expectEdge({ id, status }: StepState, to: StepStatus): void {
  if (!canMove(STEP_TRANSITIONS, status, to)) throw new Error(`step ${id} does not go from ${status} to ${to}`);
}

/** Moves a step along an edge of the table, and says so with the attempt it has afterwards. */
export function moveStep(change: Change, stepId: string, { to, patch = {}, data = {}, actor }: StepMove): Change {
  const step = stepOf(change.state, stepId);
  expectEdge(step, to);
  const moved: StepState = { ...step, ...patch, status: to };
  const by = actor === undefined ? {} : { actor };
  return note(replaceStep(change, moved), { type: EVENT_OF[to], stepId, attempt: moved.attempt, ...by, data });
}

/** Ends a step that did not run to its end. */
export function endStep(
  change: Change,
  stepId: string,
  { to, reason, actor }: { to: 'skipped' | 'cancelled'; reason: EndReason; actor?: string },
): Change {
  const { kind, stepId: cause } = reason;
  return moveStep(change, stepId, { to, patch: { reason }, data: { reason: cause === null ? { kind } : { kind, stepId: cause } }, actor });
}

/** Takes a step that has ended back to where it began, but for what is kept of it. The events of the command say which steps it set back. */
export function setBack(change: Change, stepId: string, kept: Pick<StepState, 'gate' | 'children'>): Change {
  const step = stepOf(change.state, stepId);
  expectEdge(step, 'pending');
  return replaceStep(change, { ...newStep(stepId, step.generation + 1), ...kept });
}
