/** The settings by which a process finds its store. */
import { z } from 'zod';
import type { RedisTarget } from './redis-clients.ts';

const schema = z.object({
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\/.+/, 'must be a URL like redis://127.0.0.1:6379 or rediss://user:password@host:6380')
    .default('redis://127.0.0.1:6379'),
});

export type StoreSettings = z.output<typeof schema>;

/** For the schema of every service. */
export const storeSettings = schema.shape;

/** What `openStore` needs to know of Redis. */
export const redisFrom = ({ REDIS_URL }: StoreSettings): RedisTarget => ({ url: REDIS_URL });
