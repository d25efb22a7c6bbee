/** What a failed request to a model server means, and whether and when it is worth another attempt. */
import { APIConnectionError, APIError } from 'openai';

/**
 * `model_unauthorized` (401, 403), `model_not_found` (404), `model_rate_limited` (429), `model_no_quota` (429 that no
 * waiting mends), `model_bad_request` (other 4xx), `model_unavailable` (5xx, no connection), `model_timeout`,
 * `model_refused`, `model_cut_off`, `model_not_json`, `model_error`, `aborted`.
 */
export interface ModelError {
  code: string;
  message: string;
  /** whether the same question may get an answer later */
  retryable: boolean;
}

interface Circumstances {
  aborted: boolean;
  timedOut: boolean;
  timeoutMs: number;
  model: string;
}

/** A server that asks for a longer wait than this is taken at its word by giving up. */
const MAX_WAIT_MS = 60_000;
const FIRST_WAIT_MS = 500;
const MAX_BACKOFF_MS = 8_000;
const NUMBER = /^\d+(\.\d+)?$/;

export function readFailure(cause: unknown, { aborted, timedOut, timeoutMs, model }: Circumstances): ModelError {
  if (aborted) return { code: 'aborted', message: 'the call to the model was aborted', retryable: false };
  if (timedOut) {
    return {
      code: 'model_timeout',
      message: `the model \`${model}\` did not answer within ${timeoutMs} ms (OPENAI_TIMEOUT_MS)`,
      retryable: true,
    };
  }
  if (cause instanceof APIConnectionError) {
    return {
      code: 'model_unavailable',
      message: `no connection to the model server${networkCode(cause)}: check OPENAI_BASE_URL`,
      retryable: true,
    };
  }
  if (!(cause instanceof APIError) || cause.status === undefined) {
    const message = cause instanceof Error ? cause.message : String(cause);
    return { code: 'model_error', message: `the model server's answer could not be read: ${message.slice(0, 500)}`, retryable: false };
  }
  return readStatus(cause, cause.status, model);
}

function readStatus(cause: APIError, status: number, model: string): ModelError {
  const said = `HTTP ${status}: ${saidBy(cause)}`;
  if (status === 401 || status === 403) {
    return { code: 'model_unauthorized', message: `the model server refused the key (${said}): check OPENAI_API_KEY`, retryable: false };
  }
  if (status === 404) {
    return {
      code: 'model_not_found',
      message: `the model server knows no model \`${model}\` or no such path (${said}): check OPENAI_MODEL and OPENAI_BASE_URL`,
      retryable: false,
    };
  }
  if (status === 429 && (cause.code === 'insufficient_quota' || cause.type === 'insufficient_quota')) {
    return { code: 'model_no_quota', message: `the account with the model server has no quota left (${said})`, retryable: false };
  }
  if (status === 429) {
    return { code: 'model_rate_limited', message: `the model server is over its rate limit (${said})${tooLong(cause)}`, retryable: true };
  }
  if (status >= 500 || status === 408 || status === 409) {
    return { code: 'model_unavailable', message: `the model server failed (${said})${tooLong(cause)}`, retryable: true };
  }
  return { code: 'model_bad_request', message: `the model server refused the request (${said})`, retryable: false };
}

function saidBy(cause: APIError): string {
  const body: unknown = cause.error;
  const message = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined;
  // Without a JSON body the library puts the text into its own message, after the status.
  const text = typeof message === 'string' ? message : cause.message.replace(/^\d+ /, '');
  return text.slice(0, 500);
}

/** What is said of a wait that nobody here waits for. */
function tooLong(cause: APIError): string {
  const asked = retryAfter(cause.headers, Date.now());
  if (asked === null || asked <= MAX_WAIT_MS) return '';
  return `; it asks for a wait of ${Math.ceil(asked / 1_000)} s, and no more than ${MAX_WAIT_MS / 1_000} s are waited for`;
}

function networkCode(error: Error): string {
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    const code = (current as { code?: unknown }).code;
    if (typeof code === 'string') return ` (${code})`;
  }
  return '';
}

interface RetryMoment {
  error: ModelError;
  /** the attempt that failed, from 1 */
  attempt: number;
  /** milliseconds since the epoch, for a Retry-After that is a date */
  now: number;
  random: () => number;
}

/**
 * Milliseconds until the next attempt: what the server asked for, else exponential with jitter. Null: no other attempt.
 * A timeout gets none, for whatever took that long was paid for and would be again.
 */
export function retryWait(cause: unknown, { error, attempt, now, random }: RetryMoment): number | null {
  if (!error.retryable || error.code === 'model_timeout') return null;
  const asked = cause instanceof APIError ? retryAfter(cause.headers, now) : null;
  if (asked !== null) return asked <= MAX_WAIT_MS ? asked : null;
  return Math.round(Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), MAX_BACKOFF_MS) * (1 - random() / 4));
}

/** Milliseconds; null where the server asked for none that can be read. */
function retryAfter(headers: Headers | undefined, now: number): number | null {
  const exact = headers?.get('retry-after-ms')?.trim() ?? '';
  if (NUMBER.test(exact)) return Number(exact);
  const value = headers?.get('retry-after')?.trim() ?? '';
  if (value === '') return null;
  const wait = NUMBER.test(value) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isNaN(wait) ? null : Math.max(0, wait);
}
