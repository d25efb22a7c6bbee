/** What a model server answered, read with care: one that only resembles the protocol may answer 200 with anything. */
import type { JsonObject, ModelFormat } from '@countersign/shared';
import type OpenAI from 'openai';
import type { ModelError } from './failure.ts';
import { readJson, withoutThoughts } from './read-json.ts';

export type Reply = OpenAI.ChatCompletion;

/** `text`: what the model wrote, also where it is of no use. */
export type ReadAnswer<Value> = { ok: true; value: Value; text: string } | { ok: false; error: ModelError; text: string | null };

interface Spoken {
  text: string | null;
  refusal: string | null;
  /** arguments of the calls of tools, as JSON text */
  calls: string[];
  finish: string | null;
}

/** Fields of something that may be no object at all. */
type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

const fail = (code: string, message: string, text: string | null) =>
  ({ ok: false, error: { code, message, retryable: false }, text }) as const;

export const countedBy = (reply: Reply): unknown => fieldsOf(reply).usage;

/** Whether the model called a tool, as it does where a server keeps to a choice of tools. */
export const callsTool = (reply: Reply): boolean => (spokenIn(reply)?.calls.length ?? 0) > 0;

/** Characters that the model wrote. */
export function writtenIn(reply: Reply): number {
  const spoken = spokenIn(reply);
  return spoken === null ? 0 : [spoken.text, spoken.refusal, ...spoken.calls].reduce((sum, text) => sum + (text?.length ?? 0), 0);
}

/** The answer to a question for JSON in that format. */
export function jsonAnswer(reply: Reply, format: ModelFormat): ReadAnswer<JsonObject> {
  const answer = completeAnswer(reply);
  if (!answer.ok) return answer;
  const { text: content, calls } = answer.value;
  if (calls.length > 1) {
    return fail('model_not_json', `the model answered with ${calls.length} calls of a tool instead of one`, calls.join('\n'));
  }
  const text = (format === 'tool_call' ? calls[0] : content) ?? content ?? calls[0] ?? null;
  if (text === null || text.trim() === '') return fail('model_not_json', 'the model answered with no text', null);
  const reading = readJson(text);
  if (reading.kind === 'found') return { ok: true, value: reading.value, text };
  if (reading.kind === 'cut_off')
    return fail('model_cut_off', "the model's JSON is not closed at its end: something of it is missing", text);
  return fail('model_not_json', `the model's text ${reading.problem}: ${text.slice(0, 200)}`, text);
}

/** The answer to a question for plain text. */
export function textAnswer(reply: Reply): ReadAnswer<string> {
  const answer = completeAnswer(reply);
  if (!answer.ok) return answer;
  const text = withoutThoughts(answer.value.text ?? '').trim();
  return text === '' ? fail('model_error', 'the model answered with no text', null) : { ok: true, value: text, text };
}

/** What the model said, where it came to its end and did not refuse. */
function completeAnswer(reply: Reply): ReadAnswer<Spoken> {
  const spoken = spokenIn(reply);
  if (spoken === null) {
    const said = textOf(fieldsOf(fieldsOf(reply).error).message);
    const why = said === null ? '' : `: ${said.slice(0, 500)}`;
    return fail('model_error', `the model server answered without a message in \`choices[0]\`${why}`, null);
  }
  const text = spoken.calls.length > 0 ? spoken.calls.join('\n') : spoken.text;
  if (spoken.refusal !== null) return fail('model_refused', `the model refused: ${spoken.refusal.slice(0, 500)}`, null);
  if (spoken.finish === 'content_filter') return fail('model_refused', 'a content filter of the model server stopped the answer', text);
  if (spoken.finish === 'length') {
    const { completion_tokens: tokens } = fieldsOf(countedBy(reply));
    const after = typeof tokens === 'number' ? ` after ${tokens} tokens` : '';
    return fail('model_cut_off', `the model's answer was cut off by a length limit${after}`, text);
  }
  return { ok: true, value: spoken, text: text ?? '' };
}

function spokenIn(reply: Reply): Spoken | null {
  const { choices } = fieldsOf(reply);
  const choice = fieldsOf(Array.isArray(choices) ? choices[0] : null);
  if (typeof choice.message !== 'object' || choice.message === null) return null;
  const message = fieldsOf(choice.message);
  return {
    text: contentText(message.content),
    refusal: textOf(message.refusal),
    calls: (Array.isArray(message.tool_calls) ? message.tool_calls : []).flatMap((call) => argumentsOf(fieldsOf(fieldsOf(call).function))),
    finish: textOf(choice.finish_reason),
  };
}

/** Content is a text, or a list of parts of which some are texts. */
function contentText(content: unknown): string | null {
  if (!Array.isArray(content)) return textOf(content);
  return textOf(content.map((part) => textOf(fieldsOf(part).text) ?? '').join(''));
}

/** Arguments are a text by the protocol; some servers write the value itself. */
function argumentsOf({ arguments: given }: Fields): string[] {
  if (typeof given === 'string') return given.trim() === '' ? [] : [given];
  return typeof given === 'object' && given !== null ? [JSON.stringify(given)] : [];
}
