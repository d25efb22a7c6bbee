/** One request and its answer: ended by whoever waits for it, by its time limit, or by the network. */
import { ApiError, ConnectionError, reasonOf } from './errors.ts';

export interface Exchange {
  /** for fetch */
  readonly signal: AbortSignal;
  /** Runs a part of it. Throws an ApiError, a ConnectionError for all that went wrong on the way, or the reason that it was aborted with. */
  run<Value>(part: () => Promise<Value>): Promise<Value>;
  abort(reason: Error): void;
  /** From here on it may take as long as it likes. */
  unlimited(): void;
  /** Lets go of what it holds. */
  end(): void;
}

export interface ExchangeOptions {
  /** for messages: who was asked what */
  what: string;
  timeoutMs: number;
  /** the caller's */
  signal: AbortSignal | undefined;
}

export function openExchange({ what, timeoutMs, signal }: ExchangeOptions): Exchange {
  const own = new AbortController();
  const late = (): void => own.abort(new ConnectionError(`${what}: no answer within ${timeoutMs} ms`));
  const timer = setTimeout(late, timeoutMs);
  // Not AbortSignal.any: one signal may be given to thousands of calls, and has to be let go after each.
  const follow = (): void => own.abort(signal?.reason);
  if (signal?.aborted) follow();
  signal?.addEventListener('abort', follow, { once: true });
  return {
    signal: own.signal,
    async run(part) {
      try {
        return await part();
      } catch (error) {
        if (own.signal.aborted) throw own.signal.reason;
        if (error instanceof ApiError) throw error;
        throw new ConnectionError(`${what}: no answer (${reasonOf(error)})`, { cause: error });
      }
    },
    abort: (reason) => own.abort(reason),
    unlimited: () => clearTimeout(timer),
    end() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', follow);
    },
  };
}
