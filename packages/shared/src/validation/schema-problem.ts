/** Whether a JSON Schema that an author wrote can be used, and where it goes wrong. */
import { z } from 'zod';
import { isObject } from '../json.ts';
import { typeName } from './reading.ts';

/** Keywords whose value is a schema, or has schemas in it. */
const SCHEMAS_BELOW = ['properties', '$defs', 'definitions', 'patternProperties', 'anyOf', 'oneOf', 'allOf', 'prefixItems'];
const SCHEMA_BELOW = ['items', 'additionalProperties', 'propertyNames', 'contains'];

interface Problem {
  path: (string | number)[];
  message: string;
}

/** Each look at a part reads the whole, so a large schema that is wrong is not searched to its end. */
const MAX_LOOKS = 100;

/**
 * Where in a JSON Schema the first thing stands that values can't be checked against, and what; null when all is well. In
 * a large schema the path may end above it.
 */
export const schemaProblem = (schema: unknown): Problem | null => find(schema, {}, { left: MAX_LOOKS });

function find(schema: unknown, definitions: Record<string, unknown>, looks: { left: number }): Problem | null {
  if (typeof schema === 'boolean' || looks.left-- <= 0) return null;
  if (!isObject(schema)) return { path: [], message: `a JSON Schema is an object, got ${typeName(schema)}` };
  // What a part refers to by `#/$defs/...` stands in the whole.
  const whole = { ...definitions, ...definitionsOf(schema) };
  try {
    z.fromJSONSchema({ ...whole, ...schema } as Parameters<typeof z.fromJSONSchema>[0]);
    return null;
  } catch (error) {
    for (const [path, part] of partsOf(schema)) {
      const inner = find(part, whole, looks);
      if (inner !== null) return { path: [...path, ...inner.path], message: inner.message };
    }
    return { path: [], message: `this JSON Schema cannot be used: ${error instanceof Error ? error.message : String(error)}` };
  }
}

const definitionsOf = ({ $defs, definitions }: Record<string, unknown>): Record<string, unknown> => ({
  ...($defs !== undefined && { $defs }),
  ...(definitions !== undefined && { definitions }),
});

function partsOf(schema: Record<string, unknown>): [(string | number)[], unknown][] {
  const parts: [(string | number)[], unknown][] = [];
  for (const keyword of SCHEMAS_BELOW) {
    const value = schema[keyword];
    if (Array.isArray(value)) for (const [index, part] of value.entries()) parts.push([[keyword, index], part]);
    else if (isObject(value)) for (const [name, part] of Object.entries(value)) parts.push([[keyword, name], part]);
  }
  for (const keyword of SCHEMA_BELOW) if (schema[keyword] !== undefined) parts.push([[keyword], schema[keyword]]);
  return parts;
}
