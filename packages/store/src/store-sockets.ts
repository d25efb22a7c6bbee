/** The sockets to Redis and the scripts that are run over them: one set for all shards. */
import { Cluster } from 'ioredis';
import { StoreFullError, StoreUnavailableError } from './contract.ts';
import { keysOf } from './keys.ts';
import type { RedisCheck } from './redis-check.ts';
import { openBlockingClient, openCommandClient, type RedisClient, type RedisTarget } from './redis-clients.ts';
import { judgeConnection } from './redis-connection-check.ts';
import { loadScripts, runScript, type Script, type ScriptReply } from './scripts.ts';
import { StoreState } from './store-state.ts';
import { openStreamReader } from './stream-reader.ts';
import { StreamTail } from './stream-tail.ts';
import { Subscriptions } from './subscriptions.ts';

export interface SocketOptions {
  redis: RedisTarget;
  /** of each connection, as CLIENT LIST shows it */
  name: string;
  /** ms; absent: Redis's own clock, which is one for the whole fleet */
  clock?: (() => number) | undefined;
  /** ms that a command may take before it counts as not answered */
  commandTimeoutMs: number;
  onError: (error: Error) => void;
  onCommand?: ((command: ObservedCommand) => void) | undefined;
}

/** How long Redis took for something that the store asked of it. */
export interface ObservedCommand {
  /** of the Lua command; `ping`; `plain` for whatever else is asked */
  name: string;
  durationMs: number;
  /** false where Redis could not do it, or did not answer in time */
  ok: boolean;
}

const isFull = (error: unknown): error is Error => error instanceof Error && /\bOOM /.test(error.message);

/** Whether Redis could not do it, as opposed to our having asked wrongly. */
function isUnavailable(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const text = `${error.name} ${error.message} ${(error as NodeJS.ErrnoException).code ?? ''}`;
  return /LOADING|READONLY|UNBLOCKED|MISCONF|NOREPLICAS|CLUSTERDOWN|MASTERDOWN|Connection is closed|connection close|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|timed out|MaxRetriesPerRequest|Stream isn't writeable|maxclients|TRYAGAIN|ClusterAllFailed|startup nodes|sentinels are unreachable|Cluster (is|isn't) /i.test(
    text,
  );
}

/** What a cluster says of a command that it did not carry out, because its slot is or goes elsewhere. */
const wasSentElsewhere = (error: unknown): error is Error =>
  error instanceof Error && /^(MOVED|ASK|TRYAGAIN) |Too many Cluster redirections|slots allocation group/.test(error.message);

const ASK_AGAIN_MS = 100;

export interface ScriptInput {
  keys: string[];
  id: string;
  args?: (string | number | Buffer)[];
}

/** Owns the sockets; `close` ends them. */
export class StoreSockets {
  readonly redis: RedisClient;
  /** why the connection for commands could not be made the last time; null once it is there */
  lastError: Error | null = null;
  /** Resolves with why it will never be made, once an error says so: the next error may be a mere reset. */
  readonly refused: Promise<RedisCheck>;
  readonly state = new StoreState();
  readonly #options: SocketOptions;
  readonly #scripts: ReadonlyMap<string, Script>;
  readonly #tails = new Map<string, StreamTail>();
  readonly #subscriptions: Subscriptions;

