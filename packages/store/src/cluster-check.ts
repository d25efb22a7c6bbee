/** Looks at every server that a target stands for: one Redis, or the masters of a cluster. */
import { Cluster } from 'ioredis';
import { judged, lookAtServer, type RedisCheck, type RedisFinding } from './redis-check.ts';
import { openProbes, type RedisClient, type RedisTarget } from './redis-clients.ts';

const refusal = (message: string): RedisFinding => ({ severity: 'refuse', setting: 'REDIS_CLUSTER', code: 'cluster', message });

/** Asks the first of the named nodes that answers. A client of a cluster would ask a server that is none again and again. */
async function lookAtFirst(target: RedisTarget, timeoutMs: number): Promise<RedisCheck> {
  let fault: unknown;
  for (const openProbe of openProbes(target, { timeoutMs })) {
    const redis = openProbe();
    redis.on('error', (error) => {
      fault = error;
    });
    try {
      return await lookAtServer(redis);
    } catch (error) {
      fault ??= error;
    } finally {
      redis.disconnect();
    }
  }
  throw fault;
}

/** What each master says, behind its address. */
async function lookAtMasters(cluster: Cluster, known: RedisCheck): Promise<RedisCheck> {
  // The client knows its nodes once it has carried out a command.
  await cluster.cluster('INFO');
  const checks = await Promise.all(
    cluster.nodes('master').map(async (node) => {
      const { host, port } = node.options;
      const { findings } = await lookAtServer(node);
      return findings.map((finding) => ({ ...finding, message: `${host}:${port}: ${finding.message}` }));
    }),
  );
  return judged(checks.flat(), known);
}

/** Throws what ioredis throws when Redis can't be reached. */
export async function lookAtRedis(
  redis: RedisClient,
  { target, timeoutMs }: { target: RedisTarget; timeoutMs: number },
): Promise<RedisCheck> {
  if (!(redis instanceof Cluster)) {
    const check = await lookAtServer(redis);
    const message = 'Redis is a node of a cluster; set REDIS_CLUSTER=true';
    return check.cluster ? judged([...check.findings, refusal(message)], check) : check;
  }
  const first = await lookAtFirst(target, timeoutMs);
  if (!first.ok && first.version === null) return first;
  if (first.version !== null && !first.cluster)
    return judged([refusal('is true, and Redis is no cluster; leave it out, or name nodes of a cluster in REDIS_URL')], first);
  return lookAtMasters(redis, first);
}
