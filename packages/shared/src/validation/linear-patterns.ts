/**
 * Patterns in the schemas of tools. A schema can be somebody else's (an MCP server's), and a pattern can be written so that
 * a short text takes a regular expression for ever. Here only those are run that plainly take time in proportion to the
 * text; the executor checks all of them, with an engine that takes no longer for any.
 */
import { isObject, type Json, type JsonObject } from '../json.ts';

/** Keywords whose members are schemas by name, schemas, and lists of schemas. */
const NAMED = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'];
const SINGLE = ['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames', 'unevaluatedProperties'];
const LISTED = ['anyOf', 'oneOf', 'allOf', 'prefixItems'];

const ESCAPE_OR_CLASS = /\\.|\[(?:\\.|[^\]\\])*\]/gs;
/** Groups that look around or have names, and what refers to a group. */
const BEYOND = /\(\?(?!:)|\\[1-9k]/;
const REPEATED_GROUP = /\)(?:[*+]|\{)/;
const STRETCH = /[*+]|\{\d+,(?:\d{4,})?\}/g;
/** Each can double what is tried: so many may. */
const MOST_CHOICES = 20;

const count = (text: string, part: RegExp): number => text.match(part)?.length ?? 0;

/**
 * Whether matching takes time in proportion to the text, as far as that shows without running it: no group repeated,
 * nothing that refers or looks elsewhere, few choices, and one place at the most that can stretch, from a fixed beginning.
 */
export function isPlainlyLinear(pattern: string): boolean {
  if (BEYOND.test(pattern)) return false;
  const bare = pattern.replace(ESCAPE_OR_CLASS, 'x');
  if (REPEATED_GROUP.test(bare) || count(bare, /[|?]/g) - count(bare, /\(\?:/g) > MOST_CHOICES) return false;
  const stretches = count(bare, STRETCH);
  const hasOneBeginning = bare.startsWith('^') && !/\|(?![^(]*\))/.test(bare);
  return stretches === 0 || (stretches === 1 && hasOneBeginning);
}

/** The schema without the patterns that are left to the executor; null where it would mean something else without them. */
export function withLinearPatterns(schema: Json): Json | null {
  if (!isObject(schema)) return schema;
  const copy: JsonObject = { ...(schema as JsonObject) };
  if (typeof copy.pattern === 'string' && !isPlainlyLinear(copy.pattern)) delete copy.pattern;
  if (isObject(copy.patternProperties) && !Object.keys(copy.patternProperties).every(isPlainlyLinear)) return null;
  for (const [keyword, value] of Object.entries(copy)) {
    if (NAMED.includes(keyword) && isObject(value)) {
      const members = Object.entries(value as JsonObject).map(([name, member]) => [name, withLinearPatterns(member)] as const);
      if (members.some(([, member]) => member === null)) return null;
      copy[keyword] = Object.fromEntries(members) as JsonObject;
    } else if (SINGLE.includes(keyword) && isObject(value)) {
      const member = withLinearPatterns(value);
      if (member === null) return null;
      copy[keyword] = member;
    } else if (LISTED.includes(keyword) && Array.isArray(value)) {
      const members = value.map(withLinearPatterns);
      if (members.includes(null)) return null;
      copy[keyword] = members;
    }
  }
  return copy;
}
