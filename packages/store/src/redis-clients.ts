/** Every connection to Redis is opened here. */
import { Redis } from 'ioredis';

/** Where Redis is. */
export interface RedisTarget {
  /** redis:// or rediss:// */
  url: string;
}

const retryStrategy = (times: number): number => Math.min(50 * 2 ** times, 1_000);

/** For commands, which give up after a while. Those that are sent in the same turn of the loop share one write and one read. */
export const openCommandClient = ({ url }: RedisTarget, { timeoutMs }: { timeoutMs: number }): Redis =>
  new Redis(url, { enableAutoPipelining: true, commandTimeout: timeoutMs, maxRetriesPerRequest: 3, retryStrategy });

/** For commands that wait for as long as it takes: blocking ones, and subscriptions. */
export const openBlockingClient = ({ url }: RedisTarget): Redis => new Redis(url, { maxRetriesPerRequest: null, retryStrategy });

/** For a worker of BullMQ, which asks for as long as it takes. */
export const openWorkerClient = ({ url }: RedisTarget): Redis =>
  new Redis(url, { enableAutoPipelining: true, maxRetriesPerRequest: null, retryStrategy });
