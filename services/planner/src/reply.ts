/** The form in which a model answers, and how it becomes a draft. */
import type { OutputSchema } from '@countersign/llm';
import { type Issue, isObject, type Json, type JsonObject, type ToolContract } from '@countersign/shared';

/** OpenAI takes at most 1,000 values of enums in a schema; the names beyond that are checked by validation alone. */
const MOST_ENUM_VALUES = 500;

const text = (description: string): JsonObject => ({ type: 'string', description });
const record = (properties: JsonObject): JsonObject => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

/**
 * The schema of a reply. A step's input is JSON text, because strict mode has no objects with free keys, and no way to
 * tie the input's form to the tool's name; validation checks it against the tool's own schema.
 */
export function replySchema(tools: readonly ToolContract[]): OutputSchema {
  const names = tools.map(({ name }) => name);
  return {
    name: 'plan',
    schema: record({
      problem: text('empty, or why no plan with these tools can meet the objective; then `steps` is empty'),
      description: text('in two or three sentences for the person who approves the plan: what it does and why in this way'),
      steps: {
        type: 'array',
        items: record({
          id: text('a letter, then letters, digits, `_` or `-`; at most 64 characters; unique'),
          tool: { type: 'string', ...(names.length <= MOST_ENUM_VALUES ? { enum: names } : {}) },
          description: text('what this step is for, in one line'),
          input: text("the tool's input: a JSON object, written as text"),
          dependsOn: { type: 'array', items: { type: 'string' }, description: 'ids of the steps that must end first' },
        }),
      },
    }),
  };
}

export interface ReadReply {
  /** why the model says that there is no plan; '' where there is one */
  problem: string;
  /** '' where there is none */
  description: string;
  /** for `validatePlan`, which finds what is wrong with them */
  steps: Json;
  issues: Issue[];
}

/** Takes a reply apart. A model that ignored the schema is met halfway: an input that is an object already is fine. */
export function readReply(reply: JsonObject): ReadReply {
  const issues: Issue[] = [];
  const said = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
  const steps = Array.isArray(reply.steps) ? reply.steps.map((step, index) => readStep(step, index, issues)) : (reply.steps ?? null);
  return { problem: said(reply.problem).trim(), description: said(reply.description), steps, issues };
}

function readStep(step: Json, index: number, issues: Issue[]): Json {
  if (!isObject(step)) return step;
  const { dependsOn, input, ...rest } = step as JsonObject;
  return {
    ...rest,
    input: typeof input === 'string' ? readInput(input, index, issues) : (input ?? {}),
    ...(dependsOn === null || dependsOn === undefined ? {} : { dependsOn }),
  };
}

function readInput(input: string, index: number, issues: Issue[]): JsonObject {
  let problem = 'must be a JSON object written as text';
  if (input.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(input);
    if (isObject(value)) return value as JsonObject;
  } catch (error) {
    problem += `; it can't be parsed: ${error instanceof Error ? error.message : String(error)}`;
  }
  issues.push({ path: `steps[${index}].input`, code: 'bad_input', message: problem });
  return {};
}
