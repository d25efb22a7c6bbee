/** Following the path of an issue, as text, into values and schemas. */
import { isObject, type Json, type JsonObject } from '@countersign/shared';
import { lookUp } from './schema-refs.ts';

const PART = /\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([A-Za-z_$][\w$]*)/g;

export type IssuePath = readonly (string | number)[];

/** The keys and indexes of `steps[3].input["a key"]`. */
export const readPath = (path: string): IssuePath =>
  [...path.matchAll(PART)].map(([, index, quoted, name]) =>
    index !== undefined ? Number(index) : quoted !== undefined ? String(JSON.parse(quoted)) : (name ?? ''),
  );

/** The value at a path; undefined where there is none. */
export function valueAt(value: Json | undefined, path: IssuePath): Json | undefined {
  let at = value;
  for (const key of path) {
    const holds = typeof key === 'number' ? Array.isArray(at) : isObject(at);
    at = holds && Object.hasOwn(at as object, key) ? (at as Record<string | number, Json>)[key] : undefined;
  }
  return at;
}

/** Every part of a schema that may say something of the value at a path: of a choice, the parts of each that has any. */
export function schemasAt(schema: JsonObject, path: IssuePath): JsonObject[] {
  let at = choicesOf(schema, schema, new Set());
  for (const key of path) at = at.flatMap((part) => below(part, key)).flatMap((part) => choicesOf(part, schema, new Set()));
  return at;
}

/** The names of the fields that an object at a path may have. */
export const fieldsAt = (schema: JsonObject, path: IssuePath): string[] => [
  ...new Set(schemasAt(schema, path).flatMap(({ properties }) => (isObject(properties) ? Object.keys(properties) : []))),
];

function below({ properties, items, prefixItems, additionalProperties }: JsonObject, key: string | number): JsonObject[] {
  const found =
    typeof key === 'number'
      ? ((Array.isArray(prefixItems) ? prefixItems[key] : undefined) ?? items)
      : isObject(properties) && Object.hasOwn(properties, key)
        ? (properties as JsonObject)[key]
        : additionalProperties;
  return isObject(found) ? [found as JsonObject] : [];
}

/** A schema and what it is a choice of or refers to, each once. */
function choicesOf(schema: JsonObject, root: JsonObject, seen: Set<JsonObject>): JsonObject[] {
  if (seen.has(schema)) return [];
  seen.add(schema);
  const others = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((choice) => (Array.isArray(choice) ? choice : []));
  if (schema.$ref !== undefined) others.push(lookUp(schema.$ref, root) ?? null);
  return [schema, ...others.flatMap((other) => (isObject(other) ? choicesOf(other as JsonObject, root, seen) : []))];
}
