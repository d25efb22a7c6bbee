/**
 * From the JSON Schema of a tool's input to the subset that strict mode takes, and from what a model writes in it back to
 * an input:
 *
 * - every property is required; null stands for one that is **left out**, so an optional property whose null means something
 *   has no strict form;
 * - every value that is not free text may also be a text, which is a **placeholder** such as `{{list.output.total}}`;
 * - bounds and defaults become words. What a tool's author wrote in words stays out: a schema goes to the model as
 *   instructions, and tools of other people's servers have no place there. It stands in the prompt, as data.
 */
import { isObject, type Json, type JsonObject } from '@countersign/shared';
import { lookUp } from './schema-refs.ts';
import { boundsOf } from './schema-words.ts';

export interface StrictForm {
  schema: JsonObject;
  /** what was written in this form, with what is left out left out */
  read(value: Json): Json;
}

/** One of the kinds of values that are right at a place. */
interface Alternative extends StrictForm {
  kind: 'text' | 'scalar' | 'list' | 'object' | 'null';
  /** whether a value was meant as this one, as far as its outside tells */
  accepts(value: Json): boolean;
}

interface Place {
  root: JsonObject;
  /** the `$ref`s that led here: one that comes again is a schema without an end */
  refs: readonly string[];
  /** how many parts are still looked at: references to references multiply */
  looks: { left: number };
}

/** A schema with more parts passes the limits of strict mode in any case. */
const MOST_PARTS = 5_000;

/** Strict mode knows none of these, and without them the input would be another one. */
const NOT_EXPRESSIBLE = [
  'not',
  'if',
  'then',
  'else',
  'patternProperties',
  'propertyNames',
  'dependentRequired',
  'dependentSchemas',
  'dependencies',
  'prefixItems',
  'contains',
  'unevaluatedProperties',
  'unevaluatedItems',
  '$dynamicRef',
];
const TYPED = ['type', 'properties', 'items', 'enum', 'const', 'anyOf', 'oneOf', 'allOf', '$ref'];

/** What goes into a schema can be read as a name or a word, not as a sentence to the model. */
const NAME = /^[\p{L}\p{N}_$.:@-]{1,64}$/u;
const WORD = /^[^\p{C}<>]{0,64}$/u;

/** The strict form of a tool's input; null where there is none. */
export function strictForm(inputSchema: JsonObject): StrictForm | null {
  const found = alternativesOf(inputSchema, { root: inputSchema, refs: [], looks: { left: MOST_PARTS } });
  // The input as a whole is no placeholder.
  if (found === null || !found.every(({ kind }) => kind === 'object')) return null;
  return { schema: union(found.map(({ schema }) => schema)), read: readerOf(found) };
}

function alternativesOf(schema: Json | undefined, place: Place): Alternative[] | null {
  if (!isObject(schema) || place.looks.left-- <= 0) return null;
  const given = schema as JsonObject;
  if (NOT_EXPRESSIBLE.some((keyword) => given[keyword] !== undefined)) return null;
  const has = TYPED.filter((keyword) => given[keyword] !== undefined);
  const alone = (keyword: string): boolean => has.every((other) => other === keyword || other === 'type');
  if (given.$ref !== undefined) return alone('$ref') ? referredTo(given.$ref, place) : null;
  if (given.allOf !== undefined)
    return alone('allOf') && Array.isArray(given.allOf) && given.allOf.length === 1 ? alternativesOf(given.allOf[0], place) : null;
  const choice = given.anyOf ?? given.oneOf;
  if (choice !== undefined) return alone(given.anyOf === undefined ? 'oneOf' : 'anyOf') ? anyOf(choice, place) : null;
  if (given.enum !== undefined || given.const !== undefined) return oneOfValues(given.enum ?? [given.const as Json]);
  const types = given.type ?? (given.properties !== undefined ? 'object' : given.items !== undefined ? 'array' : []);
  return joined((Array.isArray(types) ? types : [types]).map((type) => ofType(type, given, place)));
}

function referredTo(ref: Json, { root, refs, looks }: Place): Alternative[] | null {
  if (typeof ref !== 'string' || refs.includes(ref) || ref === '#') return null;
  return alternativesOf(lookUp(ref, root), { root, refs: [...refs, ref], looks });
}

const anyOf = (choice: Json, place: Place): Alternative[] | null =>
  Array.isArray(choice) ? joined(choice.map((one) => alternativesOf(one, place))) : null;

/** All of them; null where one of them has no strict form, there is none, or what a model writes could be two of them. */
function joined(parts: (Alternative[] | null)[]): Alternative[] | null {
  const all: Alternative[] = [];
  for (const part of parts) {
    if (part === null) return null;
    all.push(...part.filter(({ kind }) => kind !== 'null' || !all.some((other) => other.kind === 'null')));
  }
  if (all.length === 0 || all.filter(({ kind }) => kind === 'list').length > 1) return null;
  return toldApart(all.filter(({ kind }) => kind === 'object')) ? all : null;
}

/** Objects of a choice must differ in their first property: by its name, or by the values that it may have. */
function toldApart(objects: readonly Alternative[]): boolean {
  const seen = new Map<string, Set<Json> | null>();
  for (const { schema } of objects) {
    const [name, first] = Object.entries(schema.properties as JsonObject)[0] ?? [''];
    const values = isObject(first) && Array.isArray(first.enum) ? (first.enum as Json[]) : null;
    const before = seen.get(name);
    if (before === undefined) seen.set(name, values === null ? null : new Set(values));
    else if (before === null || values?.every((value) => !before.has(value)) !== true) return false;
    else for (const value of values) before.add(value);
  }
  return true;
}

