/** The ways to ask for JSON, best first. Not every server that speaks the protocol has them all. */
import type { JsonObject, ModelFormat } from '@countersign/shared';
import type OpenAI from 'openai';
import { APIError } from 'openai';
import { fitsStrictMode } from './strict-schema.ts';

export interface OutputSchema {
  /** letters, digits, '_' and '-', at most 64 */
  name: string;
  /** of an object. Within the subset that OpenAI's strict mode takes it is enforced, otherwise it is advice */
  schema: JsonObject;
}

interface Asked {
  model: string;
  messages: readonly { role: 'system' | 'user' | 'assistant'; content: string }[];
  schema: OutputSchema;
}

export type RequestBody = OpenAI.ChatCompletionCreateParamsNonStreaming;

export function requestBody(format: ModelFormat, { model, messages, schema: output }: Asked): RequestBody {
  const { name, schema } = output;
  if (format === 'json_schema') {
    const strict = fitsStrictMode(schema);
    return { model, messages: [...messages], response_format: { type: 'json_schema', json_schema: { name, schema, strict } } };
  }
  if (format === 'tool_call') {
    return {
      model,
      messages: [...messages],
      tools: [{ type: 'function', function: { name, description: 'Takes the answer.', parameters: schema } }],
      tool_choice: { type: 'function', function: { name } },
    };
  }
  const body = { model, messages: withSchema(messages, schema) };
  return format === 'json_object' ? { ...body, response_format: { type: 'json_object' } } : body;
}

/** The schema goes into the first system message, because some servers take only one. */
function withSchema(messages: Asked['messages'], schema: JsonObject): OpenAI.ChatCompletionMessageParam[] {
  const demand = `Answer with one JSON object and nothing else, without a code fence. It must match this JSON Schema:\n${JSON.stringify(schema)}`;
  const [first, ...rest] = messages;
  if (first?.role === 'system') return [{ role: 'system', content: `${first.content}\n\n${demand}` }, ...rest];
  return [{ role: 'system', content: demand }, ...messages];
}

/** What servers call the fields that ask for a format. */
const FORMAT_FIELD = /^(response_format|tools|tool_choice)\b/;
const NAMES_A_FORMAT = /\b(response_format|json_schema|json_object|tool_choice|param: tools|tools param|function calling)\b/i;

/**
 * `format`: the request may have been refused for the format it asked for, and not surely for something else. `schema`:
 * for this schema, so that another one may be taken in the same format.
 */
export function formatRefusal(cause: unknown): 'format' | 'schema' | null {
  if (!(cause instanceof APIError)) return null;
  const { status, code, param, message } = cause;
  // Some local servers fail where they should refuse.
  if (status === 500 || status === 501) return NAMES_A_FORMAT.test(message) ? 'format' : null;
  if ((status !== 400 && status !== 422) || code === 'context_length_exceeded') return null;
  if (typeof param === 'string' && param !== '' && !FORMAT_FIELD.test(param)) return null;
  return /invalid schema/i.test(message) ? 'schema' : 'format';
}

/** Whether a strict server can't have given this: a member that the schema requires is missing. */
export function ignoresSchema(value: JsonObject, { schema }: OutputSchema): boolean {
  if (!fitsStrictMode(schema)) return false;
  return Array.isArray(schema.required) && schema.required.some((name) => typeof name === 'string' && !Object.hasOwn(value, name));
}
