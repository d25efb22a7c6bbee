/** Opens the plan store. */
import type { PlanningJob, StepJob } from '@countersign/shared';
import type { Queue } from 'bullmq';
import { StoreConnection } from './connection.ts';
import type { Answers, EventLog, PlanStore, StepStore, TaskStore, ToolCatalogue } from './contract.ts';
import { eventLog } from './event-log.ts';
import { DEFAULT_PREFIX } from './keys.ts';
import { callRecord } from './outcome.ts';
import { planStore } from './plan-store.ts';
import { type ConsumeOptions, type Consumer, consumePlanning, consumeSteps, type Lease, openQueues } from './queues.ts';
import { stepStore } from './step-store.ts';
import { taskStore } from './task-store.ts';
import { toolCatalogue } from './tool-catalogue.ts';

export interface OpenStoreOptions {
  /** redis:// or rediss:// */
  redisUrl: string;
  /** the keys' prefix with its hash tag; `{cs}` when absent */
  prefix?: string;
  /** ms since 1970; absent: Redis's own clock, which is one for the whole fleet */
  clock?: () => number;
  /** ms that a command may take before the store counts as away; 5,000 when absent */
  commandTimeoutMs?: number;
  /** connection errors; they are mended by reconnecting */
  onError?: (error: Error) => void;
}

export interface Store extends TaskStore, PlanStore, EventLog, StepStore, ToolCatalogue, Answers {
  /** Resolves when Redis answers; else StoreUnavailableError. */
  ping(): Promise<void>;
  /** BullMQ's queues, for the dashboard. */
  queues(): readonly Queue[];
  consumePlanning(handler: (job: PlanningJob, signal: AbortSignal) => Promise<unknown>, options: ConsumeOptions): Consumer;
  consumeSteps(handler: (job: StepJob, lease: Lease) => Promise<unknown>, options: ConsumeOptions & { queue?: string }): Consumer;
  close(): Promise<void>;
}

/** Opens the store. Throws a BullMqMismatchError when the installed BullMQ isn't the one that it was built for. */
export function openStore({
  redisUrl,
  prefix = DEFAULT_PREFIX,
  clock,
  commandTimeoutMs = 5_000,
  onError = () => {},
}: OpenStoreOptions): Store {
  const connection = new StoreConnection({ redisUrl, prefix, clock, commandTimeoutMs, onError });
  const events = eventLog(connection);
  let queues: Queue[] | null = null;
  return {
    ...taskStore(connection),
    ...planStore(connection, events),
    ...events,
    ...stepStore(connection),
    ...toolCatalogue(connection),
    async saveAnswer(idempotency, answer) {
      const key = connection.keys.idempotency(callRecord(idempotency).hash);
      // Only the first answer counts: a repeated call may be here at the same time.
      await connection.attempt(() => connection.redis.hsetnx(key, 'answer', JSON.stringify(answer)));
    },
    async ping() {
      await connection.attempt(() => connection.redis.ping());
    },
    queues() {
      queues ??= openQueues(connection);
      return queues;
    },
    consumePlanning: (handler, options) => consumePlanning(connection, handler, options),
    consumeSteps: (handler, options) => consumeSteps(connection, handler, options),
    async close() {
      await Promise.all((queues ?? []).map((queue) => queue.close()));
      await connection.close();
    },
  };
}