function oneOfValues(values: Json): Alternative[] | null {
  if (!Array.isArray(values) || values.length === 0) return null;
  const all: Alternative[] = [];
  for (const type of ['string', 'number', 'boolean'] as const) {
    const these = values.filter((value) => typeof value === type);
    if (these.some((value) => typeof value === 'string' && !WORD.test(value))) return null;
    if (these.length > 0) all.push(scalar({ type, enum: these }, (value) => these.includes(value)));
  }
  if (values.includes(null)) all.push(NULL);
  return values.every((value) => value === null || typeof value !== 'object') ? all : null;
}

const scalar = (schema: JsonObject, accepts: (value: Json) => boolean): Alternative => ({
  kind: 'scalar',
  schema,
  accepts,
  read: (value) => value,
});

const NULL: Alternative = { kind: 'null', schema: { type: 'null' }, accepts: (value) => value === null, read: (value) => value };

function ofType(type: Json, schema: JsonObject, place: Place): Alternative[] | null {
  switch (type) {
    case 'string':
      return [{ ...scalar({ type }, (value) => typeof value === 'string'), kind: 'text' }];
    case 'number':
    case 'integer':
      return [scalar({ type }, (value) => typeof value === 'number')];
    case 'boolean':
      return [scalar({ type }, (value) => typeof value === 'boolean')];
    case 'null':
      return [NULL];
    case 'array':
      return listOf(schema, place);
    case 'object':
      return objectOf(schema, place);
    default:
      return null;
  }
}

function listOf({ items }: JsonObject, place: Place): Alternative[] | null {
  const inner = alternativesOf(items, place);
  if (inner === null) return null;
  const read = readerOf(inner);
  return [
    {
      kind: 'list',
      schema: { type: 'array', items: withPlaceholder(inner, items as JsonObject, { optional: false }) },
      accepts: (value) => Array.isArray(value),
      read: (value) => (Array.isArray(value) ? value.map(read) : value),
    },
  ];
}

function objectOf({ properties, required, additionalProperties }: JsonObject, place: Place): Alternative[] | null {
  if (!isObject(properties) || (additionalProperties !== undefined && additionalProperties !== false)) return null;
  const needed = new Set(Array.isArray(required) ? required : []);
  if ([...needed].some((name) => typeof name !== 'string' || !Object.hasOwn(properties, name))) return null;
  const written: [string, JsonObject][] = [];
  const readers = new Map<string, (value: Json) => Json>();
  const choices = new Map<string, readonly Alternative[]>();
  for (const [name, schema] of firstTheTellingOnes(Object.entries(properties as JsonObject))) {
    const inner = NAME.test(name) ? alternativesOf(schema, place) : null;
    const optional = !needed.has(name);
    if (inner === null || (optional && inner.some(({ kind }) => kind === 'null'))) return null;
    written.push([name, withPlaceholder(inner, schema as JsonObject, { optional })]);
    readers.set(name, readerOf(inner));
    choices.set(name, inner);
  }
  const isOne = (name: string, value: Json): boolean =>
    !isTelling((properties as JsonObject)[name]) || choices.get(name)?.some(({ accepts }) => accepts(value)) === true;
  return [
    {
      kind: 'object',
      schema: {
        type: 'object',
        properties: Object.fromEntries(written),
        required: written.map(([name]) => name),
        additionalProperties: false,
      },
      accepts: (value) =>
        isObject(value) && Object.entries(value as JsonObject).every(([name, member]) => readers.has(name) && isOne(name, member)),
      read: (value) =>
        isObject(value)
          ? Object.fromEntries(
              Object.entries(value as JsonObject)
                .filter(([name, member]) => member !== null || !readers.has(name) || needed.has(name))
                .map(([name, member]) => [name, readers.get(name)?.(member) ?? member]),
            )
          : value,
    },
  ];
}

/** Whether a property has exactly one value: which of several objects it is can be told by it, and it is no placeholder. */
const isTelling = (schema: Json | undefined): boolean =>
  isObject(schema) && (schema.const !== undefined || (Array.isArray(schema.enum) && schema.enum.length === 1));

const firstTheTellingOnes = (properties: [string, Json][]): [string, Json][] => [
  ...properties.filter(([, schema]) => isTelling(schema)),
  ...properties.filter(([, schema]) => !isTelling(schema)),
];

const PLACEHOLDER: JsonObject = { type: 'string', description: '{{...}}' };

function withPlaceholder(found: readonly Alternative[], source: JsonObject, { optional }: { optional: boolean }): JsonObject {
  const schemas = found.map(({ schema }) => schema);
  if (!isTelling(source) && !found.some(({ kind }) => kind === 'text')) schemas.push(PLACEHOLDER);
  if (optional) schemas.push({ type: 'null' });
  const words = boundsOf(source);
  const description = [...words, ...(optional ? ['null: left out'] : [])].join('; ');
  return { ...union(schemas), ...(description === '' ? {} : { description }) };
}

const union = (schemas: JsonObject[]): JsonObject => (schemas.length === 1 ? { ...schemas[0] } : { anyOf: schemas });

/** Reads a value as the alternative that it was meant as. A text that can only be JSON (`"5"`, `"[1, 2]"`) is taken as that. */
function readerOf(found: readonly Alternative[]): (value: Json) => Json {
  const as = (value: Json): Alternative | undefined => found.find(({ accepts }) => accepts(value));
  return (value) => {
    const meant = as(value);
    if (meant !== undefined) return meant.read(value);
    // An object that fits none of them, or only one: its own members are still read, for validation to say what is wrong.
    const [object, ...others] = found.filter(({ kind }) => kind === 'object');
    if (isObject(value)) return object !== undefined && others.length === 0 ? object.read(value) : value;
    if (typeof value !== 'string') return value;
    const parsed = parse(value);
    return parsed === undefined ? value : (as(parsed)?.read(parsed) ?? value);
  };
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
