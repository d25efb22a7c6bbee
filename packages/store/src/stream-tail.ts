/**
 * Wakes readers of streams when something is appended: one connection blocks on all streams that anybody waits for.
 * Streams need no message beside the entry itself, and what was appended while the connection was away is seen after.
 */
import type { Redis } from 'ioredis';
import type { StreamReader } from './stream-reader.ts';

/** ms that one look blocks; a stream that is added in just the wrong moment waits this long at the most. */
const BLOCK_MS = 1_000;
const RECONNECT_MS = 200;

interface Watch {
  key: string;
  /** the last entry that the reader has seen; '0' for none */
  after: string;
  wake(): void;
}

const isAfter = (a: string, b: string): boolean => {
  const [aMs = '0', aSeq = '0'] = a.split('-');
  const [bMs = '0', bSeq = '0'] = b.split('-');
  return Number(aMs) === Number(bMs) ? Number(aSeq) > Number(bSeq) : Number(aMs) > Number(bMs);
};

/** Owns one blocking connection, opened when somebody first waits. */
export class StreamTail {
  readonly #open: () => Promise<StreamReader>;
  readonly #watches = new Set<Watch>();
  #reader: StreamReader | null = null;
  #clientId: number | null = null;
  #looking = false;
  #closed = false;

  /** `open` makes the blocking connection, and another one when that is lost for good. */
  constructor(open: () => Promise<StreamReader>) {
    this.#open = open;
  }

  /** Resolves when the stream has an entry after `after`, or when the signal aborts. */
  wait(key: string, after: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const watch: Watch = {
        key,
        after,
        wake: () => {
          this.#watches.delete(watch);
          signal.removeEventListener('abort', watch.wake);
          resolve();
        },
      };
      signal.addEventListener('abort', watch.wake, { once: true });
      this.#watches.add(watch);
      if (signal.aborted || this.#closed) watch.wake();
      else if (!this.#looking) void this.#look();
      else if (this.#clientId !== null) {
        // Makes the blocked look end, so that the next one includes this stream. A missed interruption costs BLOCK_MS.
        this.#reader?.interrupt(this.#clientId).catch(() => {});
      }
    });
  }

  /** Has everybody who waits look again. */
  wake(): void {
    for (const watch of [...this.#watches]) watch.wake();
  }

  close(): void {
    this.#closed = true;
    this.#reader?.redis.disconnect();
    this.wake();
  }

  async #look(): Promise<void> {
    this.#looking = true;
    while (this.#watches.size > 0 && !this.#closed) {
      try {
        this.#reader ??= await this.#open();
        const { redis } = this.#reader;
        if (this.#closed) redis.disconnect();
        this.#clientId = await redis.client('ID');
        await this.#lookOnce(redis);
      } catch {
        // Readers are woken, because they may have missed something meanwhile.
        this.#clientId = null;
        if (this.#reader?.mends === false) {
          this.#reader.redis.disconnect();
          this.#reader = null;
        }
        if (!this.#closed) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
        this.wake();
      }
    }
    this.#looking = false;
  }

  async #lookOnce(redis: Redis): Promise<void> {
    const oldest = new Map<string, string>();
    for (const { key, after } of this.#watches) {
      const known = oldest.get(key);
      if (known === undefined || isAfter(known, after)) oldest.set(key, after);
    }
    const found = await redis.xread('COUNT', 1, 'BLOCK', BLOCK_MS, 'STREAMS', ...oldest.keys(), ...oldest.values());
    for (const [key, entries] of found ?? []) {
      const last = entries.at(-1)?.[0] ?? '0';
      for (const watch of [...this.#watches]) if (watch.key === key && isAfter(last, watch.after)) watch.wake();
    }
  }
}
