/** Messages by channel, over one connection that is made anew when nothing answers on it any more. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RedisClient } from './redis-clients.ts';

export interface SubscriptionOptions {
  /** Makes a connection; it mends itself where it is closed. */
  open(): RedisClient;
  /** ms within which an answer must come */
  answerMs: number;
  onError: (error: Error) => void;
}

type Handler = (message: string) => void;

/** Owns the connection, opened with the first subscription; `close` ends it. */
export class Subscriptions {
  readonly #options: SubscriptionOptions;
  readonly #handlers = new Map<string, Set<Handler>>();
  #client: RedisClient | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
  }

  /** Calls `handler` for each message on the channel until the returned function is called. A lost message is not repeated. */
  async subscribe(channel: string, handler: Handler): Promise<() => void> {
    const handlers = this.#handlers.get(channel) ?? new Set();
    const isNew = handlers.size === 0;
    handlers.add(handler);
    this.#handlers.set(channel, handlers);
    this.#client ??= this.#connect();
    this.#timer ??= setInterval(() => void this.#ask(), this.#options.answerMs / 2).unref();
    if (isNew) await this.#client.subscribe(channel);
    return () => {
      handlers.delete(handler);
      if (handlers.size > 0 || this.#handlers.get(channel) !== handlers) return;
      this.#handlers.delete(channel);
      this.#client?.unsubscribe(channel).catch(this.#options.onError);
    };
  }

  close(): void {
    clearInterval(this.#timer);
    const client = this.#client;
    // First: whoever is asking it learns that it is given up.
    this.#client = null;
    client?.disconnect();
  }

  #connect(): RedisClient {
    const client = this.#options.open();
    client.on('error', this.#options.onError);
    client.on('message', (channel: string, message: string) => {
      for (const handler of this.#handlers.get(channel) ?? []) handler(message);
    });
    return client;
  }

  /**
   * A subscription waits for no answer: that the other end is gone would never show. So the channels are asked for again and
   * again, which changes nothing and is answered. A ping would not do: a client of a cluster sends it over another connection.
   */
  async #ask(): Promise<void> {
    const client = this.#client;
    const channels = [...this.#handlers.keys()];
    if (client === null || client.status !== 'ready' || channels.length === 0 || this.#isAsking) return;
    this.#isAsking = true;
    let isAnswered = false;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.answerMs);
    });
    const answer = client.subscribe(...channels).then(
      () => {
        isAnswered = true;
      },
      () => {},
    );
    await Promise.race([answer, late]);
    clearTimeout(timer);
    // After something that kept this process from reading, the answer may be there already.
    await nextTurn();
    this.#isAsking = false;
    if (isAnswered || client !== this.#client) return;
    client.disconnect();
    this.#client = this.#connect();
    const wanted = [...this.#handlers.keys()];
    if (wanted.length > 0) this.#client.subscribe(...wanted).catch(this.#options.onError);
  }
}
