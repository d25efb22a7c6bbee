/** What the store refuses and what goes wrong in it, as problems. */
import { type Refusal, StoreFullError, StoreReplacedError, StoreUnavailableError, StoreUnpreparedError } from '@countersign/store';
import { type ProblemAnswer, problem } from './answer.ts';

/** `status` is the HTTP status in a problem, so the status of a task or plan is `currentStatus`. */
const EXTENSIONS: Readonly<Record<string, string>> = { status: 'currentStatus', digest: 'currentDigest' };

export function refusalAnswer({ code, message, detail }: Refusal): ProblemAnswer {
  return problem(code, message, Object.fromEntries(Object.entries(detail).map(([name, value]) => [EXTENSIONS[name] ?? name, value])));
}

/** Whether Redis could not be reached or could not do it. */
export const isStoreFailure = (error: unknown): boolean => error instanceof StoreUnavailableError;

function whyUnavailable(error: unknown): string {
  if (error instanceof StoreUnpreparedError) return error.message;
  if (error instanceof StoreFullError)
    return 'Redis is full and nothing was changed; plans can still be read, cancelled, rejected, paused and deleted';
  return 'Redis cannot be reached, does not answer in time, or refuses to write';
}

export const storeUnavailable = (error: unknown): ProblemAnswer =>
  error instanceof StoreReplacedError
    ? problem('store_replaced', error.message)
    : problem('store_unavailable', `${whyUnavailable(error)}; try again in a moment`);
