/** How large a schema is, as strict mode counts. */
import { isObject, type Json, type JsonObject } from '@countersign/shared';

/** Sizes of several schemas add up, but for the depth. */
export interface SchemaSize {
  properties: number;
  enumValues: number;
  /** characters of the names of properties and of the values of enums */
  characters: number;
  /** objects and lists within each other: what exactly counts is not written down, so each does */
  depth: number;
}

/** What OpenAI's strict mode takes: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas */
export const STRICT_LIMITS: SchemaSize = { properties: 5_000, enumValues: 1_000, characters: 120_000, depth: 10 };
/** One enum with more than 250 values may have 15,000 characters in all. */
const LONG_ENUM = { values: 250, characters: 15_000 };

export const add = (a: SchemaSize, b: SchemaSize): SchemaSize => ({
  properties: a.properties + b.properties,
  enumValues: a.enumValues + b.enumValues,
  characters: a.characters + b.characters,
  depth: Math.max(a.depth, b.depth),
});

export const isWithin = (size: SchemaSize, limits: SchemaSize): boolean =>
  size.properties <= limits.properties &&
  size.enumValues <= limits.enumValues &&
  size.characters <= limits.characters &&
  size.depth <= limits.depth;

export function fitsOneEnum(values: readonly string[]): boolean {
  const characters = values.join('').length;
  return (
    values.length <= STRICT_LIMITS.enumValues &&
    characters <= STRICT_LIMITS.characters &&
    (values.length <= LONG_ENUM.values || characters <= LONG_ENUM.characters)
  );
}

/** The size of a schema that has no `$ref`s. An enum that is too long by itself is as good as too large in all. */
export function sizeOf(schema: JsonObject, depth = 0): SchemaSize {
  const here = schema.type === 'object' || schema.type === 'array' ? depth + 1 : depth;
  let size: SchemaSize = { properties: 0, enumValues: 0, characters: 0, depth: here };
  const look = (part: Json | undefined): void => {
    if (isObject(part)) size = add(size, sizeOf(part as JsonObject, here));
  };
  if (isObject(schema.properties)) {
    for (const [name, part] of Object.entries(schema.properties as JsonObject)) {
      size = add(size, { properties: 1, enumValues: 0, characters: name.length, depth: 0 });
      look(part);
    }
  }
  if (Array.isArray(schema.enum)) {
    const values = schema.enum.map(String);
    const characters = fitsOneEnum(values) ? values.join('').length : Number.POSITIVE_INFINITY;
    size = add(size, { properties: 0, enumValues: values.length, characters, depth: 0 });
  }
  look(schema.items);
  if (Array.isArray(schema.anyOf)) for (const part of schema.anyOf) look(part);
  return size;
}
