/** What maintenance does: mending what lost its job, removing what has ended long ago. */
import type { Event, Task } from '@countersign/shared';

/** Something that the reconciler put right: `what` it did, because it found `why`. */
export interface Mending {
  planId: string | null;
  taskId: string | null;
  stepId: string | null;
  /**
   * step_queued: a queued step got a new job. step_handed_back: a running one counts a crash and waits for a place again.
   * step_failed: it did so too often. step_cancelled: its plan is stopping. step_readied: a waiting step can be admitted
   * again. task_queued: a task got a new planning job. request_queued: what a plan asks of the planner got one. What half a
   * transition left: plan_approved: the votes on it met all demands. decision_dropped:
   * policy's decision was about a revision that is not there, the next vote brings another. step_decided: a step that nothing was left to wait for was decided. gate_listed, deadline_set: people, or
   * the clock, find it again. plan_counted, waits_counted: counts are those of its steps again. placed: a plan or a task
   * stands in the indexes of its status again, or in none where it has no record.
   */
  what:
    | 'step_queued'
    | 'step_handed_back'
    | 'step_failed'
    | 'step_cancelled'
    | 'step_readied'
    | 'steps_admitted'
    | 'plan_ended'
    | 'plan_approved'
    | 'decision_dropped'
    | 'step_decided'
    | 'gate_listed'
    | 'deadline_set'
    | 'plan_counted'
    | 'waits_counted'
    | 'placed'
    | 'task_queued'
    | 'request_queued';
  why:
    | 'job_missing'
    | 'job_failed'
    | 'job_completed'
    | 'job_unlisted'
    | 'not_in_ready_set'
    | 'room_under_cap'
    | 'nothing_running'
    | 'all_steps_ended'
    | 'votes_suffice'
    | 'other_revision'
    | 'dependencies_ended'
    | 'children_ended'
    | 'counts_differ'
    | 'not_in_index'
    | 'other_index'
    | 'no_record';
}

export type EndedKind = 'plan' | 'task';

/** A plan or a task that has ended. */
export interface Ended {
  kind: EndedKind;
  id: string;
  /** ms since 1970 */
  endedAt: number;
}

/** What is kept of plans, or of tasks, that have ended. */
export interface KeepLimits {
  /** ms from their end on */
  forMs: number;
  /** how many, over all shards */
  count: number;
}

/**
 * What became of removing it. moved: it has been opened again, or has changed, since it was chosen. asking: it waits for
 * the planner's answer. has_plan: the task goes with its plan.
 */
export type Removal = 'removed' | 'not_found' | 'wrong_state' | 'moved' | 'asking' | 'has_plan';

/** The whole record of a task. */
export interface TaskRecord {
  version: 1;
  task: Task;
  events: Event[];
}

/** What has ended goes after a while. */
export interface Retention {
  /** What is over either limit among the `most` that ended first; in the order of their ends. */
  outlived(kind: EndedKind, limits: KeepLimits, most: number): Promise<Ended[]>;
  /**
   * Removes it, a plan with its task. Where a record was written of a plan, `recordedTo` is the id of the last event that
   * the plan had before it was read: what came after it is in no record, so the plan stays.
   */
  removeEnded(ended: Ended, recordedTo?: string): Promise<Removal>;
  taskRecord(taskId: string): Promise<TaskRecord | null>;
}

export interface Forgotten {
  tools: string[];
  conditions: string[];
  queues: string[];
}

/** What nobody has any more goes, too. */
export interface Leftovers {
  /**
   * Forgets tools and conditions that no executor has announced for `keptMs`, and removes queues that none has, once no plan
   * under way waits for a job in them.
   */
  forgetAnnounced(keptMs: number): Promise<Forgotten>;
  /** Takes keys that Redis has forgotten out of the list of API keys; gives how many. */
  forgetKeyPlaces(): Promise<number>;
}

/** What keeps plans and tasks going that lost a job; docs/engine.md says exactly what it does. */
export interface Reconciler {
  /**
   * Looks at executing plans and at tasks without a plan that were at rest for `restMs` (5,000 when absent), and at where
   * all plans and tasks stand in the indexes; puts right what is wrong and gives what it did, as it goes. One call looks at a part of them when there are many; the next one goes on.
   * Safe to call at any time, also twice at once.
   */
  reconcile(options?: { restMs?: number }): AsyncIterable<Mending>;
}
