/** Duties that a clock drives. Each has one schedule for the whole fleet, and any one executor takes each of its ticks. */
import { logIds } from '@countersign/service';
import { DUTIES, type Duty } from '@countersign/shared';
import type { Consumer, Due, Mending, Store } from '@countersign/store';
import type { ExecutorMeters } from './metrics.ts';
import { persist, waitMs } from './persist.ts';
import type { RetentionRules } from './retention/remove-ended.ts';
import { type RetentionOptions, retention } from './retention/start-retention.ts';
import type { StepLogger } from './step-log.ts';
import { type TellingStore, tellWebhooks } from './webhooks/tell-webhooks.ts';

export interface DutyOptions {
  store: Pick<Store, 'scheduleDuty' | 'consumeDuties' | 'reconcile' | 'runDue' | 'mendDeliveries'> &
    TellingStore &
    RetentionOptions['store'];
  logger: StepLogger;
  meters: Pick<ExecutorMeters, 'mended' | 'wasDue' | 'dutyRun' | 'hooksLost' | 'removed' | 'recordFailed'>;
  /** what links in webhooks begin with */
  publicUrl?: string | undefined;
  /** which ended plans and tasks are kept; absent: all of them */
  keep?: RetentionRules | undefined;
  /** ms between two ticks */
  everyMs: Readonly<Record<Duty, number>>;
  /** aborts what is still being started; absent: nobody wants that */
  signal?: AbortSignal;
}

/** A schedule can be lost with its queue: it is laid down again this often, in ms. */
const SCHEDULE_AGAIN_MS = 60_000;

const WHAT: Record<Mending['what'], string> = {
  step_queued: 'step queued again',
  step_handed_back: 'step handed back to the queue, as after a crash',
  step_failed: 'step given up after too many crashes',
  step_cancelled: 'step of a stopping plan cancelled',
  step_readied: 'step put back among those that wait for a place',
  steps_admitted: 'waiting steps queued',
  plan_ended: 'plan ended',
  plan_approved: 'plan approved',
  decision_dropped: 'plan left to be decided anew',
  step_decided: 'waiting step decided',
  gate_listed: 'step put back among what waits for people and the clock',
  deadline_set: 'plan put back among what waits for the clock',
  plan_counted: 'steps of a plan counted anew',
  waits_counted: 'what steps of a plan wait for counted anew',
  placed: 'index put right',
  task_queued: 'planning of a task queued again',
  request_queued: 'what a plan asks of the planner queued again',
};

const WHY: Record<Mending['why'], string> = {
  job_missing: 'its job is gone',
  job_failed: 'its job failed without a record',
  job_completed: 'its job completed without a record',
  not_in_ready_set: 'it was not among them any more',
  room_under_cap: 'there are free places',
  nothing_running: 'it was stopping and nothing runs any more',
  all_steps_ended: 'all its steps have ended',
  job_unlisted: 'its job stood in no list of its queue',
  other_revision: 'the decision about it was that of another revision',
  votes_suffice: 'the votes on it met all demands',
  dependencies_ended: 'all that it waits for has ended',
  children_ended: 'all its children have ended',
  counts_differ: 'the counts were not those of its steps',
  not_in_index: 'it stood there no more',
  other_index: 'it stood where its status is not',
  no_record: 'nothing is recorded of it',
};

const WAS_DUE: Record<Due['what'], string> = {
  plan_started: 'plan started: its time has come',
  plan_expired: 'plan expired: it was not approved in time',
  plan_timed_out: 'plan stopped: its time is up',
  gate_expired: 'step failed: it was not approved in time',
};

async function runDue({ store, logger, meters }: DutyOptions): Promise<void> {
  for await (const { what, ...ids } of store.runDue()) {
    meters.wasDue({ what });
    logger.info({ ...logIds(ids), what }, WAS_DUE[what]);
  }
}

async function reconcile({ store, logger, meters }: DutyOptions): Promise<void> {
  for await (const { what, why, ...ids } of store.reconcile()) {
    meters.mended({ what, why });
    logger.warn({ ...logIds(ids), what, why }, `${WHAT[what]}: ${WHY[why]}`);
  }
  for await (const mended of store.mendDeliveries()) {
    meters.mended({ what: 'delivery_queued', why: 'job_missing' });
    logger.warn(mended, 'delivery to a webhook queued again: its job was lost');
  }
}

/** Does nothing while the one before is still under way: it does what has come meanwhile, too. */
function onceAtATime(duty: () => Promise<void>): () => Promise<void> {
  let running = false;
  return async () => {
    if (running) return;
    running = true;
    await duty().finally(() => {
      running = false;
    });
  };
}

/** Lays down the schedules and takes ticks until it is closed; a tick in hand is finished first. */
export async function startDuties(options: DutyOptions): Promise<Consumer> {
  const { store, logger, meters, everyMs, publicUrl = '', keep: rules = null, signal } = options;
  const closing = new AbortController();
  const duties: Record<Duty, () => Promise<void>> = {
    reconcile: () => reconcile(options),
    clock: () => runDue(options),
    webhooks: onceAtATime(() => tellWebhooks({ store, logger, meters, publicUrl })),
    retention: onceAtATime(retention({ store, logger, meters, rules, signal: closing.signal })),
  };
  const schedule = async (): Promise<void> => {
    for (const duty of DUTIES) await store.scheduleDuty(duty, everyMs[duty]);
  };
  await persist(schedule, {
    wait: (ms) => waitMs(ms, signal),
    givenUp: () => false,
    onRetry: (error) => logger.warn({ error: error.message }, 'Redis is away: trying again'),
  });
  const again = setInterval(() => {
    schedule().catch((error: Error) => logger.warn({ error: error.message }, 'could not lay down the schedule of duties'));
  }, SCHEDULE_AGAIN_MS);

  const consumer = store.consumeDuties(
    async ({ duty }) => {
      try {
        // While a fleet is renewed, an older executor may get a tick of a duty that it doesn't know yet.
        const run = duties[duty] as (() => Promise<void>) | undefined;
        if (run === undefined) throw new Error(`this executor has no duty ${duty}; it has ${DUTIES.join(', ')}`);
        await run();
        meters.dutyRun(duty, 'finished');
      } catch (error) {
        meters.dutyRun(duty, 'failed');
        logger.warn({ duty, error: (error as Error).message }, 'a duty was not finished: its next tick goes on');
        throw error;
      }
    },
    // A long sweep of the reconciler must not hold up the clock.
    { concurrency: DUTIES.length, onError: (error) => logger.warn({ error: error.message }, 'queue connection') },
  );
  return {
    async close() {
      clearInterval(again);
      closing.abort();
      await consumer.close();
    },
  };
}
