/**
 * How a model writes the call of a step: `{tool, input}`. A tool whose input strict mode can express takes it as an object
 * in that form; of the others, and of the largest where all together would be too much, the input is JSON text.
 */
import { isObject, type Json, type JsonObject, mapStrings, secretName, type ToolContract } from '@countersign/shared';
import { add, fitsOneEnum, isWithin, type SchemaSize, STRICT_LIMITS, sizeOf } from './schema-size.ts';
import { type StrictForm, strictForm } from './strict-form.ts';

export interface CallForm {
  schema: JsonObject;
  /** whether the tool takes its input as an object in a form of its own */
  isStructured(tool: string): boolean;
  /** the input for validation, from an object in whatever form */
  read(tool: string, input: JsonObject): JsonObject;
}

/** Levels of the reply around a call: the reply, its list of steps, the step. */
const LEVELS_ABOVE = 3;
/** What the rest of the reply's schema takes of the limits, with room to spare. */
const LEFT_TO_CALLS: SchemaSize = {
  properties: STRICT_LIMITS.properties - 100,
  enumValues: STRICT_LIMITS.enumValues - 50,
  characters: STRICT_LIMITS.characters - 2_000,
  depth: STRICT_LIMITS.depth - LEVELS_ABOVE,
};

/** Strict mode wants every property required and no others. */
export const record = (properties: JsonObject): JsonObject => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

interface Structured {
  form: StrictForm;
  schema: JsonObject;
  size: SchemaSize;
}

export function callForm(tools: readonly ToolContract[]): CallForm {
  const forms = new Map<string, StrictForm>();
  const candidates = new Map<string, Structured>();
  for (const { name, inputSchema } of tools) {
    const form = strictForm(inputSchema);
    if (form === null) continue;
    forms.set(name, form);
    const schema = record({ tool: { type: 'string', enum: [name] }, input: form.schema });
    candidates.set(name, { form, schema, size: sizeOf(schema) });
  }
  const structured = whatFits(candidates, tools);
  const others = tools.map(({ name }) => name).filter((name) => !structured.has(name));
  const calls = [...[...structured.values()].map(({ schema }) => schema), ...(others.length === 0 ? [] : [asText(others)])];
  return {
    schema: calls.length === 1 ? (calls[0] as JsonObject) : { anyOf: calls },
    isStructured: (tool) => structured.has(tool),
    read(tool, input) {
      const value = withWrittenMarkers(forms.get(tool)?.read(input) ?? input);
      return isObject(value) ? (value as JsonObject) : input;
    },
  };
}

const MARKER_TEXT = /^\s*\{\s*"\$secret"\s*:/;

/** A form that takes a text has no room for an object: a secret is written there as its JSON. */
function withWrittenMarkers(value: Json): Json {
  return mapStrings(value, (text) => {
    if (!MARKER_TEXT.test(text)) return text;
    try {
      const marker = JSON.parse(text) as Json;
      return secretName(marker) === null ? text : marker;
    } catch {
      return text;
    }
  });
}

const asText = (names: string[]): JsonObject =>
  record({
    // Names that are too many for an enum are left to validation.
    tool: { type: 'string', ...(fitsOneEnum(names) ? { enum: names } : {}) },
    input: { type: 'string', description: "the tool's input: a JSON object, written as text" },
  });

/** Those that are structured, in the order of the tools: the smallest ones, as many as fit, when all together do not. */
function whatFits(candidates: ReadonlyMap<string, Structured>, tools: readonly ToolContract[]): Map<string, Structured> {
  const names = tools.map(({ name }) => name);
  // Each name stands in the schema once, here or among those with text; where not even the names fit, nothing is structured.
  const ofNames = { properties: 4, enumValues: names.length, characters: names.join('').length + 50, depth: 0 };
  if (!fitsOneEnum(names) || !isWithin(ofNames, LEFT_TO_CALLS)) return new Map();
  const taken = new Set<string>();
  let size: SchemaSize = ofNames;
  for (const [name, one] of [...candidates].sort(([, a], [, b]) => weight(a) - weight(b))) {
    const next = add(size, one.size);
    if (!isWithin(next, LEFT_TO_CALLS)) continue;
    taken.add(name);
    size = next;
  }
  return new Map([...candidates].filter(([name]) => taken.has(name)));
}

const weight = ({ schema }: Structured): number => JSON.stringify(schema).length;
