/** The executor's settings. */
import { hostname } from 'node:os';
import { z } from 'zod';

const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

export const configSchema = z.object({
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\/.+/, 'must be a URL like redis://127.0.0.1:6379 or rediss://user:password@host:6380')
    .default('redis://127.0.0.1:6379'),
  /** steps that this process runs at the same time */
  EXECUTOR_CONCURRENCY: z.coerce.number().int().min(1).max(1_000).default(10),
  /** the queues that it serves; absent: `steps` and those that its tools name */
  EXECUTOR_QUEUES: list.optional(),
  /** ms between two looks for plans and tasks that lost a job; one executor of the fleet looks, the last one to start sets the pace */
  RECONCILE_EVERY_MS: z.coerce.number().int().min(100).max(3_600_000).default(10_000),
  EXECUTOR_NAME: z.string().default(() => `${hostname()}-${process.pid}`),
  WORKSPACE_ROOT: z.string().default(() => process.cwd()),
  TOOLS_DIR: z.string().optional(),
  /** lets http.request reach private addresses: `true`, or networks such as `10.0.0.0/8,127.0.0.1/32` */
  HTTP_ALLOW_PRIVATE: z.union([flag, list]).default(false),
});
