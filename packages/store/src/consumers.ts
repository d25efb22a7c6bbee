/** The BullMQ side: workers that take jobs, of each shard and together within one concurrency. */
import {
  MAINTENANCE_QUEUE,
  type MaintenanceJob,
  PLANNING_QUEUE,
  type PlanningJob,
  REVIEWS_QUEUE,
  type ReviewJob,
  STEPS_QUEUE,
  type StepJob,
  stepJobId,
  WEBHOOKS_QUEUE,
  type WebhookJob,
} from '@countersign/shared';
import { type BackendFactory, type Job, type RedisQueueBackend, UnrecoverableError, Worker, type WorkerOptions } from 'bullmq';
import { clusterWorkerCloser } from './close-worker.ts';
import type { StoreConnection } from './connection.ts';
import { consumerGuard } from './consumer-guard.ts';
import { keepingLocks } from './kept-locks.ts';
import { openWorkerClient } from './redis-clients.ts';
import { SeatedWorker } from './seated-worker.ts';
import { Seats } from './seats.ts';
import type { JobLock } from './step-contract.ts';
import { type Completion, type EarlyClaim, StepWorker, type StepWorkerOptions } from './step-worker.ts';

export interface ConsumeOptions {
  concurrency: number;
  onError(error: Error): void;
}

/** What the store adds to that. */
interface Keeping {
  /** how many finished jobs BullMQ keeps of a queue, completed and failed ones each */
  finishedJobs: number;
}

export interface Consumer {
  /** Stops taking jobs, waits for those in hand, closes the connections. */
  close(): Promise<void>;
}

/**
 * The lease of a job, in ms, chosen by measurement (docs/reliability.md has the figures, `npm run bench -- locks` measures
 * again). A worker may block its event loop for lock - renew. One that went away is noticed within lock + 2 * check: BullMQ
 * lets a check be for as long as the interval after the last one, and a timer may come back a moment too early for that.
 */
const LEASE_MS = 10_000;
const RENEW_LEASE_MS = 1_000;
const STALLED_CHECK_MS = 1_000;
/** Crashes are counted in the plan's own state; BullMQ must never give a job up by itself. */
const NEVER_GIVE_UP = 1_000_000;
/** A review that takes its executor down with it is given up after so many: it is advice, and must not end a whole fleet. */
const REVIEW_CRASHES = 3;

/** A worker's hold on a job. When its lock could not be renewed, another worker may have the job by now. */
export interface Lease {
  readonly lock: JobLock;
  whenLost(callback: () => void): void;
}

type Handler<Data> = (data: Data, lease: Lease) => Promise<unknown>;

/** What becomes of the jobs of one shard. */
interface Work<Data> {
  process(job: Job<Data>, lease: Lease): Promise<unknown>;
  backendFactory?: BackendFactory<RedisQueueBackend>;
}

interface Consumption<Data> {
  queue: string;
  options: ConsumeOptions & Keeping;
  work(connection: StoreConnection): Work<Data>;
  /** how many executors a job may take down before it is given up */
  crashes?: number;
}

/** Takes the jobs of a queue in each of these shards, so many at the same time as one worker would of one. */
function consume<Data>(
  connections: readonly StoreConnection[],
  { queue, work, options, crashes = NEVER_GIVE_UP }: Consumption<Data>,
): Consumer {
  const [home] = connections as [StoreConnection];
  const { target, name } = home;
  const redis = openWorkerClient(target, { name });
  redis.on('error', options.onError);
  const lost = new Map<string, () => void>();
  const seats = connections.length > 1 ? new Seats(options.concurrency) : null;
  const guard = consumerGuard(home, options.onError);
  const closers = connections.map((connection) => {
    const { process, backendFactory: madeBy } = work(connection);
    const backendFactory = guard.guarded(keepingLocks(connection, madeBy));
    // One parameter: with three, BullMQ makes an AbortController for every job.
    const processor = async (job: Job<Data>): Promise<unknown> => {
      const id = job.id ?? '';
      try {
        return await process(job, { lock: { queue, token: job.token ?? '' }, whenLost: (callback) => lost.set(id, callback) });
      } finally {
        lost.delete(id);
      }
    };
    const settings: WorkerOptions = {
      connection: redis,
      prefix: connection.keys.bullPrefix,
      concurrency: options.concurrency,
      lockDuration: LEASE_MS,
      lockRenewTime: RENEW_LEASE_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: crashes - 1,
      runRetryDelay: 1_000,
      removeOnComplete: { count: options.finishedJobs },
      removeOnFail: { count: options.finishedJobs },
    };
    const worker =
      seats === null
        ? new Worker<Data>(queue, processor, settings, backendFactory)
        : new SeatedWorker<Data>(queue, processor, { options: settings, backendFactory, seat: seats.taker() });
    guard.watch(worker);
    worker.on('error', options.onError);
    worker.on('lockRenewalFailed', (jobIds: string[]) => {
      for (const id of jobIds) lost.get(id)?.();
    });
    if (seats !== null) worker.run().catch(options.onError);
    return target.cluster ? clusterWorkerCloser(worker) : () => worker.close();
  });
  return {
    async close() {
      guard.close();
      seats?.close();
      await Promise.all(closers.map((close) => close()));
      redis.disconnect();
    },
  };
}

