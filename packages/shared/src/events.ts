/** The events of tasks, plans and steps. The status of a plan and of each of its steps follows from its events alone. */
import type { Json, JsonObject } from './json.ts';
import { parseChildId } from './plan.ts';
import type { PlanStatus, StepStatus } from './transitions.ts';

export const TASK_EVENT_TYPES = ['task.queued', 'task.planning', 'task.planned', 'task.failed', 'task.cancelled'] as const;
export const PLAN_EVENT_TYPES = [
  'plan.created',
  'plan.revised',
  'plan.submitted',
  'plan.voted',
  'plan.approved',
  'plan.rejected',
  'plan.expired',
  'plan.started',
  'plan.paused',
  'plan.resumed',
  'plan.retried',
  'plan.completed',
  'plan.partial',
  'plan.failed',
  'plan.cancelled',
] as const;
export const STEP_EVENT_TYPES = [
  'step.ready',
  'step.queued',
  'step.started',
  'step.retrying',
  'step.completed',
  'step.failed',
  'step.skipped',
  'step.cancelled',
  'step.awaiting_approval',
  'step.approved',
  'step.rejected',
  'step.progress',
] as const;

export type TaskEventType = (typeof TASK_EVENT_TYPES)[number];
export type PlanEventType = (typeof PLAN_EVENT_TYPES)[number];
export type StepEventType = (typeof STEP_EVENT_TYPES)[number];
export type EventType = TaskEventType | PlanEventType | StepEventType;

export interface Event {
  /** the Redis stream id */
  id: string;
  type: EventType;
  /** null on a task's events before it has a plan */
  planId: string | null;
  taskId: string | null;
  stepId?: string;
  /** 0 on a task's events */
  revision: number;
  at: string;
  actor?: string;
  attempt?: number;
  data: JsonObject;
}

const PLAN_STATUS_AFTER: Partial<Record<EventType, PlanStatus>> = {
  'plan.created': 'draft',
  'plan.revised': 'pending_approval',
  'plan.submitted': 'pending_approval',
  'plan.approved': 'approved',
  'plan.rejected': 'rejected',
  'plan.expired': 'expired',
  'plan.started': 'executing',
  'plan.paused': 'paused',
  'plan.resumed': 'executing',
  'plan.retried': 'executing',
  'plan.completed': 'completed',
  'plan.partial': 'partial',
  'plan.failed': 'failed',
  'plan.cancelled': 'cancelled',
};

const STEP_STATUS_AFTER: Partial<Record<EventType, StepStatus>> = {
  'step.ready': 'ready',
  'step.queued': 'queued',
  'step.started': 'running',
  'step.retrying': 'retrying',
  'step.completed': 'completed',
  'step.failed': 'failed',
  'step.skipped': 'skipped',
  'step.cancelled': 'cancelled',
  'step.awaiting_approval': 'awaiting_approval',
  'step.rejected': 'failed',
};

/** The status that a plan has after an event of this type; undefined where it says nothing about that. */
export const planStatusAfter = (type: EventType): PlanStatus | undefined => PLAN_STATUS_AFTER[type];

/** The status that a step has after an event of this type; undefined where it says nothing about that. */
export const stepStatusAfter = (type: EventType): StepStatus | undefined => STEP_STATUS_AFTER[type];

export interface FoldedPlan {
  status: PlanStatus | null;
  /** steps without an entry are pending */
  steps: Map<string, { status: StepStatus; attempt: number }>;
}

const namesIn = (list: Json | undefined): ReadonlySet<string> => new Set(Array.isArray(list) ? list.map(String) : []);

/**
 * The state that a plan's events, in order, lead to. A revision starts every step anew but those in `data.pinned`;
 * `plan.retried` names in `data.steps` those that are pending again. The children of a step go with it, but for those that
 * `data.kept` names.
 */
export function foldEvents(events: Iterable<Pick<Event, 'type' | 'stepId' | 'attempt'> & Partial<Pick<Event, 'data'>>>): FoldedPlan {
  const folded: FoldedPlan = { status: null, steps: new Map() };
  const forget = (isGone: (stepId: string, id: string) => boolean): void => {
    for (const id of folded.steps.keys()) if (isGone(parseChildId(id)?.stepId ?? id, id)) folded.steps.delete(id);
  };
  for (const event of events) {
    // A step can be retried while its plan is paused, and the plan stays so.
    if (event.type !== 'plan.retried' || folded.status !== 'paused') folded.status = PLAN_STATUS_AFTER[event.type] ?? folded.status;
    if (event.type === 'plan.revised') {
      const pinned = namesIn(event.data?.pinned);
      forget((stepId) => !pinned.has(stepId));
    }
    if (event.type === 'plan.retried') {
      const retried = namesIn(event.data?.steps);
      const kept = namesIn(event.data?.kept);
      forget((stepId, id) => retried.has(stepId) && !kept.has(id));
    }
    const status = stepStatusAfter(event.type);
    if (status === undefined || event.stepId === undefined) continue;
    const attempt = event.attempt ?? folded.steps.get(event.stepId)?.attempt ?? 0;
    // An attempt that was handed back is named by its number, but does not count.
    folded.steps.set(event.stepId, { status, attempt: event.data?.handedBack === true ? attempt - 1 : attempt });
  }
  return folded;
}
