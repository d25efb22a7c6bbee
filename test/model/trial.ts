/** What both tests of the model share: a Redis with a store whose clock they set. */
import { openStore, type Store } from '@countersign/store';
import { startTestRedis } from '../redis/test-redis.ts';
import { START } from './generators.ts';
import type { Clock } from './sides.ts';

export interface Trial {
  store: Store;
  clock: Clock;
  close(): Promise<void>;
}

export async function openTrial(): Promise<Trial> {
  const redis = await startTestRedis();
  const clock: Clock = { now: START };
  const store = openStore({ redis: { url: redis.url }, clock: () => clock.now });
  return {
    store,
    clock,
    async close() {
      await store.close();
      await redis.stop();
    },
  };
}
