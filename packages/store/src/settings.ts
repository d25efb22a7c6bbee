/** The settings by which a process finds its store. */
import { z } from 'zod';
import { nodeUrls, type RedisTarget } from './redis-clients.ts';

/** More would cost each process a connection for each of them and each queue, and gain nothing: a Redis has one thread. */
const MOST_SHARDS_SERVED = 64;

const isRedisUrl = (url: string): boolean => /^rediss?:\/\/.+/.test(url) && URL.canParse(url);

const schema = z.object({
  /** of a cluster one or more of its nodes, comma-separated */
  REDIS_URL: z
    .string()
    .refine(
      (urls) => nodeUrls({ url: urls }).every(isRedisUrl),
      'must be a URL like redis://127.0.0.1:6379 or rediss://user:password@host:6380; of a cluster also several, comma-separated',
    )
    .default('redis://127.0.0.1:6379'),
  /** whether REDIS_URL names nodes of a Redis Cluster */
  REDIS_CLUSTER: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .default(false),
  /** how many shards tasks and plans are spread over; it may grow, and never shrink */
  SHARDS: z.coerce.number().int().min(1).max(MOST_SHARDS_SERVED).default(1),
});

export type StoreSettings = z.output<typeof schema>;

/** For the schema of every service. */
export const storeSettings = schema.shape;

/** What `openStore` needs to know of Redis. */
export const redisFrom = ({ REDIS_URL, REDIS_CLUSTER }: StoreSettings): RedisTarget => ({ url: REDIS_URL, cluster: REDIS_CLUSTER });
