/** Every connection to Redis is opened here. */
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { sendNothingLate } from './given-up-commands.ts';
import { nodeUrls, readRedisUrl } from './redis-url.ts';

/** PEM texts. A server has to prove who it is in any case; these say whom to believe, and who we are. */
export interface RedisTls {
  /** whom to believe; the authorities that Node knows when absent */
  ca?: string | undefined;
  /** what the server is shown, with its key; both or none */
  cert?: string | undefined;
  key?: string | undefined;
}

/** Who knows which server is the primary. */
export interface RedisSentinels {
  addresses: readonly { host: string; port: number }[];
  /** what they call the primary and its replicas */
  name: string;
  username?: string | undefined;
  password?: string | undefined;
}

/** Where Redis is. */
export interface RedisTarget {
  /** redis:// or rediss://; of a cluster one or more of its nodes, comma-separated; with `sentinels` its host and port are not used */
  url: string;
  /** whether it is a Redis Cluster */
  cluster?: boolean | undefined;
  tls?: RedisTls | undefined;
  sentinels?: RedisSentinels | undefined;
}

export type RedisClient = Redis | Cluster;

interface Naming {
  /** the connection's name, as CLIENT LIST shows it */
  name: string;
}

/** ms; a Sentinel that does not answer must not keep the others from being asked */
const SENTINEL_TIMEOUT_MS = 1_000;

/**
 * ms without a byte while an answer is waited for, after which a connection counts as lost and another one is made, behind
 * Sentinels to whom they name by then. A machine that lost its power closes no connection, nor does a firewall that forgot
 * one; without this the system would notice after a quarter of an hour. For clients whose commands block for seconds.
 */
const BLOCKED_SILENCE_MS = 12_000;

const retryStrategy = (times: number): number => Math.min(50 * 2 ** times, 1_000);

/** A primary that has become a replica, or was cut off from its own, refuses writes: there may be another one by now. */
const reconnectOnError = (error: Error): boolean => /^(READONLY|UNBLOCKED|NOREPLICAS)\b/.test(error.message);

/** What the target's URLs say, the first one's user, password and encryption for all. */
function readTarget({ url, tls }: RedisTarget) {
  const nodes = nodeUrls(url).map((each) => {
    const reading = readRedisUrl(each);
    if (!reading.ok) throw new Error(`the URL of Redis ${reading.problem}`);
    return reading.value;
  });
  const { tls: encrypted = false, username, password, db } = nodes[0] ?? {};
  // Said outright: else the environment could switch the check of the certificate off for the whole process.
  const secured = encrypted ? { ...tls, rejectUnauthorized: true } : undefined;
  return {
    nodes: nodes.map(({ host, port }) => ({ host, port })),
    secured,
    // Without the client library's name, which CLIENT SETINFO would tell: a command less that a user has to be allowed.
    options: { username, password, db: db ?? 0, disableClientInfo: true, ...(secured && { tls: secured }) },
  };
}

/** Hosts and ports, for logs: nothing of it is secret. */
export function placesOf(target: RedisTarget): string {
  const places = target.sentinels?.addresses ?? readTarget(target).nodes;
  return `${target.sentinels === undefined ? '' : 'Sentinels '}${places.map(({ host, port }) => `${host}:${port}`).join(', ')}`;
}

/** A client of a whole cluster. What its nodes are is asked of the first one that answers. */
function openCluster(target: RedisTarget, { redisOptions, ...options }: ClusterOptions & { redisOptions: RedisOptions }): Cluster {
  const { nodes, secured, options: login } = readTarget(target);
  return new Cluster(nodes, {
    ...options,
    clusterRetryStrategy: retryStrategy,
    // A certificate is of a name, not of the address that it stands for.
    ...(secured && { dnsLookup: (address, found) => found(null, address) }),
    redisOptions: { ...redisOptions, ...login },
  });
}

/** A client of one server: the one that the URL names, or the one that the Sentinels call the primary. */
function openSingle(target: RedisTarget, redisOptions: RedisOptions): Redis {
  const { nodes, secured, options } = readTarget(target);
  const shared = { ...redisOptions, ...options, reconnectOnError };
  const { sentinels } = target;
  if (sentinels === undefined) return new Redis({ retryStrategy, ...shared, ...nodes[0] });
  return new Redis({
    retryStrategy,
    ...shared,
    sentinels: [...sentinels.addresses],
    name: sentinels.name,
    ...(sentinels.username !== undefined && { sentinelUsername: sentinels.username }),
    ...(sentinels.password !== undefined && { sentinelPassword: sentinels.password }),
    sentinelRetryStrategy: retryStrategy,
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    // Not ioredis's failoverDetector: news of a failover that comes while a client is connecting ends that client for good.
    ...(secured && { sentinelTLS: secured, enableTLSForSentinelMode: true }),
  });
}

/**
 * For commands, which give up after a while. Those that are sent in the same turn of the loop share one write and one read;
 * on a cluster, those that go to the same node.
 */
export function openCommandClient(target: RedisTarget, { name, timeoutMs }: Naming & { timeoutMs: number }): RedisClient {
  const options = { connectionName: name, commandTimeout: timeoutMs, socketTimeout: timeoutMs, maxRetriesPerRequest: 3 };
  return sendNothingLate(
    target.cluster
      ? openCluster(target, { enableAutoPipelining: true, redisOptions: options })
      : openSingle(target, { enableAutoPipelining: true, ...options }),
  );
}

/**
 * For commands that wait for as long as it takes: blocking ones, and subscriptions. Each is answered within `silenceMs`, or
 * asked for again over another connection; a client of a cluster does not do so for its subscriptions.
 */
export function openBlockingClient(target: RedisTarget, { name, silenceMs }: Naming & { silenceMs: number }): RedisClient {
  const options = { connectionName: name, maxRetriesPerRequest: null, socketTimeout: silenceMs };
  return target.cluster ? openCluster(target, { redisOptions: options }) : openSingle(target, options);
}

/**
 * For workers of BullMQ, which ask for as long as it takes. On a cluster each command goes by itself: of several that share
 * a write, one that has to go to another node by now can't be sent there alone.
 */
export function openWorkerClient(target: RedisTarget, { name }: Naming): RedisClient {
  const options = { connectionName: name, maxRetriesPerRequest: null, socketTimeout: BLOCKED_SILENCE_MS };
  if (target.cluster) return openCluster(target, { redisOptions: options });
  return openSingle(target, { enableAutoPipelining: true, ...options });
}

/** For one question to each of the servers that are named, which may be away: it is not tried again. */
export const openProbes = (target: RedisTarget, { timeoutMs }: { timeoutMs: number }): (() => Redis)[] =>
  nodeUrls(target.url).map(
    (url) => () =>
      openSingle(
        { ...target, url },
        { connectTimeout: timeoutMs, commandTimeout: timeoutMs, maxRetriesPerRequest: 0, retryStrategy: () => null },
      ),
  );

/** The servers that hold the keys: one, or the primaries of a cluster. */
export const nodesOf = (redis: RedisClient): Redis[] => (redis instanceof Cluster ? redis.nodes('master') : [redis]);
