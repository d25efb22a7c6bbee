/** Reading the JSON in a model's text: alone, in a code fence, in the middle of prose, or nearly JSON. */
import { isObject, type JsonObject } from '@countersign/shared';
import { jsonrepair } from 'jsonrepair';
import { type JsonPiece, longestPiece, pieceAt } from './json-piece.ts';

/** `cut_off`: it is not closed at the end of the text, so that nobody knows what is missing. */
export type JsonReading = { kind: 'found'; value: JsonObject } | { kind: 'cut_off' } | { kind: 'none'; problem: string };

/** Characters that are mended at the most: the library's time grows with the square of what it has to mend. */
const MOST_MENDED = 50_000;
/** What reasoning models put before their answer, where their server leaves it in. */
const THOUGHTS = /^\s*<think>[\s\S]*?<\/think>/;

export const withoutThoughts = (text: string): string => text.replace(THOUGHTS, '');

/**
 * The JSON object in a text. Of several, the longest. What is nearly JSON (a trailing comma, single quotes, comments,
 * Python's literals) is mended, but never so that it has other brackets than before: a plan that lost steps on its way must
 * not become a shorter one.
 */
export function readJson(reply: string): JsonReading {
  const text = withoutThoughts(reply);
  const whole = parsed(text);
  if (isObject(whole)) return found(whole);
  // Arguments of a tool call come encoded twice from some servers.
  const inner = typeof whole === 'string' ? parsed(whole) : undefined;
  if (isObject(inner)) return found(inner);
  const piece = longestPiece(text);
  if (piece === null) return none('holds no JSON object');
  if (!piece.closed) return { kind: 'cut_off' };
  if (piece.kind === 'list') return none('holds a list instead of one JSON object');
  if (piece.flaw !== null) return none(`holds JSON that can't be trusted: ${piece.flaw}`);
  const value = parsed(piece.text) ?? mended(piece);
  return isObject(value) ? found(value) : none("holds JSON that can't be read");
}

const found = (value: object): JsonReading => ({ kind: 'found', value: value as JsonObject });
const none = (problem: string): JsonReading => ({ kind: 'none', problem });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function mended({ text, outline }: JsonPiece): unknown {
  if (text.length > MOST_MENDED) return undefined;
  try {
    const repaired = jsonrepair(text);
    return pieceAt(repaired, repaired.indexOf('{')).outline === outline ? parsed(repaired) : undefined;
  } catch {
    // Besides its own errors, nesting too deep for the stack.
    return undefined;
  }
}
