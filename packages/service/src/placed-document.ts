/** YAML and JSON read with the places of what stands in them. */
import { isObject, type Json, parseReference, pathText } from '@countersign/shared';
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { jsonErrorOffset } from './json-position.ts';

/** Both count from 1. */
export interface Place {
  line: number;
  column: number;
}

export interface PlacedProblem extends Place {
  message: string;
}

/** A text that is one JSON value. */
export interface PlacedDocument {
  value: Json;
  /**
   * Where a value stands that an issue's path names, like `steps[0].input`, or its key; of what is not there, where it
   * would have to be added.
   */
  placeOf(path: string, part?: 'value' | 'key'): Place;
}

export type DocumentReading = { ok: true; document: PlacedDocument } | { ok: false; problems: PlacedProblem[] };

/** Reads YAML 1.2, or JSON to the letter. The problems are all there are. */
export function readDocument(text: string, format: 'yaml' | 'json'): DocumentReading {
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return line === 0 ? { line: 1, column: 1 } : { line, column: col };
  };
  const parsed = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
    stringKeys: true,
    // A set, a date or bytes are no JSON.
    resolveKnownTags: false,
  });
  const wrong = (found: { offset: number; message: string }[]): DocumentReading => ({
    ok: false,
    problems: found.map(({ offset, message }) => ({ ...placeAt(offset), message })),
  });
  if (format === 'json') {
    const offset = jsonErrorOffset(text);
    if (offset !== null) return wrong([{ offset, message: offset >= text.length ? 'ends where JSON must go on' : 'this is not JSON' }]);
  }
  // What is JSON to the letter can be wrong for YAML in one way only that matters: the same key twice.
  const errors = [...parsed.errors, ...parsed.warnings].filter(({ code }) => format === 'yaml' || code === 'DUPLICATE_KEY');
  if (errors.length > 0)
    return wrong(
      firstOfEachLine(errors, lines).map(({ pos: [offset], code, message }) => ({
        offset,
        message: wordsFor(code, message, text.slice(offset - 1)),
      })),
    );
  return documentOf(parsed, placeAt);
}

/** One slip makes several errors on its line. */
function firstOfEachLine<Found extends { pos: readonly [number, number] }>(errors: readonly Found[], lines: LineCounter): Found[] {
  const seen = new Set<number>();
  return errors.filter(({ pos: [offset] }) => {
    const { line } = lines.linePos(offset);
    return seen.has(line) ? false : seen.add(line);
  });
}

/** `around` is the text from one character before the error. */
function wordsFor(code: string, message: string, around: string): string {
  if (code === 'NON_STRING_KEY' && around.startsWith('{{'))
    return `a text that begins with a placeholder stands in quotes: "${around.slice(0, around.indexOf('}}') + 2).split('\n')[0]}..."`;
  if (code === 'DUPLICATE_KEY') return 'this key stands here twice';
  return message;
}

function documentOf(parsed: Document.Parsed, placeAt: (offset: number) => Place): DocumentReading {
  const placeOf: PlacedDocument['placeOf'] = (path, part = 'value') => placeAt(offsetOf(parsed, partsOf(path), part));
  const dangling = danglingAliases(parsed);
  if (dangling.length > 0) return { ok: false, problems: dangling.map(({ offset, message }) => ({ ...placeAt(offset), message })) };
  let value: unknown;
  try {
    value = parsed.toJS();
  } catch (error) {
    return { ok: false, problems: [{ ...placeAt(0), message: (error as Error).message }] };
  }
  const problems = notJson(value, [], []).map(({ path, message }) => ({
    ...placeOf(pathText(path)),
    message: path.length === 0 ? message : `${pathText(path)}: ${message}`,
  }));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, document: { value: value as Json, placeOf } };
}

function danglingAliases(parsed: Document.Parsed): { offset: number; message: string }[] {
  const found: { offset: number; message: string }[] = [];
  visit(parsed, {
    Alias(_key, alias) {
      if (alias.resolve(parsed) === undefined)
        found.push({ offset: startOf(alias) ?? 0, message: `there is no anchor &${alias.source} before this alias` });
    },
  });
  return found;
}

type Path = readonly (string | number)[];

/** What no JSON text can say: `above` are the values that this one stands in. */
function notJson(value: unknown, path: Path, above: readonly unknown[]): { path: Path; message: string }[] {
  if (typeof value === 'number' && !Number.isFinite(value)) return [{ path, message: 'must be a number that JSON can hold' }];
  if (typeof value !== 'object' || value === null) return [];
  if (above.includes(value)) return [{ path, message: 'an alias must not name what it stands in' }];
  if (!Array.isArray(value) && !isObject(value))
    return [{ path, message: 'must be text, a number, true, false, null, a list or an object' }];
  const members: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return members.flatMap(([key, member]) => notJson(member, [...path, key], [...above, value]));
}

/** An issue's path as keys and indexes: references are written the same way. */
function partsOf(path: string): Path {
  if (path === '') return [];
  const reference = parseReference(path.startsWith('[') ? `_${path}` : `_.${path}`);
  return typeof reference === 'string' ? [] : reference.path;
}

function offsetOf(parsed: Document.Parsed, path: Path, part: 'value' | 'key'): number {
  let offset = startOf(parsed.contents) ?? 0;
  let node: unknown = parsed.contents;
  for (const [depth, key] of path.entries()) {
    const inside: unknown = isAlias(node) ? node.resolve(parsed) : node;
    if (isMap(inside)) {
      const pair = inside.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined) return offset;
      const isLast = depth === path.length - 1;
      const keyAt = startOf(pair.key) ?? offset;
      offset = part === 'key' && isLast ? keyAt : (startOf(pair.value) ?? keyAt);
      node = pair.value;
    } else if (isSeq(inside)) {
      node = inside.items[Number(key)];
      if (node === undefined) return offset;
      offset = startOf(node) ?? offset;
    } else return offset;
  }
  return offset;
}

const startOf = (node: unknown): number | undefined => (isNode(node) ? ((node as Node).range?.[0] ?? undefined) : undefined);
