/**
 * One request to a model server, with its attempts. Timeouts and waits between attempts are ours, because the library's
 * own timeout ends with the response headers and its waits can't be aborted.
 */
import { linkSignals } from '@countersign/shared';
import OpenAI, { APIError } from 'openai';
import { type ModelError, readFailure, retryWait } from './failure.ts';
import { formatRefusal, type RequestBody } from './formats.ts';
import { redact } from './redact.ts';
import type { Reply } from './reply.ts';

export const OPENAI_URL = 'https://api.openai.com/v1';

interface ServerOptions {
  apiKey: string | null;
  baseUrl: string;
  model: string;
  timeoutMs: number;
  maxAttempts: number;
}

export interface Request {
  body: RequestBody;
  /** tokens that the answer may have */
  maxTokens: number | undefined;
  temperature: number | undefined;
  signal: AbortSignal | undefined;
}

/** `sent`: characters of the request. `cause`: what the library threw. */
export type Sent = { ok: true; reply: Reply; sent: number } | { ok: false; error: ModelError; cause: unknown };

type LimitField = 'max_tokens' | 'max_completion_tokens';

const ABORTED: ModelError = { code: 'aborted', message: 'the call to the model was aborted', retryable: false };

/** Never rejects. */
export function openServer({ apiKey, baseUrl, model, timeoutMs, maxAttempts }: ServerOptions): (request: Request) => Promise<Sent> {
  const client = new OpenAI({
    // The library insists on a key; without one, no Authorization header is sent at all.
    apiKey: apiKey ?? 'none',
    ...(apiKey === null ? { defaultHeaders: { Authorization: null } } : {}),
    adminAPIKey: null,
    baseURL: baseUrl,
    maxRetries: 0,
    // Its log would write requests to the console wherever OPENAI_LOG is set.
    logLevel: 'off',
  });
  const secrets = apiKey === null ? [] : [apiKey];
  // The older name is the one that other servers know.
  let limitField: LimitField = baseUrl === OPENAI_URL ? 'max_completion_tokens' : 'max_tokens';

  async function attempt(body: RequestBody, signal: AbortSignal | undefined): Promise<Sent> {
    const limit = linkSignals(signal === undefined ? [] : [signal], timeoutMs);
    try {
      const reply = await client.chat.completions.create(body, { signal: limit.signal, timeout: timeoutMs });
      return { ok: true, reply, sent: JSON.stringify(body).length };
    } catch (cause) {
      const error = readFailure(cause, { aborted: signal?.aborted === true, timedOut: limit.timedOut, timeoutMs, model });
      return { ok: false, error: { ...error, message: redact(error.message, secrets) }, cause };
    } finally {
      limit.release();
    }
  }

  async function attempts(body: RequestBody, signal: AbortSignal | undefined): Promise<Sent> {
    for (let count = 1; ; count++) {
      const sent = await attempt(body, signal);
      if (sent.ok || count >= maxAttempts || formatRefusal(sent.cause) !== null) return sent;
      const wait = retryWait(sent.cause, { error: sent.error, attempt: count, now: Date.now(), random: Math.random });
      if (wait === null) return sent;
      if (!(await waited(wait, signal))) return { ok: false, error: ABORTED, cause: sent.cause };
    }
  }

  return async ({ body, maxTokens, temperature, signal }) => {
    const withTemperature = temperature === undefined ? body : { ...body, temperature };
    if (maxTokens === undefined) return attempts(withTemperature, signal);
    const tried = limitField;
    const first = await attempts({ ...withTemperature, [tried]: maxTokens }, signal);
    if (first.ok || !refusesField(first.cause, tried)) return first;
    const other = tried === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
    const second = await attempts({ ...withTemperature, [other]: maxTokens }, signal);
    if (second.ok) limitField = other;
    return second;
  };
}

function refusesField(cause: unknown, field: LimitField): boolean {
  if (!(cause instanceof APIError) || (cause.status !== 400 && cause.status !== 422)) return false;
  return cause.param === field || new RegExp(`\\b${field}\\b`).test(cause.message);
}

/** False when the signal ended the wait. */
function waited(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve(true);
    }, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}
