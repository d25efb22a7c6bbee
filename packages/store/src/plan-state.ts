/** The part of a plan that changes with every step, as the scripts keep it: lua/lib/plan.lua has the layout. */
import type { PlanContent, PlanOptions, PlanStatus } from '@countersign/shared';

export interface PlanState {
  status: PlanStatus;
  /** the step whose failure stops the plan; '' */
  stopping: string;
  revision: number;
  cap: number;
  total: number;
  running: number;
  completed: number;
  failed: number;
  skipped: number;
  cancelled: number;
  /** ms since 1970 */
  updatedAt: number;
  /** the priority of its jobs, as BullMQ counts it: lower goes first */
  weight: number;
  taskId: string | null;
}

export function parsePlanState(text: string): PlanState {
  const [status, stopping = '', revision, cap, total, , , running, completed, failed, skipped, cancelled, updatedAt, weight, taskId] =
    text.split('|');
  return {
    status: status as PlanStatus,
    stopping,
    revision: Number(revision),
    cap: Number(cap),
    total: Number(total),
    running: Number(running),
    completed: Number(completed),
    failed: Number(failed),
    skipped: Number(skipped),
    cancelled: Number(cancelled),
    updatedAt: Number(updatedAt),
    weight: Number(weight),
    taskId: taskId || null,
  };
}

/** The highest of the plans' priorities. */
const TOP_PRIORITY = 100_000;

/**
 * The priority of a plan's jobs. BullMQ's lowest number goes first, ours highest; every second one is free, so that plans
 * under way go before those of the same priority that wait to start.
 */
export const weightOf = (priority: number): number => 2 * (TOP_PRIORITY - priority) + 1;

/** Steps at the same time. */
export const capOf = ({ allowParallel, maxParallelSteps }: Pick<PlanOptions, 'allowParallel' | 'maxParallelSteps'>): number =>
  allowParallel ? maxParallelSteps : 1;

/** The state of a new plan: a draft with nothing done. */
export const newPlanState = ({ options, steps }: Pick<PlanContent, 'options' | 'steps'>, taskId: string | undefined): string =>
  ['draft', '', 1, capOf(options), steps.length, 0, 0, 0, 0, 0, 0, 0, 0, weightOf(options.priority), taskId ?? ''].join('|');
