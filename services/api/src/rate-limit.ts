/** How many calls an actor may make, as callers are told: the headers RateLimit and RateLimit-Policy, and 429. */
import type { RateLimiter, RateState } from '@countersign/store';
import { type ProblemAnswer, problem, withHeaders } from './answer.ts';

/** Seconds for people and headers: whole ones, so that who waits that long has waited long enough. */
const secondsOf = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));

/** Refused for its number. `resetMs` is when counting begins anew. */
export const tooMany = (detail: string, resetMs: number): ProblemAnswer =>
  withHeaders(problem('rate_limited', detail), { 'Retry-After': String(secondsOf(resetMs)) });

/** The names under which limits stand in the headers, with what each is for. */
export const RATE_HEADERS = {
  'RateLimit-Policy': 'how many calls (`q`) the actor may make in how many seconds (`w`)',
  RateLimit: 'how many calls are left (`r`), and in how many seconds (`t`) all of them are there again',
} as const;

export const rateHeaders = ({ limit }: RateLimiter, { remaining, resetMs }: RateState): Record<keyof typeof RATE_HEADERS, string> => ({
  'RateLimit-Policy': `"calls";q=${limit.calls};w=${limit.seconds}`,
  RateLimit: `"calls";r=${remaining};t=${secondsOf(resetMs)}`,
});
