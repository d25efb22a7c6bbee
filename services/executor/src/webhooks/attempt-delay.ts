/** When a delivery that failed is tried again. */
import { retryDelay } from '@countersign/shared';

export interface RetrySettings {
  /** in all, the first one included */
  attempts: number;
  /** ms before the second one */
  backoffMs: number;
}

/** Two doublings at once: from seconds, for a receiver that restarts, to hours, for one that somebody has to mend. */
const STEPS = 2;
const LONGEST_MS = 4 * 3_600_000;
/** What a receiver may ask for. */
const LONGEST_ASKED_MS = 3_600_000;
/** Deliveries that failed together don't come back together. */
const JITTER = 0.2;

/** The ms that a Retry-After header asks for: seconds, or a date; null where it is neither. */
export function askedDelay(retryAfter: string | null, now: number): number | null {
  if (retryAfter === null) return null;
  const asked = /^\d+$/.test(retryAfter.trim()) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - now;
  return Number.isNaN(asked) ? null : Math.min(Math.max(asked, 0), LONGEST_ASKED_MS);
}

/**
 * The ms until the attempt after attempt `tries` (from 1); null where there is none left. What the receiver asks for is
 * waited for where it is longer.
 */
export function attemptDelay(
  tries: number,
  { attempts, backoffMs, askedMs, random = Math.random }: RetrySettings & { askedMs: number | null; random?: () => number },
): number | null {
  if (tries >= attempts) return null;
  const policy = { maxAttempts: attempts, backoff: 'exponential', delayMs: backoffMs, maxDelayMs: LONGEST_MS, jitter: JITTER } as const;
  return Math.max(retryDelay(policy, (tries - 1) * STEPS + 1, random), askedMs ?? 0);
}
