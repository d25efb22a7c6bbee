/** Gives each shard its identity, or learns the one that it has. */
import { randomBytes } from 'node:crypto';
import type { StoreConnection } from './connection.ts';
import type { StoreState } from './store-state.ts';

interface IdentityLogger {
  error(fields: object, message: string): void;
}

const read = ({ reach, redis, keys }: StoreConnection): Promise<string | null> => reach(() => redis.get(keys.store));

/** Where several processes prepare the same shard, all of them come away with what the first one wrote. */
async function ensure(connection: StoreConnection): Promise<string> {
  const { reach, redis, keys } = connection;
  await reach(() => redis.set(keys.store, randomBytes(8).toString('hex'), 'NX'));
  return (await read(connection)) ?? '';
}

/** `connections` are those of all shards, the home shard first. Safe to repeat. */
export async function identify(
  connections: readonly [StoreConnection, ...StoreConnection[]],
  { state, logger }: { state: StoreState; logger: IdentityLogger },
): Promise<void> {
  const [home, ...others] = connections;
  const known = await read(home);
  const highest = Number(await home.reach(() => home.redis.get(home.keys.shards)));
  // The home shard last: where it has an identity, every shard that plans were created in has had one.
  for (const connection of [...others, home]) {
    const { shard, keys } = connection;
    if (known !== null && shard < highest && (await read(connection)) === null)
      logger.error({ shard }, `the shard ${keys.prefix} is empty, although plans were created in it: a node of Redis has lost its data`);
    state.identified(keys.prefix, await ensure(connection));
  }
}
