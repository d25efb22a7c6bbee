/** Counting calls over the whole fleet, in fixed windows, on the home shard. */
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { StoreConnection } from './connection.ts';
import { StoreFullError } from './contract.ts';

/** So many within so many seconds, counted from the first one. */
export interface RateLimit {
  calls: number;
  seconds: number;
}

export interface RateState {
  /** whether this one is within the limit */
  allowed: boolean;
  /** how many more are */
  remaining: number;
  /** ms until counting begins anew */
  resetMs: number;
}

/**
 * Counts under one name. Null where Redis is full and cannot count: then nothing is refused for its number, because an
 * operator has to be able to make room.
 */
export interface RateLimiter {
  readonly limit: RateLimit;
  /** Counts one for `who`. */
  take(who: string): Promise<RateState | null>;
  /** Looks whether there is room for another one, without counting. */
  look(who: string): Promise<RateState | null>;
}

export function rateLimiter(connection: StoreConnection, name: string, limit: RateLimit): RateLimiter {
  const { calls, seconds } = limit;
  const limiter = new RateLimiterRedis({
    storeClient: connection.redis,
    keyPrefix: `${connection.keys.rate}:${name}`,
    points: calls,
    duration: seconds,
    // Who is over the limit is refused by this process alone until the window ends: a flood stays away from Redis.
    inMemoryBlockOnConsumed: calls,
  });
  const stateOf = ({ consumedPoints, remainingPoints, msBeforeNext }: RateLimiterRes, allowed: boolean): RateState => ({
    allowed,
    remaining: consumedPoints > calls ? 0 : remainingPoints,
    resetMs: Math.max(msBeforeNext, 0),
  });
  const unlessFull = async (call: () => Promise<RateState | null>): Promise<RateState | null> => {
    try {
      return await connection.attempt(call);
    } catch (error) {
      if (error instanceof StoreFullError) return null;
      throw error;
    }
  };
  return {
    limit,
    take: (who) =>
      unlessFull(async () => {
        try {
          return stateOf(await limiter.consume(who), true);
        } catch (reason) {
          if (reason instanceof RateLimiterRes) return stateOf(reason, false);
          throw reason;
        }
      }),
    look: (who) =>
      unlessFull(async () => {
        const found = await limiter.get(who);
        return found === null ? { allowed: true, remaining: calls, resetMs: 0 } : stateOf(found, found.consumedPoints < calls);
      }),
  };
}
