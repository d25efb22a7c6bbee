/** The ways to ask for JSON, best first. Not every server that speaks the protocol has the first two. */
import type { JsonObject, ModelFormat } from '@countersign/shared';
import type OpenAI from 'openai';
import { APIError } from 'openai';

export interface OutputSchema {
  /** letters, digits, '_' and '-', at most 64 */
  name: string;
  /** within the subset that OpenAI's strict mode takes: every property required, `additionalProperties: false` */
  schema: JsonObject;
}

interface Asked {
  model: string;
  messages: readonly { role: 'system' | 'user' | 'assistant'; content: string }[];
  schema: OutputSchema;
}

export const FORMATS = ['json_schema', 'json_object', 'text'] as const satisfies readonly ModelFormat[];
type Format = (typeof FORMATS)[number];

export function requestBody(format: Format, { model, messages, schema }: Asked): OpenAI.ChatCompletionCreateParamsNonStreaming {
  if (format === 'json_schema') {
    return {
      model,
      messages: [...messages],
      response_format: { type: 'json_schema', json_schema: { name: schema.name, schema: schema.schema, strict: true } },
    };
  }
  const body = { model, messages: withSchema(messages, schema) };
  return format === 'json_object' ? { ...body, response_format: { type: 'json_object' } } : body;
}

/** The schema goes into the first system message, because some servers take only one. */
function withSchema(messages: Asked['messages'], { schema }: OutputSchema): OpenAI.ChatCompletionMessageParam[] {
  const demand = `Answer with one JSON object and nothing else, without a code fence. It must match this JSON Schema:\n${JSON.stringify(schema)}`;
  const [first, ...rest] = messages;
  if (first?.role === 'system') return [{ role: 'system', content: `${first.content}\n\n${demand}` }, ...rest];
  return [{ role: 'system', content: demand }, ...messages];
}

/** Whether a request may have been refused for the format it asked for, and not surely for something else. */
export function isFormatRefusal(cause: unknown): boolean {
  if (!(cause instanceof APIError) || (cause.status !== 400 && cause.status !== 422)) return false;
  if (cause.code === 'context_length_exceeded') return false;
  return typeof cause.param !== 'string' || cause.param === '' || cause.param.startsWith('response_format');
}
