/** The words of an objective, and the things in it that are values: quoted text, URLs, paths, globs, numbers. */

export interface Token {
  kind: 'word' | 'quoted' | 'url' | 'path' | 'glob' | 'number' | 'mark';
  /** as written */
  text: string;
  /** without quotes; lower case for a word */
  value: string;
}

/** Within a clause: where a list goes on, "src and docs". */
export const AND: Token = { kind: 'mark', text: 'and', value: 'and' };
/** The same, or where something is added: "in src, ignoring case". */
export const COMMA: Token = { kind: 'mark', text: ',', value: ',' };

const PATTERNS: readonly (readonly [Token['kind'] | 'space', RegExp])[] = [
  ['mark', /\n\s*(?:[-*•]|\d+[.)])\s+|\n+/y],
  ['space', /[^\S\n]+/y],
  ['quoted', /"([^"]*)"|“([^”]*)”|`([^`]*)`|(?<!\w)'((?:[^'\n]|(?<=\w)'(?=\w))*)'(?!\w)/y],
  ['url', /https?:\/\/[^\s<>"'`”]*[^\s<>"'`”.,;:!?)]/y],
  ['number', /\d+(?:\.\d+)?(?=\s|[,;!?)]|\.(?:\s|$)|$|(?:ms|s|m|h|sec|secs|min|mins|kb|mb)\b)/y],
  ['path', /(?:[^\s,;:!?()"'’`“”]|(?<=\w)['’](?=\w))+/y],
  ['mark', /[\s\S]/y],
];

const FILE_NAME = /^[\w@.~-]*\.[A-Za-z][A-Za-z0-9]{0,9}$/;
/** Files whose names have no extension. */
const BARE_FILE = /^(README|LICENSE|CHANGELOG|Makefile|Dockerfile)$/;
/** Whether a path names a file: it has an extension, or is one of the files that go without, or is written in capitals like one. */
export const isFileName = (path: string): boolean => {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return FILE_NAME.test(name) || BARE_FILE.test(name) || /^[A-Z]{2,}$/.test(name);
};
const ABBREVIATION = /^([A-Za-z]\.)+[A-Za-z]?$|^(etc|vs)\.$/;
const EITHER = /^(and\/or|his\/her|on\/off|yes\/no|and\/)$/i;

/** Splits an objective into tokens. Every character belongs to one, except spaces. */
export function tokenise(objective: string): Token[] {
  const tokens: Token[] = [];
  // Begun with a line break, so that a list's first number is told from a value like the others.
  const source = `\n${objective}`;
  let at = 0;
  while (at < source.length) {
    for (const [kind, pattern] of PATTERNS) {
      pattern.lastIndex = at;
      const match = pattern.exec(source);
      if (match === null) continue;
      at = pattern.lastIndex;
      const text = match[0];
      if (kind === 'path') tokens.push(...readChunk(text));
      else if (kind === 'quoted') tokens.push({ kind, text, value: match.slice(1).find((inner) => inner !== undefined) ?? '' });
      else if (kind !== 'space') tokens.push({ kind, text, value: text });
      break;
    }
  }
  return tokens;
}

/** A run without spaces: a path, a glob or a word, with the full stop of its sentence split off. */
function readChunk(chunk: string): Token[] {
  const stop = !ABBREVIATION.test(chunk) && !/(^|\/)\.+$/.test(chunk) && chunk.endsWith('.') ? '.' : '';
  const text = stop === '' ? chunk : chunk.slice(0, -1);
  const end: Token[] = stop === '' ? [] : [{ kind: 'mark', text: stop, value: stop }];
  return [readWord(text), ...end];
}

function readWord(text: string): Token {
  if (/[*]|\{\w+(,\w+)+\}/.test(text) && text.length > 1) return { kind: 'glob', text, value: text };
  if (/^[^@/]+@[^@/]+$/.test(text)) return { kind: 'word', text, value: text.toLowerCase() };
  const isPath = (text.includes('/') && text.length > 1 && !EITHER.test(text)) || text === '.' || text === '..' || BARE_FILE.test(text);
  if (isPath || (FILE_NAME.test(text) && !ABBREVIATION.test(text))) return { kind: 'path', text, value: text };
  return { kind: 'word', text, value: text.toLowerCase() };
}
