/** What both tests of the model share: a Redis with a store whose clock they set. */
import { openStore, type Store } from '@countersign/store';
import { Redis } from 'ioredis';
import { startTestRedis } from '../redis/test-redis.ts';
import { START } from './generators.ts';
import type { Clock } from './sides.ts';

export interface Trial {
  store: Store;
  clock: Clock;
  /** to look past the store */
  redis: Redis;
  url: string;
  close(): Promise<void>;
}

export async function openTrial({ shards = 1 }: { shards?: number } = {}): Promise<Trial> {
  const server = await startTestRedis();
  const clock: Clock = { now: START };
  const store = openStore({ redis: { url: server.url }, shards, clock: () => clock.now });
  const redis = new Redis(server.url);
  return {
    store,
    clock,
    redis,
    url: server.url,
    async close() {
      redis.disconnect();
      await store.close();
      await server.stop();
    },
  };
}
