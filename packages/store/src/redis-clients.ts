/** Every connection to Redis is opened here. */
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';

/** Where Redis is. */
export interface RedisTarget {
  /** redis:// or rediss://; of a cluster one or more of its nodes, comma-separated */
  url: string;
  /** whether it is a Redis Cluster */
  cluster?: boolean | undefined;
}

export type RedisClient = Redis | Cluster;

interface Naming {
  /** the connection's name, as CLIENT LIST shows it */
  name: string;
}

const retryStrategy = (times: number): number => Math.min(50 * 2 ** times, 1_000);

/** The URLs that a target names; the scheme, user and password of the first hold for those that say none. */
export function nodeUrls({ url }: RedisTarget): string[] {
  const [first = '', ...further] = url.split(',').map((part) => part.trim());
  const origin = /^rediss?:\/\/(?:[^@/]*@)?/.exec(first)?.[0] ?? 'redis://';
  return [first, ...further.filter((part) => part !== '').map((part) => (part.includes('://') ? part : origin + part))];
}

/** Hosts and ports, for logs: nothing of it is secret. */
export const placesOf = (target: RedisTarget): string =>
  nodeUrls(target)
    .map((url) => new URL(url).host)
    .join(', ');

/** A client of a whole cluster. What its nodes are is asked of the first one that answers. */
function openCluster(target: RedisTarget, { redisOptions, ...options }: ClusterOptions & { redisOptions: RedisOptions }): Cluster {
  const urls = nodeUrls(target).map((url) => new URL(url));
  const { protocol = '', username = '', password = '' } = urls[0] ?? {};
  const tls = protocol === 'rediss:';
  return new Cluster(
    urls.map(({ hostname, port }) => ({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379) })),
    {
      ...options,
      clusterRetryStrategy: retryStrategy,
      // A certificate is of a name, not of the address that it stands for.
      ...(tls ? { dnsLookup: (address, found) => found(null, address) } : {}),
      redisOptions: {
        ...redisOptions,
        ...(username === '' ? {} : { username: decodeURIComponent(username) }),
        ...(password === '' ? {} : { password: decodeURIComponent(password) }),
        ...(tls ? { tls: {} } : {}),
      },
    },
  );
}

/**
 * For commands, which give up after a while. Those that are sent in the same turn of the loop share one write and one read;
 * on a cluster, those that go to the same node.
 */
export function openCommandClient(target: RedisTarget, { name, timeoutMs }: Naming & { timeoutMs: number }): RedisClient {
  const options = { connectionName: name, commandTimeout: timeoutMs, maxRetriesPerRequest: 3 };
  if (target.cluster) return openCluster(target, { enableAutoPipelining: true, redisOptions: options });
  return new Redis(target.url, { enableAutoPipelining: true, ...options, retryStrategy });
}

/** For commands that wait for as long as it takes: blocking ones, and subscriptions. */
export function openBlockingClient(target: RedisTarget, { name }: Naming): RedisClient {
  const options = { connectionName: name, maxRetriesPerRequest: null };
  return target.cluster ? openCluster(target, { redisOptions: options }) : new Redis(target.url, { ...options, retryStrategy });
}

/**
 * For workers of BullMQ, which ask for as long as it takes. On a cluster each command goes by itself: of several that share
 * a write, one that has to go to another node by now can't be sent there alone.
 */
export function openWorkerClient(target: RedisTarget, { name }: Naming): RedisClient {
  const options = { connectionName: name, maxRetriesPerRequest: null };
  if (target.cluster) return openCluster(target, { redisOptions: options });
  return new Redis(target.url, { enableAutoPipelining: true, ...options, retryStrategy });
}

/** For one question to one server, which may be away: it is not tried again. */
export const openProbe = (url: string, { timeoutMs }: { timeoutMs: number }): Redis =>
  new Redis(url, { connectTimeout: timeoutMs, commandTimeout: timeoutMs, maxRetriesPerRequest: 0, retryStrategy: () => null });

/** The servers that hold the keys: one, or the primaries of a cluster. */
export const nodesOf = (redis: RedisClient): Redis[] => (redis instanceof Cluster ? redis.nodes('master') : [redis]);
