/** The BullMQ queues, and what their jobs carry. A job holds no state: the store does. */

/** Written by `createTask`, consumed by services/planner. */
export const PLANNING_QUEUE = 'planning';
/** Written by every transition that admits steps, consumed by services/executor. Tools may name other queues for their steps. */
export const STEPS_QUEUE = 'steps';
/** Written where a revision begins to wait for people, consumed by services/executor: what its steps will do, for those who are asked. */
export const REVIEWS_QUEUE = 'reviews';
/** Written where a webhook is told of an event, or told again, consumed by services/executor: one attempt each. */
export const WEBHOOKS_QUEUE = 'webhooks';
/** Written by job schedulers, consumed by services/executor: duties that a clock drives. */
export const MAINTENANCE_QUEUE = 'maintenance';

export const QUEUE_NAME = /^[a-z][a-z0-9-]{0,40}$/;

/** What a clock drives: one job scheduler each. */
export const DUTIES = ['reconcile', 'clock', 'webhooks', 'retention'] as const;
export type Duty = (typeof DUTIES)[number];

export interface MaintenanceJob {
  duty: Duty;
}

/** A task to plan, or what a plan asks of the planner. */
export type PlanningJob = { taskId: string } | { planId: string; request: number };

/** A revision whose steps are to be looked at. */
export interface ReviewJob {
  planId: string;
  revision: number;
}

/** One attempt of a delivery. `job` counts the jobs that the delivery has had: an older one is out of date. */
export interface WebhookJob {
  webhookId: string;
  deliveryId: string;
  job: number;
}

/** What a queue lets through over the whole fleet. */
export interface QueueLimits {
  /** steps at the same time */
  concurrency?: number | undefined;
  /** steps that start within a time, in ms */
  rate?: { max: number; durationMs: number } | undefined;
}

export interface StepJob {
  planId: string;
  stepId: string;
  revision: number;
  generation: number;
  delivery: number;
}
