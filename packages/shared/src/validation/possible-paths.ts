/** Paths that an output, or a plan's input, can never have, after its schema. Whatever the schema leaves open is possible. */
import { pathText } from '../issue.ts';
import { isObject } from '../json.ts';

/** What a schema says of one member or element: its own schema (undefined: anything), or why there is none. */
type Below = { possible: true; schema: unknown } | { possible: false; why: string };

const ANYTHING: Below = { possible: true, schema: undefined };
const impossible = (why: string): Below => ({ possible: false, why });
const quoted = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

function belowObject(schema: Record<string, unknown>, part: string | number): Below {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const names = Object.keys(properties);
  if (Object.hasOwn(properties, String(part))) return { possible: true, schema: properties[String(part)] };
  if (schema.patternProperties !== undefined) return ANYTHING;
  const others = schema.additionalProperties;
  if (others === false) return impossible(`has no \`${part}\`; it has ${quoted(names) || 'no members'}`);
  if (isObject(others)) return { possible: true, schema: others };
  // An object that says nothing of its members may well have one called `404`; one that names them is no list.
  if (typeof part === 'number' && names.length > 0) return impossible(`is an object, read by name: it has ${quoted(names)}`);
  return ANYTHING;
}

function belowList(schema: Record<string, unknown>, part: string | number): Below {
  if (typeof part === 'string') return impossible('is a list: read an element by its number, like [0]');
  const first = Array.isArray(schema.prefixItems) ? schema.prefixItems : [];
  return { possible: true, schema: part < first.length ? first[part] : schema.items };
}

function belowType(schema: Record<string, unknown>, type: unknown, part: string | number): Below {
  if (type === 'object') return belowObject(schema, part);
  if (type === 'array') return belowList(schema, part);
  if (type === 'string') return impossible('is text: nothing lies below it');
  if (type === 'null') return impossible('is null: nothing lies below it');
  if (type === 'number' || type === 'integer' || type === 'boolean')
    return impossible(`is a ${type === 'integer' ? 'number' : type}: nothing lies below it`);
  return ANYTHING;
}

function below(schema: unknown, part: string | number): Below {
  if (!isObject(schema) || schema.$ref !== undefined) return ANYTHING;
  if (!Array.isArray(schema.type)) return belowType(schema, schema.type, part);
  const each = schema.type.map((type) => belowType(schema, type, part));
  const possible = each.filter((one) => one.possible);
  if (possible.length === 0) return each[0] ?? ANYTHING;
  return possible.length === 1 ? (possible[0] as Below) : ANYTHING;
}

/** Why a value with this schema has nothing at `path`, in words; null where it may. `name` is what the value is called. */
export function pathProblem(schema: unknown, path: readonly (string | number)[], name: string): string | null {
  let current = schema;
  for (const [depth, part] of path.entries()) {
    const next = below(current, part);
    if (!next.possible) return `\`${name}${behind(path.slice(0, depth))}\` ${next.why}`;
    current = next.schema;
  }
  return null;
}

const behind = (path: readonly (string | number)[]): string => pathText(['_', ...path]).slice(1);
