/**
 * A language model behind the OpenAI chat protocol, asked for one JSON object or for text.
 *
 * - **format**: how the server is asked to keep to JSON. The best one that works is used: see ladder.ts.
 * - **attempt**: one HTTP request: see attempts.ts.
 */
import type { Json, JsonObject, ModelFormat, Usage } from '@countersign/shared';
import { OPENAI_URL, openServer, type Sent } from './attempts.ts';
import type { ModelError } from './failure.ts';
import { formatRefusal, ignoresSchema, type OutputSchema, requestBody } from './formats.ts';
import { ladderOf } from './ladder.ts';
import { redact } from './redact.ts';
import { callsTool, countedBy, jsonAnswer, type ReadAnswer, type Reply, textAnswer, writtenIn } from './reply.ts';
import { type Prices, usageOf } from './usage.ts';

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
  /** null: what answers cost is not known */
  prices?: Prices | null;
}

export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface TextQuestion {
  messages: readonly Message[];
  /** tokens that the answer may have; the server's own limit where it is absent */
  maxTokens?: number | undefined;
  temperature?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface Question extends TextQuestion {
  schema: OutputSchema;
}

/**
 * `raw` is the model's text as it came, also where it could not be used. The value is an object, not checked against the
 * schema. `usage` is null where no answer came; an answer that is of no use has been paid for. `messages` are those of the
 * last request, with what its format added to them.
 */
export type Completion<T extends Json = Json> = { messages: readonly JsonObject[] } & (
  | { ok: true; value: T; raw: string; format: ModelFormat; usage: Usage }
  | { ok: false; error: ModelError; raw: string | null; format: ModelFormat | null; usage: Usage | null }
);

export type Written = { ok: true; text: string; usage: Usage } | { ok: false; error: ModelError; usage: Usage | null };

/** Neither call ever throws for what a server, a network or a model does; that is an error in the answer, without any key in it. */
export interface Model {
  readonly name: string;
  /** Asks for a JSON object. */
  complete<T extends Json = Json>(question: Question): Promise<Completion<T>>;
  /** Asks for text. */
  write(question: TextQuestion): Promise<Written>;
}

const DEFAULT_TIMEOUT_MS = 120_000;
const DEFAULT_ATTEMPTS = 3;

export function createModel({
  apiKey,
  baseUrl,
  model,
  timeoutMs = DEFAULT_TIMEOUT_MS,
  maxAttempts = DEFAULT_ATTEMPTS,
  prices = null,
}: ModelOptions): Model {
  const url = (baseUrl ?? OPENAI_URL).replace(/\/+$/, '');
  const send = openServer({ apiKey, baseUrl: url, model, timeoutMs, maxAttempts });
  const ladder = ladderOf(url, model);
  const secrets = apiKey === null ? [] : [apiKey];

  const usageIn = ({ reply, sent }: Extract<Sent, { ok: true }>): Usage =>
    usageOf({ counted: countedBy(reply), sent, received: writtenIn(reply), prices });
  const safe = (error: ModelError): ModelError => ({ ...error, message: redact(error.message, secrets) });

  async function write({ messages, maxTokens, temperature, signal }: TextQuestion): Promise<Written> {
    const sent = await send({ body: { model, messages: [...messages] }, maxTokens, temperature, signal });
    if (!sent.ok) return { ok: false, error: sent.error, usage: null };
    const answer = textAnswer(sent.reply);
    const usage = usageIn(sent);
    return answer.ok ? { ok: true, text: answer.value, usage } : { ok: false, error: safe(answer.error), usage };
  }

  async function complete<T extends Json>({ messages, schema, maxTokens, temperature, signal }: Question): Promise<Completion<T>> {
    let refused: ModelError | null = null;
    let settles = true;
    let asked: readonly JsonObject[] = [];
    for (const format of ladder.formats()) {
      const body = requestBody(format, { model, messages, schema });
      asked = body.messages as unknown as JsonObject[];
      const sent = await send({ body, maxTokens, temperature, signal });
      if (sent.ok) {
        if (settles) ladder.settleOn(format);
        const answer = jsonAnswer(sent.reply, format);
        const kept = keptTo(format, { answer, reply: sent.reply, schema });
        if (kept !== null) ladder[kept ? 'worked' : 'ignored'](format);
        const usage = usageIn(sent);
        if (!answer.ok) return { ok: false, error: safe(answer.error), raw: answer.text, format, usage, messages: asked };
        return { ok: true, value: answer.value as Json as T, raw: answer.text, format, usage, messages: asked };
      }
      const refusal = formatRefusal(sent.cause);
      if (refusal === null) return { ok: false, error: sent.error, raw: null, format: null, usage: null, messages: asked };
      if (refusal === 'schema') settles = false;
      // What the server said of the format that was wanted tells more than what it says of the last resort.
      refused ??= sent.error;
    }
    const error = refused ?? { code: 'model_error', message: 'the model server accepts no output format', retryable: false };
    return { ok: false, error, raw: null, format: null, usage: null, messages: asked };
  }

  return { name: model, complete, write };
}

interface Answered {
  answer: ReadAnswer<JsonObject>;
  reply: Reply;
  schema: OutputSchema;
}

/** Whether the server kept to the format that it took; null where the answer does not tell. */
function keptTo(format: ModelFormat, { answer, reply, schema }: Answered): boolean | null {
  if (!answer.ok) return answer.error.code === 'model_not_json' ? false : null;
  if (format === 'tool_call') return callsTool(reply);
  return format === 'json_schema' ? !ignoresSchema(answer.value, schema) : true;
}
