/** Opens the plan store. */
import type { Duty, MaintenanceJob, PlanningJob, QueueLimits, ReviewJob, WebhookJob } from '@countersign/shared';
import { apiKeyStore } from './api-key-store.ts';
import { shardConnection } from './connection.ts';
import {
  type ConsumeOptions,
  type Consumer,
  type ConsumeStepsOptions,
  consumeMaintenance,
  consumePlanning,
  consumeReviews,
  consumeSteps,
  consumeWebhooks,
  type StepHandler,
} from './consumers.ts';
import type { ApiKeyStore, PolicyNotice, ToolCatalogue } from './contract.ts';
import { deliveryStore } from './delivery-store.ts';
import { hookOutbox } from './hook-outbox.ts';
import { DEFAULT_TAG, HOME_SHARD, prefixOf } from './keys.ts';
import { connectionName } from './layout-clients.ts';
import { leftovers } from './leftovers.ts';
import { openShard, type Shard } from './one-shard.ts';
import { OpenQueues, type ShardQueue } from './open-queues.ts';
import { policyNotice } from './policy-notice.ts';
import { type Preparing, ping, preparing } from './prepare.ts';
import { type RateLimit, type RateLimiter, rateLimiter } from './rate-limits.ts';
import type { RedisTarget } from './redis-clients.ts';
import { type ShardRoutes, shardRoutes } from './shard-routes.ts';
import { type ObservedCommand, StoreSockets } from './store-sockets.ts';
import { toolCatalogue } from './tool-catalogue.ts';
import { readTotals, type Totals } from './totals.ts';
import type { Leftovers } from './upkeep-contract.ts';
import { wantedHooks } from './wanted-hooks.ts';
import type { DeliveryStore, HookOutbox, WebhookStore } from './webhook-contract.ts';
import { webhookStore } from './webhook-store.ts';

export interface OpenStoreOptions {
  redis: RedisTarget;
  /** how many shards tasks and plans are spread over; 1 when absent */
  shards?: number;
  /** the word before a shard's number in the hash tag of its keys; `cs` when absent */
  tag?: string;
  /** ms since 1970; absent: Redis's own clock, which is one for the whole fleet */
  clock?: () => number;
  /** BullMQ's finished jobs that are kept of each queue, completed and failed ones each; 1,000 when absent */
  finishedJobs?: number;
  /** ms that a command may take before the store counts as away; 5,000 when absent */
  commandTimeoutMs?: number;
  /** connection errors; they are mended by reconnecting */
  onError?: (error: Error) => void;
  /** called after everything that was asked of Redis; must not throw */
  onCommand?: (command: ObservedCommand) => void;
}

export interface Store
  extends ShardRoutes,
    ToolCatalogue,
    PolicyNotice,
    ApiKeyStore,
    WebhookStore,
    HookOutbox,
    DeliveryStore,
    Leftovers,
    Preparing {
  /** Resolves when Redis answers, for each shard; else StoreUnavailableError. */
  ping(): Promise<void>;
  /** BullMQ's queues, for the dashboard: those that there always are, and those that are named (by tools); of each shard. */
  queues(named?: readonly string[]): readonly ShardQueue[];
  /** What there is at this moment, counted; `queues` as above. Costs a few dozen small reads for each shard. */
  readTotals(queues?: readonly string[]): Promise<Totals>;
  /**
   * What a queue lets through over the whole fleet, from now on; what is left out has no limit. Each shard gets its part:
   * a limit below the number of shards is a RangeError.
   */
  limitQueue(queue: string, limits: QueueLimits): Promise<void>;
  /** Has `consumeDuties` of one process of the fleet called every `everyMs`. Safe to repeat. */
  scheduleDuty(duty: Duty, everyMs: number): Promise<void>;
  consumeDuties(handler: (job: MaintenanceJob) => Promise<unknown>, options: ConsumeOptions): Consumer;
  consumePlanning(handler: (job: PlanningJob, signal: AbortSignal) => Promise<unknown>, options: ConsumeOptions): Consumer;
  consumeReviews(handler: (job: ReviewJob) => Promise<unknown>, options: ConsumeOptions): Consumer;
  consumeSteps(handler: StepHandler, options: ConsumeStepsOptions): Consumer;
  consumeWebhooks(handler: (job: WebhookJob) => Promise<unknown>, options: ConsumeOptions): Consumer;
  /** Counts over the whole fleet what is done under this name. */
  rateLimiter(name: string, limit: RateLimit): RateLimiter;
  close(): Promise<void>;
}

/** Opens the store. Throws a BullMqMismatchError when the installed BullMQ isn't the one that it was built for. */
export function openStore({
  redis,
  shards: count = 1,
  tag = DEFAULT_TAG,
  clock,
  finishedJobs = 1_000,
  commandTimeoutMs = 5_000,
  onError = () => {},
  onCommand,
}: OpenStoreOptions): Store {
  const sockets = new StoreSockets({ redis, name: connectionName(prefixOf(tag, HOME_SHARD)), clock, commandTimeoutMs, onError, onCommand });
  const opened = new Map<number, Shard>();
  const shardAt = (number: number): Shard => {
    const known = opened.get(number);
    if (known !== undefined) return known;
    const shard = openShard(shardConnection(sockets, { tag, shard: number }), { shards: count });
    opened.set(number, shard);
    return shard;
  };
  const shards = Array.from({ length: count }, (_, number) => shardAt(number));
  const connections = shards.map(({ connection }) => connection);
  const home = shardAt(HOME_SHARD).connection;
  const routes = shardRoutes(shards, shardAt);
  const queues = new OpenQueues(connections);
  const { stopWatching, ...prepared } = preparing(sockets, [home, ...connections.slice(1)]);
  const wants = wantedHooks(home, connections);
  return {
    ...routes,
    ...toolCatalogue(home),
    ...policyNotice(home),
    ...apiKeyStore(home),
    ...webhookStore(home, wants),
    ...hookOutbox(home, { connections, wants }),
    ...deliveryStore(home),
    ...leftovers(home, { connections, queues }),
    ...prepared,
    async prepare(logger, signal, options) {
      const preparation = await prepared.prepare(logger, signal, options);
      // A shard that is new must know what webhooks want before anything is created in it.
      if (preparation.ok) await wants.spread();
      return preparation;
    },
    ping: () => ping(connections),
    queues: (named) => queues.list(named),
    async readTotals(named) {
      // A queue that is opened leaves a key: not in a store that is another one.
      await ping(connections);
      return readTotals(connections, { queues: queues.list(named), now: sockets.now() });
    },
    limitQueue: (queue, limits) => home.attempt(() => queues.limit(queue, limits)),
    async scheduleDuty(duty, everyMs) {
      await ping([home]);
      return home.attempt(() => queues.scheduleDuty(duty, everyMs));
    },
    consumeDuties: (handler, options) => consumeMaintenance(home, handler, { ...options, finishedJobs }),
    consumePlanning: (handler, options) => consumePlanning(connections, handler, { ...options, finishedJobs }),
    consumeReviews: (handler, options) => consumeReviews(connections, handler, { ...options, finishedJobs }),
    consumeSteps: (handler, options) => consumeSteps(connections, handler, { ...options, finishedJobs, store: routes }),
    consumeWebhooks: (handler, options) => consumeWebhooks(home, handler, { ...options, finishedJobs }),
    rateLimiter: (name, limit) => rateLimiter(home, name, limit),
    async close() {
      stopWatching();
      await queues.close();
      await sockets.close();
    },
  };
}
