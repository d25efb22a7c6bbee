/** The BullMQ side: workers that take jobs, and the queues as the dashboard and the duties need them. */
import {
  type Duty,
  MAINTENANCE_QUEUE,
  type MaintenanceJob,
  PLANNING_QUEUE,
  type PlanningJob,
  QUEUE_NAME,
  type QueueLimits,
  REVIEWS_QUEUE,
  type ReviewJob,
  STEPS_QUEUE,
  type StepJob,
} from '@countersign/shared';
import { type BackendFactory, createRedisBackend, type Job, Queue, type RedisQueueBackend, Worker } from 'bullmq';
import type { StoreConnection } from './connection.ts';
import { openWorkerClient } from './redis-clients.ts';
import { type Completion, type EarlyClaim, StepWorker, type StepWorkerOptions } from './step-worker.ts';

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
/** A review that takes its executor down with it is given up after so many: it is advice, and must not end a whole fleet. */
const REVIEW_CRASHES = 3;
const KEEP_FINISHED = 1_000;

/** A worker's hold on a job. When its lock could not be renewed, another worker may have the job by now. */
export interface Lease {
  whenLost(callback: () => void): void;
}

type Handler<Data> = (data: Data, lease: Lease) => Promise<unknown>;

interface Consumption<Data> {
  queue: string;
  process(job: Job<Data>, lease: Lease): Promise<unknown>;
  options: ConsumeOptions;
  backendFactory?: BackendFactory<RedisQueueBackend>;
  /** how many executors a job may take down before it is given up */
  crashes?: number;
}

function consume<Data>(
  connection: StoreConnection,
  { queue, process, options, backendFactory = createRedisBackend, crashes = NEVER_GIVE_UP }: Consumption<Data>,
): Consumer {
  const redis = openWorkerClient(connection.target, connection);
  redis.on('error', options.onError);
  const lost = new Map<string, () => void>();
  const worker = new Worker<Data>(
    queue,
    // One parameter: with three, BullMQ makes an AbortController for every job.
    async (job: Job<Data>) => {
      const id = job.id ?? '';
      try {
        return await process(job, { whenLost: (callback) => lost.set(id, callback) });
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
      maxStalledCount: crashes - 1,
      runRetryDelay: 1_000,
      removeOnComplete: { count: KEEP_FINISHED },
      removeOnFail: { count: KEEP_FINISHED },
    },
    backendFactory,
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
    process: ({ data }, lease) => {
      const controller = new AbortController();
      lease.whenLost(() => controller.abort(new Error('the planning job was lost to another planner')));
      return handler(data, controller.signal);
    },
    options,
  });

/** What a handler of steps gives back: a word for the dashboard, and the result that is recorded with the job's end. */
export interface StepVerdict {
  word: string;
  completion?: Completion;
}

export type StepHandler = (job: StepJob, lease: Lease, early: EarlyClaim | null) => Promise<StepVerdict>;

export interface ConsumeStepsOptions extends ConsumeOptions, Pick<StepWorkerOptions, 'executor' | 'persist'> {
  /** `steps` when absent */
  queue?: string;
}

/** Takes step jobs of one queue. The handler never throws: what becomes of a step is recorded in the plan. */
export function consumeSteps(
  connection: StoreConnection,
  handler: StepHandler,
  { store, queue = STEPS_QUEUE, ...options }: ConsumeStepsOptions & Pick<StepWorkerOptions, 'store'>,
): Consumer {
  const worker = new StepWorker({ connection, store, executor: options.executor, persist: options.persist });
  return consume<StepJob>(connection, {
    queue,
    options,
    backendFactory: worker.backendFactory,
    process: async ({ id = '', data }, lease) => {
      const { word, completion } = await handler(data, lease, worker.takeClaim(id));
      if (completion !== undefined) worker.willComplete(id, completion);
      return word;
    },
  });
}

/** Takes the ticks of duties. A handler that throws leaves its tick undone; the next one comes as planned. */
export const consumeMaintenance = (connection: StoreConnection, handler: Handler<MaintenanceJob>, options: ConsumeOptions): Consumer =>
  consume<MaintenanceJob>(connection, { queue: MAINTENANCE_QUEUE, process: ({ data }, lease) => handler(data, lease), options });

/** Takes revisions to look at. A handler that throws is asked again a few times, later each time. */
export const consumeReviews = (connection: StoreConnection, handler: Handler<ReviewJob>, options: ConsumeOptions): Consumer =>
  consume<ReviewJob>(connection, {
    queue: REVIEWS_QUEUE,
    process: ({ data }, lease) => handler(data, lease),
    options,
    crashes: REVIEW_CRASHES,
  });

/** The queues as producers see them, opened when first asked for. Owns no connection: it uses the store's. */
export class OpenQueues {
  readonly #connection: StoreConnection;
  readonly #open = new Map<string, Queue>();

  constructor(connection: StoreConnection) {
    this.#connection = connection;
  }

  #queue(name: string): Queue {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const queue = new Queue(name, { connection: this.#connection.redis, prefix: this.#connection.keys.bullPrefix });
    this.#open.set(name, queue);
    return queue;
  }

  /** Those that there always are, and those named besides. A name that is none has no queue. */
  list(further: readonly string[] = []): Queue[] {
    const named = [...new Set(further)].filter((name) => QUEUE_NAME.test(name)).sort();
    return [...new Set([PLANNING_QUEUE, STEPS_QUEUE, REVIEWS_QUEUE, MAINTENANCE_QUEUE, ...named])].map((name) => this.#queue(name));
  }

  /**
   * Has a tick of the duty added every `everyMs`, once for the whole fleet; the last caller's interval counts. Repeating it
   * neither adds a second schedule nor moves the next tick, and brings back a schedule that was lost.
   */
  async scheduleDuty(duty: Duty, everyMs: number): Promise<void> {
    const data: MaintenanceJob = { duty };
    await this.#queue(MAINTENANCE_QUEUE).upsertJobScheduler(duty, { every: everyMs }, { name: duty, data });
  }

  /** Sets what BullMQ lets through of the queue, over all workers; what is left out has no limit from now on. */
  async limit(name: string, { concurrency, rate }: QueueLimits): Promise<void> {
    const queue = this.#queue(name);
    if (concurrency === undefined) await queue.removeGlobalConcurrency();
    else await queue.setGlobalConcurrency(concurrency);
    if (rate === undefined) await queue.removeGlobalRateLimit();
    else await queue.setGlobalRateLimit(rate.max, rate.durationMs);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((queue) => queue.close()));
  }
}
