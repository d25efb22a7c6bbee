/** The store's connections, and what every command of it goes through. */
import type { Redis } from 'ioredis';
import { type Readiness, StoreUnavailableError, StoreUnpreparedError } from './contract.ts';
import { type Keys, keysOf } from './keys.ts';
import { connectionName } from './layout-clients.ts';
import { openBlockingClient, openCommandClient, type RedisTarget } from './redis-clients.ts';
import { loadScripts, runScript, type Script, type ScriptReply } from './scripts.ts';
import { StreamTail } from './stream-tail.ts';

export interface ConnectionOptions {
  redis: RedisTarget;
  /** the keys' prefix with its hash tag */
  prefix: string;
  /** ms; absent: Redis's own clock, which is one for the whole fleet */
  clock?: (() => number) | undefined;
  /** ms that a command may take before it counts as not answered */
  commandTimeoutMs: number;
  onError: (error: Error) => void;
}

interface ScriptInput {
  keys: string[];
  id: string;
  args?: (string | number | Buffer)[];
}

/** Whether Redis could not do it, as opposed to our having asked wrongly. */
function isUnavailable(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const text = `${error.name} ${error.message} ${(error as NodeJS.ErrnoException).code ?? ''}`;
  return /OOM |LOADING|READONLY|MISCONF|NOREPLICAS|CLUSTERDOWN|MASTERDOWN|Connection is closed|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|timed out|MaxRetriesPerRequest|Stream isn't writeable|maxclients/i.test(
    text,
  );
}

/** One connection with the scripts loaded. Owns the sockets; `close` ends them. */
export class StoreConnection {
  readonly redis: Redis;
  readonly keys: Keys;
  /** of each of its connections, as CLIENT LIST shows it */
  readonly name: string;
  /** wakes readers of streams */
  readonly tail: StreamTail;
  /** why nothing may be asked of the store yet; null: it may */
  unprepared: Extract<Readiness, { ready: false }> | null = null;
  readonly #options: ConnectionOptions;
  readonly #scripts: ReadonlyMap<string, Script>;
  readonly #handlers = new Map<string, Set<(message: string) => void>>();
  #subscriber: Redis | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#scripts = loadScripts();
    this.keys = keysOf(options.prefix);
    this.name = connectionName(options.prefix);
    this.redis = openCommandClient(options.redis, { name: this.name, timeoutMs: options.commandTimeoutMs });
    this.redis.on('error', options.onError);
    this.tail = new StreamTail(() => this.#openBlocking(), this.redis);
  }

  /** A connection whose commands wait for as long as it takes. */
  #openBlocking(): Redis {
    const redis = openBlockingClient(this.#options.redis, this);
    redis.on('error', this.#options.onError);
    return redis;
  }

  get target(): RedisTarget {
    return this.#options.redis;
  }

  /** A call of Redis; connection and capacity faults come as StoreUnavailableError, and so does a store that is not prepared. */
  async attempt<Value>(call: () => Promise<Value>): Promise<Value> {
    if (this.unprepared !== null) throw new StoreUnpreparedError(this.unprepared.reason);
    return this.reach(call);
  }

  /** A call of Redis by what prepares the store. */
  async reach<Value>(call: () => Promise<Value>): Promise<Value> {
    try {
      return await call();
    } catch (error) {
      if (isUnavailable(error)) throw new StoreUnavailableError(`Redis could not do it: ${error.message}`, { cause: error });
      throw error;
    }
  }

  /** Runs the Lua command of that name with the arguments that every command takes before its own. */
  run(name: string, input: ScriptInput): Promise<ScriptReply> {
    return this.attempt(() => this.#run(name, input));
  }

  /** `run` by what prepares the store. */
  reachScript(name: string, input: ScriptInput): Promise<ScriptReply> {
    return this.reach(() => this.#run(name, input));
  }

  #run(name: string, { keys, id, args = [] }: ScriptInput): Promise<ScriptReply> {
    const script = this.#scripts.get(name);
    if (script === undefined) throw new Error(`there is no script ${name}`);
    const now = this.#options.clock === undefined ? '' : this.#options.clock();
    return runScript(this.redis, script, { keys, args: [this.keys.prefix, now, id, ...args] });
  }

  /** Calls `handler` for each message on the channel until the returned function is called. A lost message is not repeated. */
  async subscribe(channel: string, handler: (message: string) => void): Promise<() => void> {
    if (this.#subscriber === null) {
      this.#subscriber = this.#openBlocking();
      this.#subscriber.on('message', (from: string, message: string) => {
        for (const each of this.#handlers.get(from) ?? []) each(message);
      });
    }
    const subscriber = this.#subscriber;
    const handlers = this.#handlers.get(channel) ?? new Set();
    const isNew = handlers.size === 0;
    handlers.add(handler);
    this.#handlers.set(channel, handlers);
    if (isNew) await this.attempt(() => subscriber.subscribe(channel));
    return () => {
      handlers.delete(handler);
      if (handlers.size > 0 || this.#handlers.get(channel) !== handlers) return;
      this.#handlers.delete(channel);
      subscriber.unsubscribe(channel).catch(this.#options.onError);
    };
  }

  async close(): Promise<void> {
    this.tail.close();
    this.#subscriber?.disconnect();
    await this.redis.quit().catch(() => this.redis.disconnect());
  }
}
