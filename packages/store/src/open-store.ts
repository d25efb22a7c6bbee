/** Opens the plan store. */
import type { Duty, MaintenanceJob, PlanningJob, QueueLimits, ReviewJob } from '@countersign/shared';
import type { Queue } from 'bullmq';
import { storedAnswers } from './answers.ts';
import { clockDuties } from './clock.ts';
import { StoreConnection } from './connection.ts';
import type {
  Answers,
  Clock,
  EventLog,
  PlanningRequests,
  PlanStore,
  Reconciler,
  ReviewStore,
  StepStore,
  TaskStore,
  ToolCatalogue,
} from './contract.ts';
import { eventLog } from './event-log.ts';
import { DEFAULT_PREFIX } from './keys.ts';
import { planStore } from './plan-store.ts';
import { planningRequests } from './planning-requests.ts';
import { type Preparing, preparing } from './prepare.ts';
import {
  type ConsumeOptions,
  type Consumer,
  type ConsumeStepsOptions,
  consumeMaintenance,
  consumePlanning,
  consumeReviews,
  consumeSteps,
  OpenQueues,
  type StepHandler,
} from './queues.ts';
import { reconciler } from './reconciler.ts';
import type { RedisTarget } from './redis-clients.ts';
import { reviewStore } from './reviews.ts';
import { stepStore } from './step-store.ts';
import { taskStore } from './task-store.ts';
import { toolCatalogue } from './tool-catalogue.ts';

export interface OpenStoreOptions {
  redis: RedisTarget;
  /** the keys' prefix with its hash tag; `{cs0}` when absent */
  prefix?: string;
  /** ms since 1970; absent: Redis's own clock, which is one for the whole fleet */
  clock?: () => number;
  /** ms that a command may take before the store counts as away; 5,000 when absent */
  commandTimeoutMs?: number;
  /** connection errors; they are mended by reconnecting */
  onError?: (error: Error) => void;
}

export interface Store
  extends TaskStore,
    PlanStore,
    PlanningRequests,
    EventLog,
    StepStore,
    ReviewStore,
    ToolCatalogue,
    Answers,
    Reconciler,
    Clock,
    Preparing {
  /** Resolves when Redis answers; else StoreUnavailableError. */
  ping(): Promise<void>;
  /** BullMQ's queues, for the dashboard: those that there always are, and those that are named (by tools). */
  queues(named?: readonly string[]): readonly Queue[];
  /** What a queue lets through over the whole fleet, from now on; what is left out has no limit. */
  limitQueue(queue: string, limits: QueueLimits): Promise<void>;
  /** Has `consumeDuties` of one process of the fleet called every `everyMs`. Safe to repeat. */
  scheduleDuty(duty: Duty, everyMs: number): Promise<void>;
  consumeDuties(handler: (job: MaintenanceJob) => Promise<unknown>, options: ConsumeOptions): Consumer;
  consumePlanning(handler: (job: PlanningJob, signal: AbortSignal) => Promise<unknown>, options: ConsumeOptions): Consumer;
  consumeReviews(handler: (job: ReviewJob) => Promise<unknown>, options: ConsumeOptions): Consumer;
  consumeSteps(handler: StepHandler, options: ConsumeStepsOptions): Consumer;
  close(): Promise<void>;
}

/** Opens the store. Throws a BullMqMismatchError when the installed BullMQ isn't the one that it was built for. */
export function openStore({
  redis,
  prefix = DEFAULT_PREFIX,
  clock,
  commandTimeoutMs = 5_000,
  onError = () => {},
}: OpenStoreOptions): Store {
  const connection = new StoreConnection({ redis, prefix, clock, commandTimeoutMs, onError });
  const events = eventLog(connection);
  const plans = planStore(connection, events);
  const steps = stepStore(connection);
  const queues = new OpenQueues(connection);
  return {
    ...taskStore(connection),
    ...plans,
    ...planningRequests(connection, plans.getPlan),
    ...events,
    ...steps,
    ...reviewStore(connection),
    ...toolCatalogue(connection),
    ...storedAnswers(connection),
    ...reconciler(connection),
    ...clockDuties(connection),
    ...preparing(connection),
    async ping() {
      await connection.attempt(() => connection.redis.ping());
    },
    queues: (named) => queues.list(named),
    limitQueue: (queue, limits) => connection.attempt(() => queues.limit(queue, limits)),
    scheduleDuty: (duty, everyMs) => connection.attempt(() => queues.scheduleDuty(duty, everyMs)),
    consumeDuties: (handler, options) => consumeMaintenance(connection, handler, options),
    consumePlanning: (handler, options) => consumePlanning(connection, handler, options),
    consumeReviews: (handler, options) => consumeReviews(connection, handler, options),
    consumeSteps: (handler, options) => consumeSteps(connection, handler, { ...options, store: steps }),
    async close() {
      await queues.close();
      await connection.close();
    },
  };
}