/** Takes planning jobs; the signal aborts when the job is lost. A handler that throws (Redis can't be written) has its job tried again every second. */
export const consumePlanning = (
  connections: readonly StoreConnection[],
  handler: (job: PlanningJob, signal: AbortSignal) => Promise<unknown>,
  options: ConsumeOptions & Keeping,
): Consumer =>
  consume<PlanningJob>(connections, {
    queue: PLANNING_QUEUE,
    work: () => ({
      process: ({ data }, lease) => {
        const controller = new AbortController();
        lease.whenLost(() => controller.abort(new Error('the planning job was lost to another planner')));
        return handler(data, controller.signal);
      },
    }),
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
export const consumeSteps = (
  connections: readonly StoreConnection[],
  handler: StepHandler,
  { store, queue = STEPS_QUEUE, ...options }: ConsumeStepsOptions & Keeping & Pick<StepWorkerOptions, 'store'>,
): Consumer =>
  consume<StepJob>(connections, {
    queue,
    options,
    work: (connection) => {
      const worker = new StepWorker({ connection, store, executor: options.executor, persist: options.persist, lockMs: LEASE_MS });
      return {
        backendFactory: worker.backendFactory,
        process: async ({ id = '', data, token = '' }, lease) => {
          // Each delivery of a step has one job. With a second one, added by hand, its tool would be called beside itself.
          const own = stepJobId(data.planId, data.stepId, data.generation, data.delivery);
          if (id !== own) throw new UnrecoverableError(`not the job of step ${data.stepId} of plan ${data.planId}: that one is ${own}`);
          const { word, completion } = await handler(data, lease, worker.takeClaim(id));
          if (completion !== undefined) worker.willComplete(id, completion, token);
          return word;
        },
      };
    },
  });

/** Takes the ticks of duties, which have one queue for all shards. A handler that throws leaves its tick undone; the next one comes as planned. */
export const consumeMaintenance = (home: StoreConnection, handler: Handler<MaintenanceJob>, options: ConsumeOptions & Keeping): Consumer =>
  consume<MaintenanceJob>([home], {
    queue: MAINTENANCE_QUEUE,
    work: () => ({ process: ({ data }, lease) => handler(data, lease) }),
    options,
  });

/** Takes revisions to look at. A handler that throws is asked again a few times, later each time. */
export const consumeReviews = (
  connections: readonly StoreConnection[],
  handler: Handler<ReviewJob>,
  options: ConsumeOptions & Keeping,
): Consumer =>
  consume<ReviewJob>(connections, {
    queue: REVIEWS_QUEUE,
    work: () => ({ process: ({ data }, lease) => handler(data, lease) }),
    options,
    crashes: REVIEW_CRASHES,
  });

/**
 * Takes attempts of deliveries, which have one queue for all shards. What becomes of one is recorded with the delivery; a
 * handler that throws puts its job among the failed ones, for people to see.
 */
export const consumeWebhooks = (
  home: StoreConnection,
  handler: (job: WebhookJob) => Promise<unknown>,
  options: ConsumeOptions & Keeping,
): Consumer => consume<WebhookJob>([home], { queue: WEBHOOKS_QUEUE, work: () => ({ process: ({ data }) => handler(data) }), options });
