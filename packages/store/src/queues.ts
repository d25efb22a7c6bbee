/** The BullMQ side: workers that take jobs, and the queues as the dashboard shows them. */
import { MAINTENANCE_QUEUE, PLANNING_QUEUE, type PlanningJob, STEPS_QUEUE, type StepJob } from '@countersign/shared';
import { type Job, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { StoreConnection } from './connection.ts';

export interface ConsumeOptions {
  concurrency: number;
  onError(error: Error): void;
}

export interface Consumer {
  /** Stops taking jobs, waits for those in hand, closes the connections. */
  close(): Promise<void>;
}

/**
 * The lease of a job, in ms. A worker that went away is noticed after at most lock + check; a worker may block its event
 * loop for lock - renew.
 */
const LOCK_MS = 8_000;
const RENEW_LOCK_MS = 2_000;
const STALLED_CHECK_MS = 4_000;
/** Crashes are counted in the plan's own state; BullMQ must never give a job up by itself. */
const NEVER_GIVE_UP = 1_000_000;
const KEEP_FINISHED = 1_000;

type Handler<Data> = (data: Data, signal: AbortSignal) => Promise<unknown>;

function consume<Data>(
  connection: StoreConnection,
  { queue, handler, options }: { queue: string; handler: Handler<Data>; options: ConsumeOptions },
): Consumer {
  const redis = new Redis(connection.redisUrl, { maxRetriesPerRequest: null, retryStrategy: (times) => Math.min(50 * 2 ** times, 1_000) });
  redis.on('error', options.onError);
  const worker = new Worker<Data>(
    queue,
    async (job: Job<Data>, _token?: string, signal?: AbortSignal) => handler(job.data, signal ?? new AbortController().signal),
    {
      connection: redis,
      prefix: connection.keys.bullPrefix,
      concurrency: options.concurrency,
      lockDuration: LOCK_MS,
      lockRenewTime: RENEW_LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: NEVER_GIVE_UP,
      runRetryDelay: 1_000,
      removeOnComplete: { count: KEEP_FINISHED },
      removeOnFail: { count: KEEP_FINISHED },
    },
  );
  worker.on('error', options.onError);
  worker.on('lockRenewalFailed', (jobIds: string[]) => {
    for (const id of jobIds) worker.cancelJob(id, 'the lock was lost');
  });
  return {
    async close() {
      await worker.close();
      redis.disconnect();
    },
  };
}

/** Takes planning jobs. A handler that throws (Redis can't be written) has its job tried again every second. */
export const consumePlanning = (connection: StoreConnection, handler: Handler<PlanningJob>, options: ConsumeOptions): Consumer =>
  consume(connection, { queue: PLANNING_QUEUE, handler, options });

/** Takes step jobs of one queue. The handler never throws: what becomes of a step is recorded in the plan. */
export const consumeSteps = (
  connection: StoreConnection,
  handler: Handler<StepJob>,
  { queue = STEPS_QUEUE, ...options }: ConsumeOptions & { queue?: string },
): Consumer => consume(connection, { queue, handler, options });

/** The queues as the dashboard shows them. Close them with the store. */
export function openQueues(
  connection: StoreConnection,
  names: readonly string[] = [PLANNING_QUEUE, STEPS_QUEUE, MAINTENANCE_QUEUE],
): Queue[] {
  return names.map((name) => {
    const queue = new Queue(name, { connection: connection.redis, prefix: connection.keys.bullPrefix });
    return queue;
  });
}
