/** Values that fit a JSON Schema, as far as OpenAPI documents made from zod use it. */
import type { Random } from '../random.ts';

export interface Schema {
  $ref?: string;
  type?: string | string[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

export interface ValueSource {
  random: Random;
  /** what a `$ref` stands for */
  resolve(ref: string): Schema;
  /** a text for a pattern, or for a member of that name; undefined: any text */
  text(about: { name: string; pattern: string | undefined }): string | undefined;
}

const WORDS = ['a', 'list the files', 'README.md', 'docs', 'x y z', 'größer', '{{input.a}}', 'count'];

export function fittingValue(schema: Schema, source: ValueSource, name = ''): unknown {
  const { random } = source;
  if (schema.$ref !== undefined) return fittingValue(source.resolve(schema.$ref), source, name);
  if ('const' in schema) return schema.const;
  if (schema.enum !== undefined) return random.pick(schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fittingValue(random.pick(choices), source, name);
  const type = Array.isArray(schema.type) ? random.pick(schema.type) : schema.type;
  switch (type) {
    case 'object':
      return objectOf(schema, source);
    case 'array': {
      const { minItems = 0, maxItems = 10_000, items = {} } = schema;
      return Array.from({ length: random.between(minItems, Math.min(maxItems, minItems + 3)) }, () => fittingValue(items, source, name));
    }
    case 'string':
      return textOf(schema, source, name);
    case 'integer':
      return numberOf(schema, random);
    case 'number':
      return numberOf(schema, random) + (schema.maximum === undefined && random.chance(0.5) ? 0.25 : 0);
    case 'boolean':
      return random.chance(0.5);
    case 'null':
      return null;
    default:
      return random.pick<unknown>([null, true, 3, 'text', [1, 2], { a: 1 }, {}]);
  }
}

function objectOf({ properties = {}, required = [], additionalProperties }: Schema, source: ValueSource): Record<string, unknown> {
  const { random } = source;
  const members = Object.entries(properties)
    .filter(([name]) => required.includes(name) || random.chance(0.5))
    .map(([name, schema]): [string, unknown] => [name, fittingValue(schema, source, name)]);
  if (typeof additionalProperties === 'object' && random.chance(0.5)) members.push(['a', fittingValue(additionalProperties, source, 'a')]);
  return Object.fromEntries(members);
}

function textOf({ pattern, minLength = 0, maxLength = 200 }: Schema, source: ValueSource, name: string): string {
  const { random } = source;
  const text = source.text({ name, pattern }) ?? random.pick(WORDS);
  return text.padEnd(minLength, 'x').slice(0, Math.max(maxLength, minLength));
}

/** Near the lower bound, where values are cheap to carry out; now and then at a bound. */
function numberOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Schema, random: Random): number {
  const low = minimum ?? (exclusiveMinimum === undefined ? -3 : exclusiveMinimum + 1);
  const high = maximum ?? (exclusiveMaximum === undefined ? low + 1_000 : exclusiveMaximum - 1);
  return random.weighted([
    [8, random.between(low, Math.min(high, low + 20))],
    [1, low],
    [1, high],
  ]);
}
