/** A step in the form in which a model reads and writes it: every field there, with a neutral value where it says nothing. */
import { HUMAN_INPUT_TOOL, type Issue, isObject, type Json, type JsonObject, ON_ERROR, RUN_IF, type Step } from '@countersign/shared';
import { type CallForm, record } from './call-form.ts';

const text = (description: string): JsonObject => ({ type: 'string', description });
const texts = (description: string): JsonObject => ({ type: 'array', items: { type: 'string' }, description });
const orNull = (schema: JsonObject, description: string): JsonObject => ({ anyOf: [schema, { type: 'null' }], description });

export const stepSchema = (calls: CallForm): JsonObject =>
  record({
    id: text('a letter, then letters, digits, `_` or `-`; at most 64 characters; unique'),
    description: text('what this step is for, in one line'),
    call: calls.schema,
    dependsOn: texts('ids of the steps that must end first'),
    when: text("a condition; the step is skipped where it is false. '' for none"),
    runIf: { type: 'string', enum: [...RUN_IF], description: `how its dependencies must have ended; mostly ${RUN_IF[0]}` },
    onError: { type: 'string', enum: ['default', ...ON_ERROR], description: 'whether the plan stops when this step fails' },
    approval: orNull(
      record({ message: text('the question to the person'), quorum: { type: 'integer', description: 'how many people must say yes' } }),
      'a gate: a person is asked before this step runs. null for none',
    ),
    forEach: text("one run for each element: a placeholder that gives a list, or a JSON list as text. '' for none"),
    maxItems: orNull({ type: 'integer' }, 'the most elements that forEach may have. null for no limit of its own'),
    ifTrue: texts('only of a step with the tool `condition`: ids of the steps that run when it is true'),
    ifFalse: texts('only of a step with the tool `condition`: ids of the steps that run when it is false'),
    retry: orNull(
      record({
        maxAttempts: { type: 'integer', description: 'attempts in all' },
        backoff: { type: 'string', enum: ['fixed', 'exponential'] },
        delayMs: { type: 'integer' },
        maxDelayMs: { type: 'integer' },
        jitter: { type: 'number', description: '0 to 1' },
      }),
      'null for what the tool or the plan says',
    ),
    timeoutMs: orNull({ type: 'integer' }, 'milliseconds of one attempt. null for what the tool or the plan says'),
  });

const empty = (value: Json): boolean => value === null || value === '' || (Array.isArray(value) && value.length === 0);

/** What stands for nothing, by field; a field that is not here always says something. */
const SAYS_NOTHING: ReadonlyMap<string, (value: Json) => boolean> = new Map(
  Object.entries<(value: Json) => boolean>({
    dependsOn: (value) => value === null,
    when: empty,
    runIf: (value) => empty(value) || value === RUN_IF[0],
    onError: (value) => empty(value) || value === 'default',
    approval: empty,
    forEach: (value) => value === null || value === '',
    maxItems: (value) => empty(value) || value === 0,
    ifTrue: empty,
    ifFalse: empty,
    retry: empty,
    timeoutMs: (value) => empty(value) || value === 0,
  }),
);

const withoutNothing = (fields: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(fields).filter(([name, value]) => SAYS_NOTHING.get(name)?.(value) !== true));

/** A stored step as somebody may have written it: without the fields that say nothing. Validation makes the same step of it. */
export function draftOfStep(step: Step): JsonObject {
  const { id, tool, description, input, dependsOn, when, runIf, retry, timeoutMs, onError, approval, forEach, maxItems } = step;
  const { ifTrue, ifFalse } = step;
  const given = { when, runIf, retry, timeoutMs, onError, approval, forEach, maxItems, ifTrue, ifFalse };
  return { id, tool, description, input, dependsOn, ...withoutNothing(given as unknown as JsonObject) };
}

