/** How many shards there are: it may grow, but plans must not be lost sight of. */
import type { StoreConnection } from './connection.ts';
import type { RedisFinding } from './redis-check.ts';

/** Finds fault where plans were created in more shards than `count`. */
export async function checkShards({ reach, redis, keys }: StoreConnection, count: number): Promise<RedisFinding[]> {
  const highest = Number(await reach(() => redis.get(keys.shards)));
  if (highest <= count) return [];
  const message = `must be ${highest} or more, and is ${count}: there are plans in ${highest} shards, and fewer would hide some of them`;
  return [{ severity: 'refuse', setting: 'SHARDS', code: 'shards', message }];
}

/** Remembers that plans are created in so many shards, from now on. */
export async function rememberShards({ reachScript, keys }: StoreConnection, count: number): Promise<void> {
  await reachScript('remember-shards', { keys: [keys.shards], id: '', args: [count] });
}
