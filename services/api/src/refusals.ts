/** What the store refuses and what goes wrong in it, as problems. */
import { type Refusal, StoreUnavailableError } from '@countersign/store';
import { type ProblemAnswer, problem } from './answer.ts';

/** `status` is the HTTP status in a problem, so the status of a task or plan is `currentStatus`. */
const EXTENSIONS: Readonly<Record<string, string>> = { status: 'currentStatus', digest: 'currentDigest' };

export function refusalAnswer({ code, message, detail }: Refusal): ProblemAnswer {
  return problem(code, message, Object.fromEntries(Object.entries(detail).map(([name, value]) => [EXTENSIONS[name] ?? name, value])));
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
const CONNECTION_NAMES = new Set(['MaxRetriesPerRequestError', 'AbortError', 'ClusterAllFailedError']);
const CONNECTION_MESSAGES =
  /^(Connection is closed|Command timed out|Stream isn't writeable|(LOADING|OOM|MASTERDOWN|READONLY|CLUSTERDOWN|MISCONF)\b)/;

/** Whether Redis could not be reached or could not do it, also where a library talked to it past the store's commands. */
export function isStoreFailure(error: unknown): boolean {
  if (error instanceof StoreUnavailableError) return true;
  if (!(error instanceof Error)) return false;
  return (
    CONNECTION_CODES.has(String((error as NodeJS.ErrnoException).code)) ||
    CONNECTION_NAMES.has(error.name) ||
    CONNECTION_MESSAGES.test(error.message)
  );
}

export const storeUnavailable = (): ProblemAnswer =>
  problem('store_unavailable', 'Redis cannot be reached or refuses to write; try again in a moment');