/** A stored step in the model's form. An input that has a form of its own is written without what is left out: that is shorter. */
export function writeStep(step: Step, calls: CallForm): JsonObject {
  const { id, tool, description, input, dependsOn, when, runIf, onError, forEach, maxItems } = step;
  return {
    id,
    description,
    call: { tool, input: calls.isStructured(tool) ? input : JSON.stringify(input) },
    dependsOn,
    when: when ?? '',
    runIf,
    onError,
    approval: writeGate(step),
    forEach: typeof forEach === 'string' ? forEach : forEach === null ? '' : JSON.stringify(forEach),
    maxItems,
    ifTrue: step.ifTrue,
    ifFalse: step.ifFalse,
    retry: step.retry,
    timeoutMs: step.timeoutMs,
  };
}

/** What human.input asks stands in its input: were it here too, a changed question would leave the old one in place. */
function writeGate({ tool, input, approval }: Step): Json {
  if (approval === null) return null;
  if (tool !== HUMAN_INPUT_TOOL || approval.message !== input.question) return { ...approval };
  return approval.quorum === 1 ? null : { message: '', quorum: approval.quorum };
}

/** Where a model's step stands, and what to read it with. */
interface Reading {
  index: number;
  report: ReportUnread;
  calls: CallForm;
}

/** Says of something that could not be read where it stands and what it is. */
export type ReportUnread = (issue: Omit<Issue, 'path'>, path: readonly PropertyKey[], got: Json) => void;

/**
 * What a model wrote, for `validatePlan`. One that ignored the schema is met halfway: the call may stand in the step itself,
 * and an input may be an object or JSON text, whichever its tool has.
 */
export function readStep(written: JsonObject, reading: Reading): JsonObject {
  const { approval, forEach, ...rest } = withoutNothing(withCall(written, reading));
  return {
    ...rest,
    input: readInput(rest, reading),
    ...(approval === undefined ? {} : { approval: readGate(approval) }),
    ...(forEach === undefined ? {} : { forEach: readList(forEach) }),
  };
}

/** The step with its call's tool and input in it. */
function withCall(written: JsonObject, { index, report }: Reading): JsonObject {
  const { call, ...rest } = written;
  if (call === undefined) return written;
  const path = ['steps', index, 'call'];
  if (!isObject(call)) {
    report({ code: 'bad_input', message: 'must be an object with the fields `tool` and `input`' }, path, call);
    return rest;
  }
  const { tool, input, ...unknown } = call as JsonObject;
  for (const [name, value] of Object.entries(unknown)) {
    report({ code: 'unknown_field', message: `a call has \`tool\` and \`input\`, and no \`${name}\`` }, [...path, name], value);
  }
  return { ...rest, ...(tool === undefined ? {} : { tool }), ...(input === undefined ? {} : { input }) };
}

function readInput({ tool, input }: JsonObject, { index, report, calls }: Reading): Json {
  const read = (value: JsonObject): JsonObject => (typeof tool === 'string' ? calls.read(tool, value) : value);
  if (input === undefined || input === null) return {};
  if (isObject(input)) return read(input as JsonObject);
  if (typeof input !== 'string') return input;
  if (input.trim() === '') return {};
  let problem = 'must be a JSON object written as text';
  try {
    const value: unknown = JSON.parse(input);
    if (isObject(value)) return read(value as JsonObject);
  } catch (error) {
    problem += `; it can't be parsed: ${error instanceof Error ? error.message : String(error)}`;
  }
  report({ code: 'bad_input', message: problem }, ['steps', index, 'input'], input);
  return {};
}

/** A question that was left empty is asked in the product's own words. */
const readGate = (approval: Json): Json =>
  isObject(approval) ? Object.fromEntries(Object.entries(approval as JsonObject).filter(([, value]) => !empty(value))) : approval;

/** A list that was written as JSON text. What can't be parsed stays as it is, and validation says what it thinks of that. */
function readList(forEach: Json): Json {
  if (typeof forEach !== 'string' || !forEach.trimStart().startsWith('[')) return forEach;
  try {
    const value: unknown = JSON.parse(forEach);
    return Array.isArray(value) ? (value as Json[]) : forEach;
  } catch {
    return forEach;
  }
}
