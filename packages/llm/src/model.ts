/**
 * A language model behind the OpenAI chat protocol, asked for one JSON value.
 *
 * - **format**: how the server is asked to keep to JSON. The best one it accepts is used, and remembered.
 * - **attempt**: one HTTP request. Timeouts and waits between attempts are ours, because the library's own timeout ends
 *   with the response headers and its waits can't be aborted.
 */
import type { Json, ModelFormat, Usage } from '@countersign/shared';
import OpenAI from 'openai';
import { type ModelError, readFailure, retryWait } from './failure.ts';
import { FORMATS, isFormatRefusal, type OutputSchema, requestBody } from './formats.ts';
import { readJson } from './read-json.ts';
import { redact } from './redact.ts';

export interface ModelOptions {
  /** null: a server that asks for none */
  apiKey: string | null;
  /** like `https://host/v1`; null: OpenAI's own */
  baseUrl: string | null;
  model: string;
  /** milliseconds for one attempt, the body of the answer included */
  timeoutMs?: number;
  /** attempts of one request in all, where the server is busy, broken or away; default 3 */
  maxAttempts?: number;
}

export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface Question {
  messages: readonly Message[];
  schema: OutputSchema;
  signal?: AbortSignal | undefined;
}

/** `raw` is the model's text as it came, also where it could not be used. The value is JSON, not checked against the schema. */
export type Completion<T extends Json = Json> =
  | { ok: true; value: T; raw: string; format: ModelFormat; usage: Usage | null }
  | { ok: false; error: ModelError; raw: string | null; format: ModelFormat | null; usage: Usage | null };

export interface Model {
  readonly name: string;
  /** Never throws for what a server, a network or a model does; that is an error in the answer, without any key in it. */
  complete<T extends Json = Json>(question: Question): Promise<Completion<T>>;
}

const OPENAI_URL = 'https://api.openai.com/v1';
const DEFAULT_TIMEOUT_MS = 120_000;
const DEFAULT_ATTEMPTS = 3;

type Reply = OpenAI.ChatCompletion;
type Sent = { ok: true; reply: Reply } | { ok: false; error: ModelError; cause: unknown };

export function createModel({
  apiKey,
  baseUrl,
  model,
  timeoutMs = DEFAULT_TIMEOUT_MS,
  maxAttempts = DEFAULT_ATTEMPTS,
}: ModelOptions): Model {
  const client = new OpenAI({
    // The library insists on a key; without one, no Authorization header is sent at all.
    apiKey: apiKey ?? 'none',
    ...(apiKey === null ? { defaultHeaders: { Authorization: null } } : {}),
    adminAPIKey: null,
    baseURL: baseUrl ?? OPENAI_URL,
    maxRetries: 0,
    // Its log would write requests to the console wherever OPENAI_LOG is set.
    logLevel: 'off',
  });
  const secrets = apiKey === null ? [] : [apiKey];
  let accepted = 0;

  async function attempt(body: OpenAI.ChatCompletionCreateParamsNonStreaming, signal: AbortSignal | undefined): Promise<Sent> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const reply = await client.chat.completions.create(body, {
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
        timeout: timeoutMs,
      });
      return { ok: true, reply };
    } catch (cause) {
      const error = readFailure(cause, { aborted: signal?.aborted === true, timedOut: timeout.aborted, timeoutMs, model });
      return { ok: false, error: { ...error, message: redact(error.message, secrets) }, cause };
    }
  }

  async function send(body: OpenAI.ChatCompletionCreateParamsNonStreaming, signal: AbortSignal | undefined): Promise<Sent> {
    for (let count = 1; ; count++) {
      const sent = await attempt(body, signal);
      if (sent.ok || count >= maxAttempts) return sent;
      const wait = retryWait(sent.cause, { error: sent.error, attempt: count, now: Date.now(), random: Math.random });
      if (wait === null) return sent;
      if (!(await waited(wait, signal))) {
        return { ok: false, error: { code: 'aborted', message: 'the call to the model was aborted', retryable: false }, cause: sent.cause };
      }
    }
  }

  async function complete<T extends Json>({ messages, schema, signal }: Question): Promise<Completion<T>> {
    let first: ModelError | null = null;
    for (let at = accepted; at < FORMATS.length; at++) {
      const format = FORMATS[at] as (typeof FORMATS)[number];
      const sent = await send(requestBody(format, { model, messages, schema }), signal);
      if (sent.ok) {
        accepted = at;
        return readReply<T>(sent.reply, { format, secrets });
      }
      if (!isFormatRefusal(sent.cause)) return { ok: false, error: sent.error, raw: null, format: null, usage: null };
      // What the server said of the format that was wanted tells more than what it says of the last resort.
      first ??= sent.error;
    }
    return {
      ok: false,
      error: first ?? { code: 'model_error', message: 'the model server accepts no output format', retryable: false },
      raw: null,
      format: null,
      usage: null,
    };
  }

  return { name: model, complete };
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

function readReply<T extends Json>(reply: Reply, { format, secrets }: { format: ModelFormat; secrets: readonly string[] }): Completion<T> {
  // A server that only resembles the protocol may answer 200 with anything.
  const choice = (reply as Partial<Reply> | null)?.choices?.[0] as Partial<Reply['choices'][number]> | undefined;
  const usage = readUsage(reply);
  const text = typeof choice?.message?.content === 'string' ? redact(choice.message.content, secrets) : null;
  const fail = (code: string, message: string): Completion<T> => ({
    ok: false,
    error: { code, message: redact(message, secrets), retryable: false },
    raw: text,
    format,
    usage,
  });
  if (choice?.message === undefined) return fail('model_error', 'the model server answered without a message in `choices[0]`');
  const refusal = choice.message.refusal;
  if (typeof refusal === 'string' && refusal !== '') return fail('model_refused', `the model refused: ${refusal.slice(0, 1_000)}`);
  if (choice.finish_reason === 'content_filter') return fail('model_refused', "the model server's content filter stopped the answer");
  if (choice.finish_reason === 'length') {
    return fail('model_cut_off', `the answer was cut off after ${usage?.outputTokens ?? 'the allowed number of'} tokens`);
  }
  if (text === null || text.trim() === '') return fail('model_error', 'the model answered with no text');
  const value = readJson(text);
  if (value === undefined) return fail('model_not_json', `the model answered with text that holds no JSON object: ${text.slice(0, 200)}`);
  return { ok: true, value: value as T, raw: text, format, usage };
}

function readUsage(reply: Reply): Usage | null {
  const usage = (reply as Partial<Reply> | null)?.usage;
  if (typeof usage?.prompt_tokens !== 'number' || typeof usage.completion_tokens !== 'number') return null;
  return { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens, costUsd: null, estimated: false };
}