  constructor(options: SocketOptions) {
    this.#options = options;
    this.#scripts = loadScripts();
    this.redis = openCommandClient(options.redis, { name: options.name, timeoutMs: options.commandTimeoutMs });
    this.#subscriptions = new Subscriptions({
      open: () => openBlockingClient(options.redis, { name: options.name, silenceMs: options.commandTimeoutMs }),
      answerMs: options.commandTimeoutMs,
      onError: options.onError,
    });
    let refuse: (why: RedisCheck) => void = () => {};
    this.refused = new Promise((resolve) => {
      refuse = resolve;
    });
    const note = (error: Error): void => {
      this.lastError = error;
      const why = judgeConnection(error);
      if (why !== null) refuse(why);
    };
    this.redis.on('error', (error) => {
      note(error);
      options.onError(error);
    });
    // A client of a cluster says so of each of its nodes, one behind Sentinels of each of these.
    this.redis.on('node error', note);
    this.redis.on('sentinelError', note);
    this.redis.on('ready', () => {
      this.lastError = null;
      this.state.inDoubt = true;
    });
    // Nothing will be appended any more: whoever waits for it is to find out why.
    this.state.onReplaced(() => {
      for (const tail of this.#tails.values()) tail.wake();
    });
  }

  get target(): RedisTarget {
    return this.#options.redis;
  }

  get name(): string {
    return this.#options.name;
  }

  get commandTimeoutMs(): number {
    return this.#options.commandTimeoutMs;
  }

  /** Now, in ms: by the clock that the store was given, else by this machine's. */
  now(): number {
    return this.#options.clock?.() ?? Date.now();
  }

  /** What wakes the readers of streams under a prefix. One connection blocks on all streams of a server; on a cluster, of a shard. */
  tailOf(prefix: string): StreamTail {
    const place = this.redis instanceof Cluster ? prefix : '';
    const known = this.#tails.get(place);
    if (known !== undefined) return known;
    const tail = new StreamTail(async () => {
      const reader = await openStreamReader(this.target, { name: this.name, command: this.redis, key: prefix });
      reader.redis.on('error', this.#options.onError);
      return reader;
    });
    this.#tails.set(place, tail);
    return tail;
  }

  /** A call of Redis; connection and capacity faults come as StoreUnavailableError, and so does a store that is not to be used. */
  async attempt<Value>(call: () => Promise<Value>, name?: string): Promise<Value> {
    this.state.demandUsable();
    return this.reach(call, name);
  }

  /**
   * The same for what is asked with plain commands of the shard with that prefix. Its identity is read along, behind what was
   * asked: a store that was right by then was right before.
   */
  async ask<Value>(prefix: string, call: () => Promise<Value>, name?: string): Promise<Value> {
    const known = this.state.identity(prefix);
    if (known === undefined) return this.attempt(call, name);
    const [value, there] = await this.attempt(() => Promise.all([call(), this.redis.get(keysOf(prefix).store)]), name);
    this.state.demandIdentity(prefix, there);
    return value;
  }

  /** A call of Redis by what prepares the store. */
  async reach<Value>(call: () => Promise<Value>, name = 'plain'): Promise<Value> {
    const startedAt = performance.now();
    let ok = false;
    try {
      const value = await (this.redis instanceof Cluster ? this.#attemptOnCluster(call) : call());
      ok = true;
      return value;
    } catch (error) {
      this.state.inDoubt = true;
      if (isFull(error)) throw new StoreFullError(`Redis is full: ${error.message}`, { cause: error });
      if (isUnavailable(error) || wasSentElsewhere(error))
        throw new StoreUnavailableError(`Redis could not do it: ${error.message}`, { cause: error });
      throw error;
    } finally {
      this.#options.onCommand?.({ name, durationMs: performance.now() - startedAt, ok });
    }
  }

  /** While slots move, a command may find its slot nowhere for a moment. A client of a cluster keeps commands that it has no node for. */
  async #attemptOnCluster<Value>(call: () => Promise<Value>): Promise<Value> {
    const limit = this.#options.commandTimeoutMs;
    const deadline = performance.now() + limit;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`the cluster's answer timed out after ${limit} ms`)), limit);
    });
    // It may come while nobody listens, between two tries.
    late.catch(() => {});
    try {
      for (;;) {
        try {
          return await Promise.race([call(), late]);
        } catch (error) {
          if (!wasSentElsewhere(error) || performance.now() + ASK_AGAIN_MS > deadline) throw error;
          await new Promise((next) => setTimeout(next, ASK_AGAIN_MS));
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs the Lua command of that name with the arguments that every command takes before its own. */
  async run(name: string, { prefix, keys, id, args = [] }: ScriptInput & { prefix: string }): Promise<ScriptReply> {
    const script = this.#scripts.get(name);
    if (script === undefined) throw new Error(`there is no script ${name}`);
    const now = this.#options.clock === undefined ? '' : this.#options.clock();
    const known = this.state.identity(prefix) ?? '';
    const reply = await runScript(this.redis, script, { keys, args: [prefix, now, id, ...args, known] });
    if (reply[0] === 'store_replaced') this.state.demandIdentity(prefix, String(reply[1]));
    return reply;
  }

  /** Calls `handler` for each message on the channel until the returned function is called. A lost message is not repeated. */
  subscribe(channel: string, handler: (message: string) => void): Promise<() => void> {
    return this.attempt(() => this.#subscriptions.subscribe(channel, handler));
  }

  async close(): Promise<void> {
    for (const tail of this.#tails.values()) tail.close();
    this.#subscriptions.close();
    // A goodbye to a server that is not there would be waited for until its time is up.
    if (this.redis.status !== 'ready') this.redis.disconnect();
    else await this.redis.quit().catch(() => this.redis.disconnect());
  }
}
