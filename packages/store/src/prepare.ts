/** What comes before a service uses the store: Redis answers, is fit, and holds this release's layout. */
import type { StoreConnection } from './connection.ts';
import { type Readiness, StoreReplacedError, StoreUnavailableError } from './contract.ts';
import { bringLayoutUp, type LayoutLogger } from './layout.ts';
import type { RedisCheckLogger, RedisFinding } from './redis-check.ts';
import { waitAndCheck } from './redis-wait.ts';
import { watchRewrites } from './rewrite-watch.ts';
import { checkShards, rememberShards } from './shard-count.ts';
import { identify } from './store-identity.ts';
import type { StoreSockets } from './store-sockets.ts';
import { StoreWatch } from './store-watch.ts';

export type PrepareLogger = LayoutLogger & RedisCheckLogger;

/** `problems` are lines for people, each beginning with the setting that it is about. */
export type Preparation = { ok: true } | { ok: false; problems: string[] };

export interface PrepareOptions {
  /** whether the service will create plans */
  creates?: boolean;
  /** ms between two looks at how Redis is set up, once the store is in use; 30,000 when absent */
  checkEveryMs?: number;
}

/** What is wrong with Redis; `replaced`: it does not hold the store that this process began with. */
export interface StoreFinding {
  code: RedisFinding['code'] | 'replaced';
  message: string;
}

export interface Preparing {
  /**
   * Waits until Redis answers, looks at what it is, has it rewrite an append-only file that it has loaded (again after each
   * restart of Redis, until the store is closed), and brings what lies in it to this release's layout, or waits until
   * another process has. Until then every other call is refused as StoreUnavailableError. With `ok` false the service must
   * not start: also where it knows of fewer shards than plans were created in. Rejects with the signal's reason when that
   * aborts first. From then on the store is watched until it is closed: a Redis that was emptied or replaced has every call
   * refused as StoreReplacedError and every consumer pause, until the right one is back.
   */
  prepare(logger: PrepareLogger, signal: AbortSignal, options?: PrepareOptions): Promise<Preparation>;
  /**
   * Whether calls can be answered: the store is prepared, as far as anybody asked for that, it is still the same one, Redis
   * answers for each shard and takes writes. Never rejects.
   */
  readiness(): Promise<Readiness>;
  /** What was wrong with Redis when it was last looked at. */
  findings(): readonly StoreFinding[];
}

const RETRY_MS = 200;
const SAY_EVERY_MS = 3_000;

/** Asks for each shard: on a cluster another node may be away than the one that would answer. */
export async function ping(connections: readonly StoreConnection[]): Promise<void> {
  await Promise.all(connections.map(({ attempt, redis, keys }) => attempt(() => redis.exists(keys.layout), 'ping')));
}

/** `connections` are those of all shards; the home shard comes first. */
export function preparing(
  sockets: StoreSockets,
  connections: readonly [StoreConnection, ...StoreConnection[]],
): Preparing & { stopWatching(): void } {
  const [home, ...others] = connections;
  const { state } = sockets;
  const watch = new StoreWatch(sockets);

  const prepareLayout = async ({
    logger,
    signal,
    creates,
  }: {
    logger: PrepareLogger;
    signal: AbortSignal;
    creates: boolean;
  }): Promise<Preparation> => {
    let saidAt = Number.NEGATIVE_INFINITY;
    for (;;) {
      try {
        const layout = await bringLayoutUp({
          connection: home,
          shards: [home.keys, ...others.map(({ keys }) => keys)],
          logger,
          signal,
          onState(reason) {
            state.unprepared = { ready: false, code: 'migrating', reason };
          },
        });
        if (!layout.ok) return { ok: false, problems: [`REDIS_URL: ${layout.problem}`] };
        await identify(connections, { state, logger });
        if (creates) await rememberShards(home, connections.length);
        return { ok: true };
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        signal.throwIfAborted();
        if (performance.now() - saidAt >= SAY_EVERY_MS) {
          saidAt = performance.now();
          logger.warn({ error: error.message }, 'Redis cannot be made ready for use yet: trying again');
        }
        await new Promise((next) => setTimeout(next, RETRY_MS));
      }
    }
  };

  return {
    async prepare(logger, signal, { creates = false, checkEveryMs } = {}) {
      state.unprepared = { ready: false, code: 'store_unavailable', reason: 'Redis has not been looked at yet' };
      const { ok, refusals, findings } = await waitAndCheck({
        sockets,
        logger,
        signal,
        further: () => checkShards(home, connections.length),
      });
      if (!ok) return { ok: false, problems: refusals };
      await watchRewrites(sockets, logger);
      const prepared = await prepareLayout({ logger, signal, creates });
      if (!prepared.ok) return prepared;
      state.findings = findings;
      state.unprepared = null;
      watch.start({ connections, logger, checkEveryMs });
      return prepared;
    },
    async readiness() {
      if (state.notReady !== null) return state.notReady;
      try {
        await ping(connections);
        return { ready: true };
      } catch (error) {
        if (error instanceof StoreReplacedError) return { ready: false, code: 'store_replaced', reason: error.message };
        // The first word of what Redis says to a command is a code such as NOPERM.
        const [word] = /^[A-Z]{4,}\b/.exec(error instanceof Error ? error.message : '') ?? [];
        const reason = error instanceof StoreUnavailableError || word === undefined ? 'Redis does not answer' : `Redis refuses: ${word}`;
        return { ready: false, code: 'store_unavailable', reason };
      }
    },
    findings() {
      const { replaced, findings } = state;
      return replaced === null ? findings : [{ code: 'replaced', message: replaced }, ...findings];
    },
    stopWatching: () => watch.close(),
  };
}
