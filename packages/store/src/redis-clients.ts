/** Every connection to Redis is opened here. */
import { Cluster, Redis } from 'ioredis';

/** Where Redis is. */
export interface RedisTarget {
  /** redis:// or rediss:// */
  url: string;
}

const retryStrategy = (times: number): number => Math.min(50 * 2 ** times, 1_000);

interface Naming {
  /** the connection's name, as CLIENT LIST shows it */
  name: string;
}

/** For commands, which give up after a while. Those that are sent in the same turn of the loop share one write and one read. */
export const openCommandClient = ({ url }: RedisTarget, { name, timeoutMs }: Naming & { timeoutMs: number }): Redis =>
  new Redis(url, { connectionName: name, enableAutoPipelining: true, commandTimeout: timeoutMs, maxRetriesPerRequest: 3, retryStrategy });

/** For commands that wait for as long as it takes: blocking ones, and subscriptions. */
export const openBlockingClient = ({ url }: RedisTarget, { name }: Naming): Redis =>
  new Redis(url, { connectionName: name, maxRetriesPerRequest: null, retryStrategy });

/** For a worker of BullMQ, which asks for as long as it takes. */
export const openWorkerClient = ({ url }: RedisTarget, { name }: Naming): Redis =>
  new Redis(url, { connectionName: name, enableAutoPipelining: true, maxRetriesPerRequest: null, retryStrategy });

/** The servers that hold the keys: one, or the primaries of a cluster. */
export const nodesOf = (redis: Redis | Cluster): Redis[] => (redis instanceof Cluster ? redis.nodes('master') : [redis]);
