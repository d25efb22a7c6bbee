/** The queues as the dashboard and the duties need them. */
import {
  type Duty,
  MAINTENANCE_QUEUE,
  type MaintenanceJob,
  PLANNING_QUEUE,
  QUEUE_NAME,
  type QueueLimits,
  REVIEWS_QUEUE,
  STEPS_QUEUE,
  WEBHOOKS_QUEUE,
} from '@countersign/shared';
import { Queue } from 'bullmq';
import type { StoreConnection } from './connection.ts';
import { shareOf } from './shares.ts';

/** They lie in the home shard alone. */
const OF_ALL_SHARDS: readonly string[] = [WEBHOOKS_QUEUE, MAINTENANCE_QUEUE];
const OF_ITS_OWN: readonly string[] = [PLANNING_QUEUE, STEPS_QUEUE, REVIEWS_QUEUE, ...OF_ALL_SHARDS];

/** A queue of one shard. It uses the store's connection. */
export class ShardQueue extends Queue {
  readonly shard: number;

  constructor(name: string, { redis, shard, keys }: StoreConnection) {
    super(name, { connection: redis, prefix: keys.bullPrefix });
    this.shard = shard;
    // It passes on what its connection says, which the store tells of already; unheard, BullMQ would print it.
    this.on('error', () => {});
  }
}

/** The queues as producers see them, opened when first asked for. Owns no connection: it uses the store's. */
export class OpenQueues {
  readonly #connections: readonly StoreConnection[];
  readonly #open = new Map<string, ShardQueue>();

  /** Of these shards; the first is the home shard. */
  constructor(connections: readonly StoreConnection[]) {
    this.#connections = connections;
  }

  #queue(name: string, connection: StoreConnection): ShardQueue {
    const key = `${connection.shard}:${name}`;
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const queue = new ShardQueue(name, connection);
    this.#open.set(key, queue);
    return queue;
  }

  get #home(): StoreConnection {
    return this.#connections[0] as StoreConnection;
  }

  /** Whether there always is such a queue, whoever serves it. */
  isOfItsOwn(name: string): boolean {
    return OF_ITS_OWN.includes(name);
  }

  /** The queue of that name in each shard that has one. */
  placesOf(name: string): ShardQueue[] {
    const places = OF_ALL_SHARDS.includes(name) ? [this.#home] : this.#connections;
    return places.map((connection) => this.#queue(name, connection));
  }

  /** Those that there always are, and those named besides, of each shard. A name that is none has no queue. */
  list(further: readonly string[] = []): ShardQueue[] {
    const named = [...new Set(further)].filter((name) => QUEUE_NAME.test(name)).sort();
    return [...new Set([...OF_ITS_OWN, ...named])].flatMap((name) => this.placesOf(name));
  }

  /**
   * Has a tick of the duty added every `everyMs`, once for the whole fleet; the last caller's interval counts. Repeating it
   * neither adds a second schedule nor moves the next tick, and brings back a schedule that was lost.
   */
  async scheduleDuty(duty: Duty, everyMs: number): Promise<void> {
    const data: MaintenanceJob = { duty };
    await this.#queue(MAINTENANCE_QUEUE, this.#home).upsertJobScheduler(duty, { every: everyMs }, { name: duty, data });
  }

  /** Sets what BullMQ lets through of the queue, over all workers and shards; what is left out has no limit from now on. */
  async limit(name: string, { concurrency, rate }: QueueLimits): Promise<void> {
    const shards = this.#connections.length;
    // All shares before the first write: a limit that can't be divided changes nothing.
    const shares = this.#connections.map((connection, at) => ({
      queue: this.#queue(name, connection),
      concurrency: concurrency === undefined ? null : shareOf(concurrency, at, shards),
      max: rate === undefined ? null : shareOf(rate.max, at, shards),
    }));
    for (const { queue, concurrency: atOnce, max } of shares) {
      if (atOnce === null) await queue.removeGlobalConcurrency();
      else await queue.setGlobalConcurrency(atOnce);
      if (rate === undefined || max === null) await queue.removeGlobalRateLimit();
      else await queue.setGlobalRateLimit(max, rate.durationMs);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((queue) => queue.close()));
  }
}
