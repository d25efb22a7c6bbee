/** The values that a clause holds: what was quoted, URLs, paths, globs, numbers, and words that stand for a value. */
import type { Token } from './tokens.ts';
import {
  ALL_RESULTS,
  FILE_KINDS,
  meaning,
  ONE_RESULT,
  PLACE_NOUNS,
  PLACE_PREPOSITIONS,
  STAGE_RESULTS,
  STOP_WORDS,
  stem,
  UNITS,
  WORKSPACE,
} from './words.ts';

export interface Value {
  kind: 'quoted' | 'url' | 'path' | 'glob' | 'number';
  value: string;
  /** what it takes up of the clause */
  tokens: readonly Token[];
  /** up to six words before it, the nearest first; articles left out */
  before: readonly string[];
  /** the two words after it */
  after: readonly string[];
  /** milliseconds of its unit; null: none */
  unit: number | null;
}

const ARTICLES = new Set(['the', 'a', 'an', 'this', 'our', 'my', 'your']);
/** Words that are what a tool works on, and hardly a folder's name. */
const NOT_A_PLACE = new Set(['file', 'line', 'directory', 'text', 'total', 'order', 'word', 'byte'].map(meaning));

export function valuesOf(tokens: readonly Token[]): Value[] {
  const values: Value[] = [];
  tokens.forEach((token, at) => {
    const make = (kind: Value['kind'], value: string, length = 1): Value => ({
      kind,
      value,
      tokens: tokens.slice(at, at + length),
      before: tokens
        .slice(Math.max(0, at - 6), at)
        .filter((other) => other.kind === 'word' && !ARTICLES.has(other.value))
        .map((other) => other.value)
        .reverse(),
      after: tokens.slice(at + length, at + length + 2).map((other) => other.value),
      unit: null,
    });
    if (token.kind === 'number') {
      const unit = UNITS.get(tokens[at + 1]?.value ?? '');
      values.push({ ...make('number', token.value, unit === undefined ? 1 : 2), unit: unit ?? null });
    } else if (token.kind === 'quoted' || token.kind === 'url' || token.kind === 'path' || token.kind === 'glob') {
      values.push(make(token.kind, token.value));
    } else if (token.kind === 'word') {
      if (WORKSPACE.has(token.value)) values.push(make('path', '.'));
      else if (isPlace(tokens, at)) values.push(make('path', token.text));
      else {
        const glob = FILE_KINDS.get(stem(token.value)) ?? FILE_KINDS.get(meaning(token.value));
        if (glob !== undefined) values.push(make('glob', glob));
      }
    }
  });
  return values;
}

/** "in src", "of the docs folder": a bare word that names a folder. */
export function isPlace(tokens: readonly Token[], at: number): boolean {
  const word = tokens[at]?.value ?? '';
  if (!/^[\p{L}\p{N}_.-]+$/u.test(word) || STOP_WORDS.has(word) || NOT_A_PLACE.has(meaning(word))) return false;
  if (ONE_RESULT.has(word) || STAGE_RESULTS.has(word) || ALL_RESULTS.has(word)) return false;
  const next = tokens[at + 1];
  const ends = next === undefined || next.kind === 'mark' || (next.kind === 'word' && STOP_WORDS.has(next.value));
  const isKind = FILE_KINDS.has(stem(word));
  if (tokens[at - 1]?.kind === 'mark') return ends && (!isKind || stem(word) === 'test') && isPlace(tokens, at - 2);
  let start = at - 1;
  const article = ARTICLES.has(tokens[start]?.value ?? '');
  if (article) start--;
  const preposition = tokens[start];
  if (preposition?.kind !== 'word' || !PLACE_PREPOSITIONS.has(preposition.value)) return false;
  if (next?.kind === 'word' && PLACE_NOUNS.has(next.value)) return true;
  // "of TypeScript files" and "in markdown" name a kind; "in tests" a place.
  if (isKind && (article || preposition.value === 'of' || stem(word) !== 'test')) return false;
  if (preposition.value === 'of' || article) return false;
  return ends;
}
