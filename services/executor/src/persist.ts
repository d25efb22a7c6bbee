/** Repeats a store call until Redis takes it: a result that a tool gave must not be lost because Redis was away. */
import { setTimeout as delay } from 'node:timers/promises';
import { StoreUnavailableError } from '@countersign/store';

export interface Persistence {
  wait(ms: number): Promise<void>;
  /** true once the process ends without Redis having come back */
  givenUp(): boolean;
  onRetry(error: Error): void;
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/**
 * Every command of the store may be sent twice: the second one finds the first one's token and answers the same.
 * Throws the last StoreUnavailableError when it gives up; the queue then delivers the step again, elsewhere.
 */
export async function persist<Value>(call: () => Promise<Value>, { wait, givenUp, onRetry }: Persistence): Promise<Value> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || givenUp()) throw error;
      onRetry(error);
      await wait(waitMs);
    }
  }
}

/** Rejects with an AbortError when the signal aborts first. */
export const waitMs = (ms: number, signal?: AbortSignal): Promise<void> => delay(ms, undefined, { signal });
