/** Waits for a Redis that is still starting, or can't write for now: the services of a stack start in any order. */
import { setTimeout as delay } from 'node:timers/promises';
import { lookAtRedis } from './cluster-check.ts';
import { StoreUnavailableError } from './contract.ts';
import { judged, type RedisCheck, type RedisCheckLogger, type RedisFinding, sayFindings } from './redis-check.ts';
import { placesOf } from './redis-clients.ts';
import type { StoreSockets } from './store-sockets.ts';

const LOOK_EVERY_MS = 200;
const SAY_EVERY_MS = 3_000;

interface Wait {
  sockets: StoreSockets;
  logger: RedisCheckLogger;
  signal: AbortSignal;
  /** looked at once Redis is as it should be */
  further(): Promise<RedisFinding[]>;
}

/** Resolves with what the check found once Redis answers and takes writes. Rejects with the signal's reason when that aborts first. */
export async function waitAndCheck({ sockets, logger, signal, further }: Wait): Promise<RedisCheck> {
  const { redis, target, commandTimeoutMs: timeoutMs } = sockets;
  let saidAt = Number.NEGATIVE_INFINITY;
  const isTimeToSay = (): boolean => {
    const isTime = performance.now() - saidAt >= SAY_EVERY_MS;
    if (isTime) saidAt = performance.now();
    return isTime;
  };
  for (;;) {
    try {
      const look = sockets.reach(() => lookAtRedis(redis, { target, timeoutMs }));
      // What can never be connected to would be asked until the command's time is up.
      look.catch(() => {});
      const check = await Promise.race([look, sockets.refused]);
      const found = judged([...check.findings, ...(check.ok ? await further() : [])], check);
      const passing = found.findings.find(({ severity }) => severity === 'wait');
      if (!found.ok || passing === undefined) {
        sayFindings(found, logger);
        return found;
      }
      sockets.state.unprepared = { ready: false, code: 'store_unavailable', reason: passing.message };
      if (isTimeToSay()) logger.error({ code: passing.code }, `${passing.message}: waiting for it`);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      signal.throwIfAborted();
      if (isTimeToSay())
        logger.warn({ redis: placesOf(target), error: sockets.lastError?.message }, 'Redis does not answer yet: waiting for it');
    }
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
}
