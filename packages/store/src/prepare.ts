/** What comes before a service uses the store: Redis answers, is fit, and holds this release's layout. */
import type { StoreConnection } from './connection.ts';
import { type Readiness, StoreUnavailableError } from './contract.ts';
import { bringLayoutUp, type LayoutLogger } from './layout.ts';
import type { RedisCheckLogger } from './redis-check.ts';
import { waitAndCheck } from './redis-wait.ts';

export type PrepareLogger = LayoutLogger & RedisCheckLogger;

/** `problems` are lines for people, each beginning with the setting that it is about. */
export type Preparation = { ok: true } | { ok: false; problems: string[] };

export interface Preparing {
  /**
   * Waits until Redis answers, looks at what it is, and brings what lies in it to this release's layout, or waits until
   * another process has. Until then every other call is refused as StoreUnavailableError. With `ok` false the service must
   * not start. Rejects with the signal's reason when that aborts first.
   */
  prepare(logger: PrepareLogger, signal: AbortSignal): Promise<Preparation>;
  /** Whether calls can be answered: the store is prepared, as far as anybody asked for that, and Redis answers. Never rejects. */
  readiness(): Promise<Readiness>;
}

const RETRY_MS = 200;

export function preparing(connection: StoreConnection): Preparing {
  const prepareLayout = async (logger: PrepareLogger, signal: AbortSignal): Promise<Preparation> => {
    for (;;) {
      try {
        const layout = await bringLayoutUp({
          connection,
          logger,
          signal,
          onState(reason) {
            connection.unprepared = { ready: false, code: 'migrating', reason };
          },
        });
        return layout.ok ? { ok: true } : { ok: false, problems: [`REDIS_URL: ${layout.problem}`] };
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        signal.throwIfAborted();
        logger.warn({ error: error.message }, 'Redis went away before it was ready for use: trying again');
        await new Promise((next) => setTimeout(next, RETRY_MS));
      }
    }
  };

  return {
    async prepare(logger, signal) {
      connection.unprepared = { ready: false, code: 'store_unavailable', reason: 'Redis has not been looked at yet' };
      const { ok, refusals } = await waitAndCheck(connection, logger, signal);
      if (!ok) return { ok: false, problems: refusals.map((refusal) => `REDIS_URL: ${refusal}`) };
      const prepared = await prepareLayout(logger, signal);
      if (prepared.ok) connection.unprepared = null;
      return prepared;
    },
    async readiness() {
      if (connection.unprepared !== null) return connection.unprepared;
      try {
        await connection.attempt(() => connection.redis.ping());
        return { ready: true };
      } catch (error) {
        // The first word of what Redis says to a command is a code such as NOPERM.
        const [word] = /^[A-Z]{4,}\b/.exec(error instanceof Error ? error.message : '') ?? [];
        const reason = error instanceof StoreUnavailableError || word === undefined ? 'Redis does not answer' : `Redis refuses: ${word}`;
        return { ready: false, code: 'store_unavailable', reason };
      }
    },
  };
}
