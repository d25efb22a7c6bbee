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

/** A worker's hold on a job. When its lock could not be renewed, another worker may have the job by now. */
export interface Lease {
  whenLost(callback: () => void): void;
}

type Handler<Data> = (data: Data, lease: Lease) => Promise<unknown>;

function consume<Data>(
  connection: StoreConnection,
  { queue, handler, options }: { queue: string; handler: Handler<Data>; options: ConsumeOptions },
): Consumer {
  const redis = new Redis(connection.redisUrl, {
    enableAutoPipelining: true,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(50 * 2 ** times, 1_000),
  });
  redis.on('error', options.onError);
  const lost = new Map<string, () => void>();
  const worker = new Worker<Data>(
    queue,
    // One parameter: with three, BullMQ makes an AbortController for every job.
    async (job: Job<Data>) => {
      const id = job.id ?? '';
      try {
        return await handler(job.data, { whenLost: (callback) => lost.set(id, callback) });
      } finally {
        lost.delete(id);
      }
    },
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
    for (const id of jobIds) lost.get(id)?.();
  });
  return {
    async close() {
      await worker.close();
      redis.disconnect();
    },
  };
}

/** Takes planning jobs; the signal aborts when the job is lost. A handler that throws (Redis can't be written) has its job tried again every second. */
export const consumePlanning = (
  connection: StoreConnection,
  handler: (job: PlanningJob, signal: AbortSignal) => Promise<unknown>,
  options: ConsumeOptions,
): Consumer =>
  consume<PlanningJob>(connection, {
    queue: PLANNING_QUEUE,
    handler: (job, lease) => {
      const controller = new AbortController();
      lease.whenLost(() => controller.abort(new Error('the planning job was lost to another planner')));
      return handler(job, controller.signal);
    },
    options,
  });

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
