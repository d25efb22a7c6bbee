/** One planning job: a task to plan, or what a plan asks; with a log line for how it begins, each round, and how it ends. */
import { randomUUID } from 'node:crypto';
import { type Logger, logIds } from '@countersign/service';
import type { PlanningJob, PlanningRound, PolicyInForce } from '@countersign/shared';
import { answerRequest, type RequestStore } from './answer-request.ts';
import type { PlannerMeters } from './metrics.ts';
import { planTask, type TaskPlanningStore } from './plan-task.ts';
import type { Planner } from './planner.ts';

export interface JobDeps {
  store: TaskPlanningStore & RequestStore;
  planner: Planner;
  /** the policy in force; absent: the default */
  policy?: () => PolicyInForce;
  logger: Logger;
  meters: PlannerMeters;
  /** aborts when the service ends or the job is lost to another worker */
  signal: AbortSignal;
}

/** Its message quotes what was asked for: that is read from the task or the plan. */
const codeOf = (error: string | null): string | undefined => error?.split(':')[0];

/** Throws what makes the queue deliver the job again: an interruption, a store that can't be reached. */
export async function handleJob(job: PlanningJob, { store, planner, policy, logger, meters, signal }: JobDeps): Promise<void> {
  let log = logger.child(logIds({ ...job }));
  const ended = meters.begin('taskId' in job ? 'task' : 'request');
  const deps = {
    store,
    planner,
    ...(policy === undefined ? {} : { policy }),
    newToken: randomUUID,
    signal,
    onTaken: ({ taskId }: { taskId: string | null }) => {
      if (!('taskId' in job)) log = logger.child(logIds({ ...job, taskId }));
    },
    onRound: (round: PlanningRound) => {
      meters.round(round);
      const { planner: by, model, format, durationMs, issues, error } = round;
      log.info({ round: round.round, planner: by, model, format, durationMs, issues: issues.length, code: codeOf(error) }, 'round');
    },
  };
  log.info('planning');
  try {
    const result = await ('taskId' in job ? planTask(job.taskId, deps) : answerRequest(job, deps));
    ended(result.outcome);
    if (result.outcome === 'planned') log.info({ planId: result.planId }, 'planned');
    else if (result.outcome === 'revised') log.info({ digest: result.digest }, 'revised');
    else if (result.outcome === 'summarised') log.info('summarised');
    else if (result.outcome === 'failed') log.warn({ code: result.error.code }, 'planning failed');
    else log.info({ reason: result.reason }, 'nothing to plan any more');
  } catch (error) {
    ended('interrupted');
    log.warn({ err: error }, 'planning was interrupted; the job is delivered again');
    throw error;
  }
}
