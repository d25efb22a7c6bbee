/** The values that a clause holds: what was quoted, URLs, paths, globs, numbers, and words that stand for a value. */
import { AND, type Token } from './tokens.ts';
import {
  ALL_RESULTS,
  AMOUNTS,
  FILE_KINDS,
  MANNERS,
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
  /** what it takes up of the clause, and where that begins */
  tokens: readonly Token[];
  at: number;
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
  let end = 0;
  tokens.forEach((token, at) => {
    if (at < end) return;
    const make = (kind: Value['kind'], value: string, length = 1): Value => ({
      kind,
      value,
      tokens: tokens.slice(at, at + length),
      at,
      before: tokens
        .slice(Math.max(0, at - 6), at)
        .filter((other) => other.kind === 'word' && !ARTICLES.has(other.value))
        .map((other) => other.value)
        .reverse(),
      after: tokens.slice(at + length, at + length + 2).map((other) => other.value),
      unit: null,
    });
    const amount = amountAt(tokens, at);
    if (amount !== null) {
      values.push({ ...make('number', String(amount.value), amount.length), unit: amount.unit });
      end = at + amount.length;
    } else if (token.kind === 'number') {
      const unit = UNITS.get(tokens[at + 1]?.value ?? '');
      values.push({ ...make('number', token.value, unit === undefined ? 1 : 2), unit: unit ?? null });
    } else if (token.kind === 'quoted' || token.kind === 'url' || token.kind === 'path' || token.kind === 'glob') {
      values.push(make(token.kind, token.value));
    } else if (token.kind === 'word') {
      if (WORKSPACE.has(token.value)) values.push(make('path', THE_WORKSPACE));
      else if (isPlace(tokens, at)) values.push(make('path', token.text));
      else {
        const glob = FILE_KINDS.get(stem(token.value)) ?? FILE_KINDS.get(meaning(token.value));
        if (glob !== undefined) values.push(make('glob', glob));
      }
    }
  });
  // "in src of this repository" is one place, said at length.
  const elsewhere = values.some(({ kind, value }) => kind === 'path' && value !== THE_WORKSPACE);
  const inPassing = ({ kind, value, tokens: own, at }: Value): boolean =>
    elsewhere && kind === 'path' && value === THE_WORKSPACE && own[0]?.kind === 'word' && !isListed(tokens, at);
  const said = values.filter(inPassing).flatMap(({ tokens: own }) => own);
  const place = values.find((value) => value.kind === 'path' && !inPassing(value));
  return values.flatMap((value) => (inPassing(value) ? [] : [value === place ? { ...value, tokens: [...value.tokens, ...said] } : value]));
}

const THE_WORKSPACE = '.';

/** Whether "and" or a comma stands before what begins here, articles and prepositions aside. */
function isListed(tokens: readonly Token[], at: number): boolean {
  let before = at - 1;
  while (tokens[before]?.kind === 'word' && STOP_WORDS.has(tokens[before]?.value ?? '')) before--;
  return tokens[before]?.kind === 'mark';
}

/** "a minute", "half an hour", "two seconds": an amount in words and the unit behind it. */
function amountAt(tokens: readonly Token[], at: number): { value: number; unit: number; length: number } | null {
  for (const [words, value] of AMOUNTS) {
    const unit = UNITS.get(tokens[at + words.length]?.value ?? '');
    if (unit !== undefined && words.every((word, index) => tokens[at + index]?.value === word))
      return { value, unit, length: words.length + 1 };
  }
  return null;
}

/** Whether each of the values is joined to the one before it: then all of them are meant. */
export const isList = (values: readonly Value[], tokens: readonly Token[]): boolean =>
  values.every((value, index) => {
    const before = values[index - 1];
    return before === undefined || tokens.slice(before.at, value.at).some(({ kind }) => kind === 'mark');
  });

/** Two things of different kinds that "and" joins, such as "src and the tests": a sum, or one within the other? Null: none. */
export function unlikePair(values: readonly Value[], tokens: readonly Token[]): readonly [Value, Value] | null {
  const places = values.filter(({ kind }) => kind === 'path' || kind === 'glob' || kind === 'url' || kind === 'quoted');
  for (const [index, value] of places.entries()) {
    const before = places[index - 1];
    if (before !== undefined && before.kind !== value.kind && tokens.slice(before.at, value.at).includes(AND)) return [before, value];
  }
  return null;
}

/** "in src", "of the docs folder", "search src for": a bare word that names a folder. */
export function isPlace(tokens: readonly Token[], at: number): boolean {
  const word = tokens[at]?.value ?? '';
  if (word === 'out' && PLACE_PREPOSITIONS.has(tokens[at - 1]?.value ?? '')) return isEnd(tokens[at + 1]);
  if (!/^[\p{L}\p{N}_.-]+$/u.test(word) || STOP_WORDS.has(word) || NOT_A_PLACE.has(meaning(word)) || MANNERS.has(word)) return false;
  if (ONE_RESULT.has(word) || STAGE_RESULTS.has(word) || ALL_RESULTS.has(word)) return false;
  const next = tokens[at + 1];
  const ends = isEnd(next);
  const isKind = FILE_KINDS.has(stem(word));
  if (tokens[at - 1]?.kind === 'mark') {
    // "in src and FIXME in docs" goes on with what is searched for, not with a folder.
    const goesOn = next?.kind === 'word' && PLACE_PREPOSITIONS.has(next.value);
    // "in src, docs and test" is a list, "in src, quickly" is none.
    if (!tokens.slice(at - 1).includes(AND)) return false;
    return ends && !goesOn && !isCode(tokens[at] as Token) && (!isKind || stem(word) === 'test') && isPlace(tokens, at - 2);
  }
  let start = at - 1;
  const article = ARTICLES.has(tokens[start]?.value ?? '');
  if (article) start--;
  if (start === 0 && next?.value === 'for') return !isKind && !isCode(tokens[at] as Token);
  if (PLACE_NOUNS.has(tokens[start]?.value ?? '')) return ends && PLACE_PREPOSITIONS.has(beforeNoun(tokens, start));
  const preposition = tokens[start];
  if (preposition?.kind !== 'word' || !PLACE_PREPOSITIONS.has(preposition.value)) return false;
  if (next?.kind === 'word' && PLACE_NOUNS.has(next.value)) return true;
  // "of TypeScript files" and "in markdown" name a kind; "in tests" a place.
  if (isKind && (article || preposition.value === 'of' || stem(word) !== 'test')) return false;
  if (preposition.value === 'of' || article) return false;
  return ends;
}

const isEnd = (next: Token | undefined): boolean =>
  next === undefined || next.kind === 'mark' || (next.kind === 'word' && STOP_WORDS.has(next.value));

/** The word before "the folder". */
const beforeNoun = (tokens: readonly Token[], noun: number): string =>
  tokens[ARTICLES.has(tokens[noun - 1]?.value ?? '') ? noun - 2 : noun - 1]?.value ?? '';

/** A word that is written like a name in code: TODO, maxItems, open_file, run(). */
export const isCode = ({ kind, text, value }: Token): boolean =>
  kind === 'word' && /^[A-Z][A-Z0-9_]+$|_|[a-z][A-Z]|\(\)$/.test(text) && !FILE_KINDS.has(stem(value));
