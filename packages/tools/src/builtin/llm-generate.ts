import { isObject, type Json, type JsonObject, type Usage } from '@countersign/shared';
import { z } from 'zod';
import { answerSchema, compileAnswerSchema } from '../answer-schema.ts';
import { defineTool } from '../define-tool.ts';
import { counted, effectsOr, quoted, textOf } from '../effect-words.ts';
import type { LanguageModel, ModelMessage } from '../language-model.ts';
import { isOfObject, MOST_DATA, objectSchema, openingMessages, problemPrompt } from '../model-prompt.ts';
import { abortedError, type Tool, type ToolContext, ToolError, throwIfAborted } from '../tool.ts';

/** The first answer, and two more that were told what was wrong. */
const ROUNDS = 3;
/** Answers without a value that the same model may well do better with when told. */
const WORTH_ASKING_AGAIN: readonly string[] = ['model_not_json', 'model_cut_off'];

const input = z.strictObject({
  prompt: z.string().min(1).max(100_000).describe('What the model is to do.'),
  system: z.string().min(1).max(100_000).optional().describe('Who the model is to be, and rules for all that it does.'),
  data: z
    .unknown()
    .optional()
    .describe(
      `What to do it with, any JSON. The model is told that it is data and no instructions, and is shown its first ${MOST_DATA} characters.`,
    ),
  schema: answerSchema.optional().describe('What the answer must be, as a JSON Schema; without one it is text.'),
  maxTokens: z.int().min(1).max(200_000).optional().describe('The most tokens that one answer may have; a longer one is an error.'),
  temperature: z.number().min(0).max(2).optional(),
});

const output = z.object({
  text: z.string(),
  value: z.unknown(),
  model: z.string(),
  usage: z.object({ inputTokens: z.int(), outputTokens: z.int(), costUsd: z.number().nullable(), estimated: z.boolean() }),
});

type Question = Pick<z.output<typeof input>, 'maxTokens' | 'temperature'> & { messages: ModelMessage[] };
type Answer = z.output<typeof output>;

const NONE: Usage = { inputTokens: 0, outputTokens: 0, costUsd: 0, estimated: false };

const sum = (one: Usage, other: Usage): Usage => ({
  inputTokens: one.inputTokens + other.inputTokens,
  outputTokens: one.outputTokens + other.outputTokens,
  costUsd: one.costUsd === null || other.costUsd === null ? null : Number((one.costUsd + other.costUsd).toFixed(9)),
  estimated: one.estimated || other.estimated,
});

function failure({ code, message, retryable }: { code: string; message: string; retryable: boolean }, { signal }: ToolContext): ToolError {
  return code === 'aborted' ? abortedError(signal) : new ToolError('tool_error', message, { retryable });
}

async function generateText(model: LanguageModel, question: Question, ctx: ToolContext): Promise<Answer> {
  const answer = await model.write({ ...question, signal: ctx.signal });
  if (!answer.ok) throw failure(answer.error, ctx);
  return { text: answer.text, value: null, model: model.name, usage: answer.usage };
}

async function generateValue(model: LanguageModel, { schema, ...question }: Question & { schema: JsonObject }, ctx: ToolContext) {
  const check = compileAnswerSchema(schema);
  const asked = { name: 'answer', schema: objectSchema(schema) };
  const messages = [...question.messages];
  let usage = NONE;
  for (let round = 1; ; round++) {
    const answer = await model.complete({ ...question, messages, schema: asked, signal: ctx.signal });
    if (answer.usage !== null) usage = sum(usage, answer.usage);
    if (!answer.ok && !WORTH_ASKING_AGAIN.includes(answer.error.code)) throw failure(answer.error, ctx);
    const value = answer.ok ? valueIn(answer.value, schema) : undefined;
    const problem = answer.ok ? problemOf(value, check.problem) : answer.error.message;
    if (problem === null) return { text: answer.raw ?? '', value: value as Json, model: model.name, usage };
    ctx.logger.debug('the answer of a model does not fit', { round, problem, usage });
    if (round === ROUNDS) {
      throw new ToolError(
        'tool_error',
        `the model \`${model.name}\` gave no answer that fits \`schema\`, asked ${ROUNDS} times: ${problem}`,
        {
          retryable: false,
        },
      );
    }
    throwIfAborted(ctx.signal);
    ctx.progress(null, `answer ${round} of ${model.name} does not fit the schema`);
    if (answer.raw !== null) messages.push({ role: 'assistant', content: answer.raw });
    messages.push({ role: 'user', content: problemPrompt(problem) });
  }
}

/** Undefined where the answer has no value. */
function valueIn(answer: Json, schema: JsonObject): Json | undefined {
  if (isOfObject(schema)) return answer;
  return isObject(answer) ? (answer as JsonObject).value : undefined;
}

const problemOf = (value: Json | undefined, check: (value: unknown) => string | null): string | null =>
  value === undefined ? 'the member `value` is missing' : check(value);

export const llmGenerate = (model: LanguageModel): Tool =>
  defineTool({
    name: 'llm.generate',
    description:
      'Asks a language model: to summarize, translate, classify, extract, compare or write something. Gives {text, value, model, usage}. With `schema` (JSON Schema) the answer ' +
      'is JSON in `value`, which fits the schema, and fails when it still does not after being told twice what is wrong; without one `value` is null and `text` is the answer. ' +
      'What is to be worked on belongs into `data` and not into the prompt: whatever it says is then no instruction. The model reads and writes text and can do nothing else; ' +
      'what it says may be wrong. Prompt and data are sent to its server.',
    risk: 'read',
    idempotent: false,
    timeoutMs: 120_000,
    input,
    output,
    examples: [
      {
        text: 'ask the model "Summarize this in three sentences." about the text',
        input: { prompt: 'Summarize this in three sentences.', data: '{{read.output.text}}' },
      },
      {
        text: 'ask a language model whether it is a question, a complaint or praise',
        input: { prompt: 'What is this message?', data: '{{input.message}}', schema: { enum: ['question', 'complaint', 'praise'] } },
      },
      {
        text: 'ask the model "List every person who is named, with the date of birth." about the page',
        input: {
          prompt: 'List every person who is named, with the date of birth.',
          data: '{{fetch.output.body}}',
          schema: {
            type: 'object',
            properties: {
              people: {
                type: 'array',
                items: {
                  type: 'object',
                  properties: { name: { type: 'string' }, born: { type: ['string', 'null'] } },
                  required: ['name', 'born'],
                  additionalProperties: false,
                },
              },
            },
            required: ['people'],
            additionalProperties: false,
          },
        },
      },
    ],
    effects: effectsOr('asks a language model and changes nothing here', ({ prompt, data }) => {
      const asked = textOf(prompt);
      const what = data === undefined ? '' : `, with ${typeof data === 'string' ? quoted(data, 40) : dataWords(data)}`;
      return asked === null
        ? 'asks a language model and changes nothing here'
        : `asks the model ${model.name}: ${quoted(asked, 90)}${what}`;
    }),
    async run({ prompt, system, data, schema, maxTokens, temperature }, ctx) {
      throwIfAborted(ctx.signal);
      const messages = openingMessages({ prompt, system, data: data as Json | undefined });
      const question = { messages, maxTokens, temperature };
      return schema === undefined ? generateText(model, question, ctx) : generateValue(model, { ...question, schema }, ctx);
    },
  });

const dataWords = (data: Json): string => `${counted(JSON.stringify(data).length, 'character')} of data`;
