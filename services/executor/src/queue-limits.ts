/** The setting QUEUES: what queues let through over the whole fleet. */
import { jsonSetting } from '@countersign/service';
import type { QueueLimits } from '@countersign/shared';
import { stepQueueProblem } from '@countersign/tools';
import { z } from 'zod';

const EXAMPLE = '{"mail": {"concurrency": 1, "rate": {"max": 10, "durationMs": 1000}}}';

const limits: z.ZodType<QueueLimits> = z.strictObject({
  concurrency: z.int().min(1).max(100_000).optional(),
  rate: z.strictObject({ max: z.int().min(1).max(1_000_000), durationMs: z.int().min(1).max(86_400_000) }).optional(),
});

const queues = z.record(z.string(), limits).superRefine((named, context) => {
  for (const name of Object.keys(named)) {
    const problem = stepQueueProblem(name);
    if (problem !== null) context.addIssue({ code: 'custom', path: [name], message: problem });
  }
});

/**
 * What of these limits can't be divided over so many shards. BullMQ limits each queue by itself, so each shard's gets a part of
 * the limit, and none of them can be nothing.
 */
export function undividedLimits(named: ReadonlyMap<string, QueueLimits>, shards: number): string[] {
  const problem = (where: string, limit: number | undefined): string[] =>
    limit === undefined || limit >= shards
      ? []
      : [`${where} is ${limit}, and each of the ${shards} SHARDS gets its part of it: it must be ${shards} or more`];
  return [...named].flatMap(([queue, { concurrency, rate }]) => [
    ...problem(`${queue}.concurrency`, concurrency),
    ...problem(`${queue}.rate.max`, rate?.max),
  ]);
}

/** JSON text like `{"mail": {"concurrency": 1, "rate": {"max": 10, "durationMs": 1000}}}`, as limits by queue. */
export const queueLimits = jsonSetting(queues, EXAMPLE);
