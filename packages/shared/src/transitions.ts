/**
 * The lifecycles of tasks, plans and steps as data: each edge is one verb. The Lua scripts, the reference model and the
 * diagrams in docs/ are checked against these tables.
 */
export const TASK_STATUSES = ['queued', 'planning', 'planned', 'failed', 'cancelled'] as const;
export const PLAN_STATUSES = [
  'draft',
  'pending_approval',
  'approved',
  'executing',
  'paused',
  'completed',
  'partial',
  'failed',
  'rejected',
  'expired',
  'cancelled',
] as const;
export const STEP_STATUSES = [
  'pending',
  'awaiting_approval',
  'ready',
  'queued',
  'running',
  'retrying',
  'completed',
  'failed',
  'skipped',
  'cancelled',
] as const;

export type TaskStatus = (typeof TASK_STATUSES)[number];
export type PlanStatus = (typeof PLAN_STATUSES)[number];
export type StepStatus = (typeof STEP_STATUSES)[number];

export interface Transition<Status extends string> {
  verb: string;
  from: readonly Status[];
  to: Status;
}

export const TASK_TRANSITIONS: readonly Transition<TaskStatus>[] = [
  { verb: 'startPlanning', from: ['queued'], to: 'planning' },
  { verb: 'recordPlan', from: ['queued', 'planning'], to: 'planned' },
  { verb: 'failTask', from: ['queued', 'planning'], to: 'failed' },
  { verb: 'cancelTask', from: ['queued', 'planning'], to: 'cancelled' },
];

export const PLAN_TRANSITIONS: readonly Transition<PlanStatus>[] = [
  { verb: 'submit', from: ['draft'], to: 'pending_approval' },
  { verb: 'approve', from: ['pending_approval'], to: 'approved' },
  { verb: 'reject', from: ['pending_approval'], to: 'rejected' },
  { verb: 'expire', from: ['pending_approval'], to: 'expired' },
  { verb: 'start', from: ['approved'], to: 'executing' },
  { verb: 'pause', from: ['executing'], to: 'paused' },
  { verb: 'resume', from: ['paused'], to: 'executing' },
  { verb: 'complete', from: ['executing', 'paused'], to: 'completed' },
  { verb: 'completePartly', from: ['executing', 'paused'], to: 'partial' },
  { verb: 'fail', from: ['executing', 'paused'], to: 'failed' },
  { verb: 'cancel', from: ['draft', 'pending_approval', 'approved', 'executing', 'paused'], to: 'cancelled' },
  { verb: 'retry', from: ['failed', 'partial'], to: 'executing' },
  { verb: 'revise', from: ['draft', 'pending_approval', 'failed', 'partial'], to: 'pending_approval' },
];

export const STEP_TRANSITIONS: readonly Transition<StepStatus>[] = [
  { verb: 'makeReady', from: ['pending', 'awaiting_approval'], to: 'ready' },
  { verb: 'queue', from: ['ready', 'retrying'], to: 'queued' },
  { verb: 'claim', from: ['queued'], to: 'running' },
  { verb: 'complete', from: ['running'], to: 'completed' },
  { verb: 'retryLater', from: ['running'], to: 'retrying' },
  { verb: 'fail', from: ['running', 'awaiting_approval'], to: 'failed' },
  { verb: 'askApproval', from: ['pending', 'running'], to: 'awaiting_approval' },
  { verb: 'skip', from: ['pending', 'running', 'awaiting_approval', 'failed'], to: 'skipped' },
  { verb: 'cancel', from: ['pending', 'awaiting_approval', 'ready', 'queued', 'running', 'retrying'], to: 'cancelled' },
  { verb: 'runAgain', from: ['completed', 'failed', 'skipped', 'cancelled'], to: 'pending' },
];

/** Statuses that a plan never leaves by itself; `failed` and `partial` can be retried by hand. */
export const ENDED_PLAN_STATUSES: readonly PlanStatus[] = ['completed', 'partial', 'failed', 'rejected', 'expired', 'cancelled'];
export const ENDED_STEP_STATUSES: readonly StepStatus[] = ['completed', 'failed', 'skipped', 'cancelled'];
export const ENDED_TASK_STATUSES: readonly TaskStatus[] = ['planned', 'failed', 'cancelled'];

export const isEndedPlan = (status: PlanStatus): boolean => ENDED_PLAN_STATUSES.includes(status);
export const isEndedStep = (status: StepStatus): boolean => ENDED_STEP_STATUSES.includes(status);
export const isEndedTask = (status: TaskStatus): boolean => ENDED_TASK_STATUSES.includes(status);

/** Whether some verb leads from one status to the other. */
export function canMove<Status extends string>(transitions: readonly Transition<Status>[], from: Status, to: Status): boolean {
  return transitions.some((transition) => transition.to === to && transition.from.includes(from));
}
