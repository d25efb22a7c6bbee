/** Which JSON Schemas a strict server takes: a subset, with every object closed and every property required. */
import { isObject, type Json, type JsonObject } from '@countersign/shared';

/** Keywords whose values are no schemas. */
const PLAIN = [
  'type',
  'enum',
  'const',
  'title',
  'description',
  '$ref',
  'required',
  'additionalProperties',
  'pattern',
  'format',
  'multipleOf',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'minItems',
  'maxItems',
];

const isSchema = (value: Json | undefined): value is JsonObject => isObject(value);

/** Whether OpenAI's strict mode takes the schema; another one is sent as advice, and the answer has to be checked. */
export const fitsStrictMode = (schema: JsonObject): boolean => schema.type === 'object' && schema.anyOf === undefined && fits(schema);

function fits(schema: Json | undefined): boolean {
  if (!isSchema(schema)) return false;
  return closed(schema) && Object.entries(schema).every(([keyword, value]) => fitsKeyword(keyword, value));
}

function fitsKeyword(keyword: string, value: Json): boolean {
  if (keyword === 'properties' || keyword === '$defs') return isObject(value) && Object.values(value as JsonObject).every(fits);
  if (keyword === 'items') return fits(value);
  if (keyword === 'anyOf') return Array.isArray(value) && value.every(fits);
  return PLAIN.includes(keyword);
}

function closed({ type, properties, required, additionalProperties }: JsonObject): boolean {
  const types = Array.isArray(type) ? type : [type];
  if (!types.includes('object') && properties === undefined) return true;
  const names = isObject(properties) ? Object.keys(properties) : [];
  return additionalProperties === false && Array.isArray(required) && names.every((name) => required.includes(name));
}
