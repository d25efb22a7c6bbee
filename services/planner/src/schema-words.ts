/** Bounds, formats and defaults of a JSON Schema in our own words, because strict mode, or what stands behind it, knows few of them. */
import type { Json, JsonObject } from '@countersign/shared';

const COUNTED: readonly [keyword: string, word: (value: number) => string][] = [
  ['minimum', (value) => `at least ${value}`],
  ['maximum', (value) => `at most ${value}`],
  ['exclusiveMinimum', (value) => `more than ${value}`],
  ['exclusiveMaximum', (value) => `less than ${value}`],
  ['multipleOf', (value) => `a multiple of ${value}`],
  ['minLength', (value) => (value === 1 ? 'not empty' : `at least ${value} characters`)],
  ['maxLength', (value) => `at most ${value} characters`],
  ['minItems', (value) => (value === 1 ? 'not empty' : `at least ${value} elements`)],
  ['maxItems', (value) => `at most ${value} elements`],
];

/** Some libraries write the ends of what a number can be where nobody set a bound. */
const saysSomething = (value: number): boolean => Math.abs(value) < Number.MAX_SAFE_INTEGER;

/** A default, or the name of a format, that can't be a sentence. */
const WORD = /^[\w./-]{1,32}$/;

export function boundsOf(schema: JsonObject): string[] {
  const words = COUNTED.flatMap(([keyword, word]) => {
    const value = schema[keyword];
    return typeof value === 'number' && saysSomething(value) ? [word(value)] : [];
  });
  if (schema.uniqueItems === true) words.push('no element twice');
  if (typeof schema.format === 'string' && WORD.test(schema.format)) words.push(schema.format);
  if (isShort(schema.default)) words.push(`default ${JSON.stringify(schema.default)}`);
  return words;
}

const isShort = (value: Json | undefined): boolean =>
  typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && WORD.test(value));
