/**
 * Looks through a body before anything is built from it. JSON leaves some texts open to be read in two ways, and what
 * people sign must have one meaning; so bodies are I-JSON (RFC 7493): no key twice in an object, no half of a surrogate
 * pair, no number that is too large for a double.
 */

/** What a body is that it must not be. */
export type JsonFlaw =
  | { kind: 'too deep' }
  | { kind: 'too many values' }
  /** `position` in UTF-16 units, from 0 */
  | { kind: 'ambiguous'; position: number; message: string };

export interface SurveyLimits {
  /** levels of arrays and objects */
  depth: number;
  /** values of all kinds together, keys not counted */
  values: number;
}

const QUOTE = 34;
const BACKSLASH = 92;
const NUMBER = /-?\d[\d.eE+-]*/y;

/** Where the string that begins at `at` ends: behind its quote, or at the end of the text. */
function stringEnd(text: string, at: number): number {
  let end = text.indexOf('"', at + 1);
  while (end !== -1) {
    let first = end;
    while (text.charCodeAt(first - 1) === BACKSLASH) first--;
    if ((end - first) % 2 === 0) return end + 1;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

/** What a string is, its quotes included. One that is no JSON is taken as it is: the parser says what is wrong with it. */
function unescaped(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1);
  try {
    return JSON.parse(literal) as string;
  } catch {
    return literal;
  }
}

function keyProblem(key: string, seen: ReadonlySet<string>): string | null {
  const shown = JSON.stringify(key.slice(0, 100));
  if (key === '__proto__') return `names the key ${shown}, which is not taken for data everywhere,`;
  return seen.has(key) ? `names the key ${shown} twice in one object` : null;
}

/** The first flaw of a text, which need not be JSON; null where there is none. Its time grows with the text's length. */
export function surveyJson(text: string, limits: SurveyLimits): JsonFlaw | null {
  // Of objects the keys so far; of arrays null.
  const open: (Set<string> | null)[] = [];
  let values = 0;
  let isKeyNext = false;
  let ambiguous: JsonFlaw | null = null;
  const note = (position: number, message: string | null): void => {
    if (message !== null) ambiguous ??= { kind: 'ambiguous', position, message };
  };
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const character = text[at] as string;
    if (code === QUOTE) {
      const end = stringEnd(text, at);
      const literal = text.slice(at, end);
      // Half a pair can only stand there as an escape: the bytes were checked to be UTF-8.
      if (literal.includes('\\u') && !unescaped(literal).isWellFormed()) note(at, 'has half of a surrogate pair in the text');
      const keys = open.at(-1);
      if (isKeyNext && keys != null) {
        const key = unescaped(literal);
        note(at, keyProblem(key, keys));
        keys.add(key);
      } else values++;
      isKeyNext = false;
      at = end - 1;
    } else if (character === '{' || character === '[') {
      values++;
      open.push(character === '{' ? new Set() : null);
      if (open.length > limits.depth) return { kind: 'too deep' };
      isKeyNext = character === '{';
    } else if (character === '}' || character === ']') {
      open.pop();
      isKeyNext = false;
    } else if (character === ',') isKeyNext = open.at(-1) != null;
    else if (character === '-' || (code >= 48 && code <= 57)) {
      values++;
      NUMBER.lastIndex = at;
      const [number = ''] = NUMBER.exec(text) ?? [];
      if (Math.abs(Number(number)) === Number.POSITIVE_INFINITY) note(at, `has the number ${number.slice(0, 40)}, which is too large`);
      at += Math.max(number.length, 1) - 1;
    } else if (character === 't' || character === 'f' || character === 'n') {
      values++;
      at += character === 'f' ? 4 : 3;
    }
    if (values > limits.values) return { kind: 'too many values' };
  }
  return ambiguous;
}
