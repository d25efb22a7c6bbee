/** The BullMQ queues, and what their jobs carry. A job holds no state: the store does. */

/** Written by `createTask`, consumed by services/planner. */
export const PLANNING_QUEUE = 'planning';
/** Written by every transition that admits steps, consumed by services/executor. Tools may name other queues for their steps. */
export const STEPS_QUEUE = 'steps';
/** Written by job schedulers, consumed by services/executor: duties that a clock drives. */
export const MAINTENANCE_QUEUE = 'maintenance';

export const QUEUE_NAME = /^[a-z][a-z0-9-]{0,40}$/;

/** What a clock drives: one job scheduler each. */
export const DUTIES = ['reconcile'] as const;
export type Duty = (typeof DUTIES)[number];

export interface MaintenanceJob {
  duty: Duty;
}

export interface PlanningJob {
  taskId: string;
}

export interface StepJob {
  planId: string;
  stepId: string;
  revision: number;
  generation: number;
  delivery: number;
}
