/** One planning job: a task to plan, or what a plan asks; with a log line for how it begins, each round, and how it ends. */
import { randomUUID } from 'node:crypto';
import { inSpan, keptContext, type Logger, logIds, type TracedSpan } from '@countersign/service';
import { PLANNING_QUEUE, type PlanningJob, type PlanningRound, type PolicyInForce } from '@countersign/shared';
import type { TraceStore } from '@countersign/store';
import { answerRequest, type RequestStore } from './answer-request.ts';
import type { PlannerMeters } from './metrics.ts';
import { planTask, type TaskPlanningStore } from './plan-task.ts';
import type { Planner } from './planner.ts';
import { codeOf, spanOfRound } from './round-span.ts';

export interface JobDeps {
  store: TaskPlanningStore & RequestStore & Pick<TraceStore, 'readTrace'>;
  planner: Planner;
  /** the policy in force; absent: the default */
  policy?: () => PolicyInForce;
  logger: Logger;
  meters: PlannerMeters;
  /** aborts when the service ends or the job is lost to another worker */
  signal: AbortSignal;
}

/** Throws what makes the queue deliver the job again: an interruption, a store that can't be reached. */
export async function handleJob(job: PlanningJob, deps: JobDeps): Promise<void> {
  const isTask = 'taskId' in job;
  const parent = await keptContext(() => deps.store.readTrace(isTask ? job.taskId : job.planId));
  const ids = isTask
    ? { 'countersign.task.id': job.taskId }
    : { 'countersign.plan.id': job.planId, 'countersign.request.number': job.request };
  const attributes = {
    'messaging.system': 'bullmq',
    'messaging.destination.name': PLANNING_QUEUE,
    'messaging.operation.type': 'process',
    ...ids,
  };
  return inSpan(isTask ? 'task.plan' : 'plan.answer', { parent, kind: 'consumer', attributes }, (span) => workOn(job, deps, span));
}

async function workOn(job: PlanningJob, { store, planner, policy, logger, meters, signal }: JobDeps, span: TracedSpan): Promise<void> {
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
      if (round.model === null) spanOfRound(round);
      const { planner: by, model, format, durationMs, issues, error } = round;
      log.info({ round: round.round, planner: by, model, format, durationMs, issues: issues.length, code: codeOf(error) }, 'round');
    },
  };
  log.info('planning');
  try {
    const result = await ('taskId' in job ? planTask(job.taskId, deps) : answerRequest(job, deps));
    ended(result.outcome);
    span.set({ 'countersign.planning.outcome': result.outcome });
    if (result.outcome === 'failed') span.fail(result.error.code);
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
