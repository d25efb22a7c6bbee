/** One planning job: a task to plan, or what a plan asks; with a log line for how it begins and how it ends. */
import { randomUUID } from 'node:crypto';
import type { Logger } from '@countersign/service';
import type { PlanningJob } from '@countersign/shared';
import { answerRequest, type RequestStore } from './answer-request.ts';
import { planTask, type TaskPlanningStore } from './plan-task.ts';
import type { Planner } from './planner.ts';

export interface JobDeps {
  store: TaskPlanningStore & RequestStore;
  planner: Planner;
  logger: Logger;
  /** aborts when the service ends or the job is lost to another worker */
  signal: AbortSignal;
}

/** Throws what makes the queue deliver the job again: an interruption, a store that can't be reached. */
export async function handleJob(job: PlanningJob, { store, planner, logger, signal }: JobDeps): Promise<void> {
  const log = logger.child({ ...job });
  const deps = { store, planner, newToken: randomUUID, signal };
  log.info('planning');
  try {
    const result = await ('taskId' in job ? planTask(job.taskId, deps) : answerRequest(job, deps));
    if (result.outcome === 'planned') log.info({ planId: result.planId }, 'planned');
    else if (result.outcome === 'revised') log.info({ digest: result.digest }, 'revised');
    else if (result.outcome === 'summarised') log.info('summarised');
    else if (result.outcome === 'failed') log.warn({ code: result.error.code, reason: result.error.message }, 'planning failed');
    else log.info({ reason: result.reason }, 'nothing to plan any more');
  } catch (error) {
    log.warn({ err: error }, 'planning was interrupted; the job is delivered again');
    throw error;
  }
}
