/** When a failed attempt is tried again. */
import { z } from 'zod';

export const retryPolicySchema = z.strictObject({
  /** attempts in all, the first one included */
  maxAttempts: z.int().min(1).max(100).default(1),
  backoff: z.enum(['fixed', 'exponential']).default('exponential'),
  /** milliseconds before the second attempt */
  delayMs: z.int().min(0).max(86_400_000).default(500),
  /** milliseconds that no delay exceeds */
  maxDelayMs: z.int().min(0).max(86_400_000).default(30_000),
  /** 0 to 1: the share of the delay that is random */
  jitter: z.number().min(0).max(1).default(0),
});
export type RetryPolicy = z.infer<typeof retryPolicySchema>;

/** Milliseconds to wait after the failure of attempt `attempt` (from 1). `random` is in [0, 1). */
export function retryDelay(policy: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  const grown = policy.backoff === 'exponential' ? policy.delayMs * 2 ** Math.min(attempt - 1, 40) : policy.delayMs;
  const delay = Math.min(grown, policy.maxDelayMs);
  return Math.round(delay * (1 - policy.jitter * random()));
}
