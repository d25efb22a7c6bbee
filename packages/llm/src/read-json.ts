/** Finding the JSON in a model's text: alone, in a code fence, or in the middle of prose. */
import { isObject, type JsonObject } from '@countersign/shared';

const FENCE = /```[^\S\n]*[A-Za-z0-9]*[^\S\n]*\n([\s\S]*?)```/g;

/** The JSON object in a text; undefined when there is none. Of several, the longest, because examples are short. */
export function readJson(text: string): JsonObject | undefined {
  const whole = parse(text.trim());
  if (whole !== undefined) return whole;
  const fenced = longest([...text.matchAll(FENCE)].map((match) => (match[1] ?? '').trim()));
  return fenced ?? longest(balanced(text));
}

function longest(candidates: readonly string[]): JsonObject | undefined {
  for (const candidate of [...candidates].sort((a, b) => b.length - a.length)) {
    const value = parse(candidate);
    if (value !== undefined) return value;
  }
  return undefined;
}

function parse(text: string): JsonObject | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** The outermost `{...}` pieces of a text, braces inside JSON strings not counted. One pass: texts can be long. */
function balanced(text: string): string[] {
  const pieces: string[] = [];
  let depth = 0;
  let start = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at++;
      else if (char === '"') inString = false;
    } else if (char === '{') {
      if (depth++ === 0) start = at;
    } else if (depth > 0 && char === '"') inString = true;
    else if (depth > 0 && char === '}' && --depth === 0) pieces.push(text.slice(start, at + 1));
  }
  return pieces;
}
