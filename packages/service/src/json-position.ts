/** Where a text stops being JSON. The engine's own messages name a position only for some errors. */

const SPACE = /[ \t\n\r]*/y;
const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Where a match of `pattern` at `at` ends; -1 when there is none. */
function read(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/** Where the string at `at` ends, and whether it is one. A loop: a regular expression would run out of stack on a long string. */
function readString(text: string, at: number): { ok: boolean; at: number } {
  let position = at + 1;
  while (position < text.length) {
    const character = text[position] as string;
    if (character === '"') return { ok: true, at: position + 1 };
    if (character < ' ') return { ok: false, at: position };
    const next = character === '\\' ? read(ESCAPE, text, position) : position + 1;
    if (next === -1) return { ok: false, at: position };
    position = next;
  }
  return { ok: false, at: position };
}

/** The offset (in UTF-16 units, from 0) of the first token that can't be there; null when the text is JSON. */
export function jsonErrorOffset(text: string): number | null {
  const open: ('{' | '[')[] = [];
  let at = 0;
  let expects: 'value' | 'value or ]' | 'key' | 'key or }' | 'end of value' = 'value';
  for (;;) {
    at = read(SPACE, text, at);
    const character = text[at];
    if (expects === 'end of value') {
      const inside = open.at(-1);
      if (inside === undefined) return at === text.length ? null : at;
      if (character === ',') expects = inside === '{' ? 'key' : 'value';
      else if (character === (inside === '{' ? '}' : ']')) open.pop();
      else return at;
      at++;
    } else if (expects === 'key' || expects === 'key or }') {
      if (character === '}' && expects === 'key or }') {
        open.pop();
        at++;
        expects = 'end of value';
        continue;
      }
      if (character !== '"') return at;
      const key = readString(text, at);
      if (!key.ok) return key.at;
      at = read(SPACE, text, key.at);
      if (text[at] !== ':') return at;
      at++;
      expects = 'value';
    } else if (character === '{' || character === '[') {
      open.push(character);
      at++;
      expects = character === '{' ? 'key or }' : 'value or ]';
    } else if (character === ']' && expects === 'value or ]') {
      open.pop();
      at++;
      expects = 'end of value';
    } else if (character === '"') {
      const string = readString(text, at);
      if (!string.ok) return string.at;
      at = string.at;
      expects = 'end of value';
    } else {
      const end = read(WORD, text, at);
      if (end === -1) return at;
      at = end;
      expects = 'end of value';
    }
  }
}

/** An offset as people count: `line 3, column 7`. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}
