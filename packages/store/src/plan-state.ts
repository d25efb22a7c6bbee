/** The part of a plan that changes with every step, as the scripts keep it: lua/lib/plan.lua has the layout. */
import type { PlanStatus } from '@countersign/shared';

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
  taskId: string | null;
}

export function parsePlanState(text: string): PlanState {
  const [status, stopping = '', revision, cap, total, , , running, completed, failed, skipped, cancelled, updatedAt, taskId] =
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
    taskId: taskId || null,
  };
}

/** The state of a new plan: a draft with nothing done. */
export const newPlanState = ({ cap, total, taskId }: { cap: number; total: number; taskId: string | undefined }): string =>
  ['draft', '', 1, cap, total, 0, 0, 0, 0, 0, 0, 0, 0, taskId ?? ''].join('|');
