/** What the store refuses and what goes wrong in it, as problems. */
import { type Refusal, StoreUnavailableError, StoreUnpreparedError } from '@countersign/store';
import { type ProblemAnswer, problem } from './answer.ts';

/** `status` is the HTTP status in a problem, so the status of a task or plan is `currentStatus`. */
const EXTENSIONS: Readonly<Record<string, string>> = { status: 'currentStatus', digest: 'currentDigest' };

export function refusalAnswer({ code, message, detail }: Refusal): ProblemAnswer {
  return problem(code, message, Object.fromEntries(Object.entries(detail).map(([name, value]) => [EXTENSIONS[name] ?? name, value])));
}

/** Whether Redis could not be reached or could not do it. */
export const isStoreFailure = (error: unknown): boolean => error instanceof StoreUnavailableError;

export const storeUnavailable = (error: unknown): ProblemAnswer =>
  problem(
    'store_unavailable',
    error instanceof StoreUnpreparedError
      ? `${error.message}; try again in a moment`
      : 'Redis cannot be reached or refuses to write; try again in a moment',
  );
