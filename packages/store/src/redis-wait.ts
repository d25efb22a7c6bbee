/** Waits for a Redis that is still starting: the services of a stack start in any order. */
import { setTimeout as delay } from 'node:timers/promises';
import type { StoreConnection } from './connection.ts';
import { StoreUnavailableError } from './contract.ts';
import { checkRedis, type RedisCheck, type RedisCheckLogger } from './redis-check.ts';

const LOOK_EVERY_MS = 200;
const SAY_EVERY_MS = 3_000;

/** Resolves with what the check found once Redis answers. Rejects with the signal's reason when that aborts first. */
export async function waitAndCheck(connection: StoreConnection, logger: RedisCheckLogger, signal: AbortSignal): Promise<RedisCheck> {
  const { host, port } = connection.redis.options;
  let saidAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    try {
      return await connection.reach(() => checkRedis(connection.redis, logger));
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      signal.throwIfAborted();
      if (performance.now() - saidAt >= SAY_EVERY_MS) {
        saidAt = performance.now();
        logger.warn({ redis: `${host}:${port}` }, 'Redis does not answer yet: waiting for it');
      }
    }
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
}
