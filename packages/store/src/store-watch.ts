/**
 * Looks after Redis while it is used: whether it is still the store that this process began with, and whether it is still
 * set up as it must be. Says what has changed, once per change, and when it is put right.
 */
import { lookAtRedis } from './cluster-check.ts';
import type { StoreConnection } from './connection.ts';
import { StoreUnavailableError } from './contract.ts';
import { type RedisCheckLogger, type RedisFinding, sayFinding } from './redis-check.ts';
import type { StoreSockets } from './store-sockets.ts';

/** ms between two looks at the identities: one small read for each shard */
const IDENTITY_EVERY_MS = 2_000;
/** ms between two looks at how Redis is set up, where nothing gives reason for one */
const CHECK_EVERY_MS = 30_000;

export interface WatchLogger extends RedisCheckLogger {
  info(fields: object, message: string): void;
}

interface WatchOptions {
  /** of all shards */
  connections: readonly StoreConnection[];
  logger: WatchLogger;
  /** ms between two looks at how Redis is set up; 30,000 when absent */
  checkEveryMs?: number | undefined;
}

/** Owns the timer. */
export class StoreWatch {
  readonly #sockets: StoreSockets;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #checkedAt = 0;
  #closed = false;

  constructor(sockets: StoreSockets) {
    this.#sockets = sockets;
  }

  /** Begins to look. What the state has as findings was said already. */
  start(options: WatchOptions): void {
    const { checkEveryMs = CHECK_EVERY_MS } = options;
    clearInterval(this.#timer);
    if (this.#closed) return;
    this.#checkedAt = performance.now();
    this.#sockets.state.inDoubt = false;
    const every = Math.min(IDENTITY_EVERY_MS, checkEveryMs);
    this.#timer = setInterval(() => void this.#look({ ...options, checkEveryMs }), every).unref();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  async #look(options: WatchOptions & { checkEveryMs: number }): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { state } = this.#sockets;
    try {
      await this.#compareIdentities(options);
      const isDue = performance.now() - this.#checkedAt >= options.checkEveryMs;
      if (isDue || state.inDoubt || state.notReady !== null) await this.#check(options);
    } catch (error) {
      // Redis is away, which everybody who asks it notices: what is known of it stays as it is.
      if (!(error instanceof StoreUnavailableError))
        options.logger.warn({ error: (error as Error).message }, 'Redis could not be looked at');
    } finally {
      this.#looking = false;
    }
  }

  async #compareIdentities({ connections, logger }: WatchOptions): Promise<void> {
    const { state, redis } = this.#sockets;
    const there = await this.#sockets.reach(() => Promise.all(connections.map(({ keys }) => redis.get(keys.store))));
    if (this.#closed) return;
    const reasons = connections.flatMap(({ keys }, at) => state.difference(keys.prefix, there[at] ?? null) ?? []);
    const [reason = null] = reasons;
    const before = state.replaced;
    state.setReplaced(reason);
    if (reason !== null && reason !== before) logger.error({ code: 'replaced' }, reason);
    if (reason === null && before !== null)
      logger.info({ code: 'replaced' }, 'Redis holds the store again that this process has worked with');
  }

  async #check({ logger }: WatchOptions): Promise<void> {
    const { state, redis, target, commandTimeoutMs: timeoutMs } = this.#sockets;
    state.inDoubt = false;
    const { findings } = await this.#sockets.reach(() => lookAtRedis(redis, { target, timeoutMs }));
    if (this.#closed) return;
    this.#checkedAt = performance.now();
    const before = state.findings;
    state.findings = findings;
    const without = (some: readonly RedisFinding[], others: readonly RedisFinding[]): RedisFinding[] =>
      some.filter(({ message }) => others.every((other) => other.message !== message));
    for (const finding of without(findings, before)) sayFinding(finding, logger);
    for (const { code, message } of without(before, findings))
      logger.info({ code }, `put right, or replaced by another finding: ${message}`);
  }
}
