/** What the commands of one shard go through. */
import { type Keys, keysOf, prefixOf } from './keys.ts';
import type { RedisClient, RedisTarget } from './redis-clients.ts';
import type { ScriptReply } from './scripts.ts';
import type { ScriptInput, StoreSockets } from './store-sockets.ts';
import type { ReplacedHandler } from './store-state.ts';
import type { StreamTail } from './stream-tail.ts';

export interface StoreConnection {
  readonly shard: number;
  readonly keys: Keys;
  readonly redis: RedisClient;
  readonly target: RedisTarget;
  /** of each of its connections, as CLIENT LIST shows it */
  readonly name: string;
  /** wakes readers of streams */
  readonly tail: StreamTail;
  /** A call of Redis; connection and capacity faults come as StoreUnavailableError, and so does a store that is not to be used. `name` is for those who watch. */
  attempt<Value>(call: () => Promise<Value>, name?: string): Promise<Value>;
  /** A call of Redis by what prepares the store. */
  reach<Value>(call: () => Promise<Value>): Promise<Value>;
  /** Runs the Lua command of that name with the arguments that every command takes before its own. */
  run(name: string, input: ScriptInput): Promise<ScriptReply>;
  /** `run` by what prepares the store. */
  reachScript(name: string, input: ScriptInput): Promise<ScriptReply>;
  /** Now, in ms: by the clock that the store was given, else by this machine's. */
  now(): number;
  /** Calls `handler` for each message on the channel until the returned function is called. A lost message is not repeated. */
  subscribe(channel: string, handler: (message: string) => void): Promise<() => void>;
  /** Tells when the store turns out to be another one than this process began with, and when it is the right one again. */
  onReplaced(handler: ReplacedHandler): () => void;
}

/** The sockets, seen from one shard. `tag` is the word before the shard's number in its hash tag. */
export function shardConnection(sockets: StoreSockets, { tag, shard }: { tag: string; shard: number }): StoreConnection {
  const prefix = prefixOf(tag, shard);
  return {
    shard,
    keys: keysOf(prefix),
    redis: sockets.redis,
    target: sockets.target,
    name: sockets.name,
    tail: sockets.tailOf(prefix),
    attempt: (call, name) => sockets.ask(prefix, call, name),
    reach: (call) => sockets.reach(call),
    run: (name, input) => sockets.attempt(() => sockets.run(name, { ...input, prefix }), name),
    reachScript: (name, input) => sockets.reach(() => sockets.run(name, { ...input, prefix }), name),
    now: () => sockets.now(),
    subscribe: (channel, handler) => sockets.subscribe(channel, handler),
    onReplaced: (handler) => sockets.state.onReplaced(handler),
  };
}
