/** Connections that block on streams. On a cluster that is one to the very node that has the stream. */
import { Cluster, type Redis } from 'ioredis';
import { openBlockingClient, type RedisClient, type RedisTarget } from './redis-clients.ts';

export interface StreamReader {
  redis: Redis;
  /** whether it finds its server again by itself; else a new one has to be opened */
  mends: boolean;
  /** Makes a blocked read of the client with that id end. */
  interrupt(clientId: number): Promise<unknown>;
}

/** ms; a read that blocks for a second and has not come back by then never will: the server is gone */
const LOST_AFTER_MS = 5_000;

/** `command` is another client of the same Redis, and `key` a key of the streams that will be read. Throws when the cluster has no node for it. */
export async function openStreamReader(
  target: RedisTarget,
  { name, command, key }: { name: string; command: RedisClient; key: string },
): Promise<StreamReader> {
  if (!(command instanceof Cluster))
    return {
      redis: openBlockingClient(target, { name, silenceMs: LOST_AFTER_MS }) as Redis,
      mends: true,
      interrupt: (clientId) => command.client('UNBLOCK', clientId),
    };
  const slot = await command.cluster('KEYSLOT', key);
  const place = command.slots[slot]?.[0];
  const node = command.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === place);
  if (node === undefined) throw new Error(`the cluster has no node for slot ${slot}`);
  return {
    redis: node.duplicate({
      lazyConnect: false,
      enableAutoPipelining: false,
      commandTimeout: LOST_AFTER_MS,
      socketTimeout: LOST_AFTER_MS,
      retryStrategy: () => null,
    }),
    mends: false,
    interrupt: (clientId) => node.client('UNBLOCK', clientId),
  };
}
