/**
 * Every shard knows what webhooks want, so that its scripts can look without asking another one. The home shard has it first,
 * from the commands that change webhooks; from there it is spread: by whoever changed something, by processes that start,
 * and by the duty, which mends what was left out.
 */
import type { StoreConnection } from './connection.ts';

export interface WantedHooks {
  /** Brings every shard to what the home shard has. One that is away is left to the next time. */
  spread(): Promise<void>;
}

export function wantedHooks(home: StoreConnection, connections: readonly StoreConnection[]): WantedHooks {
  const spreadTo = async ({ keys, attempt, redis, run }: StoreConnection): Promise<void> => {
    // In this order: what is read of the home shard is then not older than what the other one has.
    const there = (await attempt(() => redis.get(keys.hooksVersion))) ?? '0';
    const [version, wanted] = await home.attempt(() => redis.mget(home.keys.hooksVersion, home.keys.hooksWanted));
    if (there === (version ?? '0')) return;
    await run('set-wanted-hooks', { keys: [keys.hooksWanted, keys.hooksVersion], id: '', args: [there, version ?? '0', wanted ?? ''] });
  };
  return {
    async spread() {
      await Promise.allSettled(connections.filter((connection) => connection !== home).map(spreadTo));
    },
  };
}
