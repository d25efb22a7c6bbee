/** Looks past the store, at what Redis itself holds and how much memory it may take. */
import { Redis } from 'ioredis';

export interface InspectedRedis {
  readonly client: Redis;
  /** What every key holds, by key; when it expires is left out. */
  keyspace(): Promise<Record<string, unknown>>;
  /** Sets `maxmemory`, in bytes: with 1 it is full, 0 takes the limit away. */
  limitMemory(bytes: number): Promise<void>;
  /** in bytes */
  usedMemory(): Promise<number>;
  close(): void;
}

/** A dump would not do: hashes and sets have no order, and change theirs by themselves. */
const READS: Readonly<Record<string, (redis: Redis, key: string) => Promise<unknown>>> = {
  string: (redis, key) => redis.get(key),
  hash: (redis, key) => redis.hgetall(key),
  set: async (redis, key) => (await redis.smembers(key)).sort(),
  zset: (redis, key) => redis.zrange(key, '0', '-1', 'WITHSCORES'),
  list: (redis, key) => redis.lrange(key, 0, -1),
  stream: (redis, key) => redis.xrange(key, '-', '+'),
};

export function inspectRedis(url: string): InspectedRedis {
  const client = new Redis(url, { enableAutoPipelining: true });
  return {
    client,
    async keyspace() {
      const keys = (await client.keys('*')).sort();
      const values = await Promise.all(
        keys.map(async (key) => {
          const type = await client.type(key);
          const read = READS[type];
          if (read === undefined) throw new Error(`${key} is a ${type}; this reads ${Object.keys(READS).join(', ')}`);
          return read(client, key);
        }),
      );
      return Object.fromEntries(keys.map((key, at) => [key, values[at]]));
    },
    async limitMemory(bytes) {
      await client.config('SET', 'maxmemory', String(bytes));
    },
    usedMemory: async () => Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1]),
    close: () => client.disconnect(),
  };
}
