/** Finding where JSON stands in a text, with a reader that forgives what can be mended but never guesses where a value ends. */

export interface JsonPiece {
  text: string;
  kind: 'object' | 'list';
  /** whether all brackets and strings were closed before the text ended */
  closed: boolean;
  /** why it is not what its author meant, although it is closed; null where nothing speaks against it */
  flaw: string | null;
  /** its brackets and colons, in order, those in strings and comments left out: what mending must not change */
  outline: string;
}

/**
 * A bracket that begins JSON and is no prose: before a key, a comment, its own end, or the end of the text; or a list of
 * such objects.
 */
const START = /\{(?=\s*(?:["'“‘`}]|[A-Za-z_$][\w$-]*\s*:|\/[/*]|$))|\[(?=\s*\{\s*["'“‘`}A-Za-z_$/])/g;
/** What follows a value that did not end where it seems to: an unescaped quote or a bracket too many has cut it short. */
const GOES_ON = /[\s}\]]*(?:,\s*["'{[}\]]|["':])/y;
const END_OF_STRING: Readonly<Record<string, string>> = { '"': '"', "'": "'", '“': '”', '‘': '’', '`': '`' };
/** Where a string may begin. A double quote always begins one; an apostrophe elsewhere is one. */
const BEFORE_STRING = '{[,:+(';
const AFTER_STRING = /^\s*(?:[,:}\]+/"'{[)]|$)/;

/** The longest piece of JSON in a text, because examples are short; of equals the first. One pass: texts can be long. */
export function longestPiece(text: string): JsonPiece | null {
  let longest: JsonPiece | null = null;
  START.lastIndex = 0;
  for (let match = START.exec(text); match !== null; match = START.exec(text)) {
    const piece = pieceAt(text, match.index);
    // Nobody knows how long it would have been.
    if (!piece.closed) return piece;
    if (longest === null || piece.text.length > longest.text.length) longest = piece;
    START.lastIndex = match.index + piece.text.length;
  }
  return longest;
}

/** The piece that begins with the bracket at `start`. */
export function pieceAt(text: string, start: number): JsonPiece {
  const kind = text[start] === '{' ? 'object' : 'list';
  const open: string[] = [];
  let outline = '';
  let flaw: string | null = null;
  let before = '';
  for (let at = start; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '{' || char === '[') {
      open.push(char);
      outline += char;
    } else if (char === '}' || char === ']') {
      outline += char;
      if ((open.pop() === '{') !== (char === '}')) flaw ??= 'its brackets do not match';
      if (open.length === 0) {
        GOES_ON.lastIndex = at + 1;
        if (GOES_ON.test(text)) flaw ??= 'it goes on after its end';
        return { text: text.slice(start, at + 1), kind, closed: true, flaw, outline };
      }
    } else if (char === ':') outline += char;
    else if (char === '"' || (char in END_OF_STRING && BEFORE_STRING.includes(before))) {
      at = endOfString(text, at);
      // The library that mends JSON takes such an apostrophe for a double quote.
      if (char !== '"' && !AFTER_STRING.test(text.slice(at + 1, at + 20))) flaw ??= 'a quote inside of a text is not escaped';
    } else if (char === '/' && (text[at + 1] === '/' || text[at + 1] === '*')) {
      const end = text[at + 1] === '/' ? text.indexOf('\n', at) : text.indexOf('*/', at + 2) + 1;
      const comment = text.slice(at, end <= 0 ? undefined : end);
      if (/\.\.\.|…/.test(comment)) flaw ??= LEFT_OUT;
      if (end <= 0) break;
      at = end;
      continue;
    } else if (char === '…' || (char === '.' && text.startsWith('...', at))) flaw ??= LEFT_OUT;
    if (!/\s/.test(char)) before = char;
  }
  return { text: text.slice(start), kind, closed: false, flaw, outline };
}

const LEFT_OUT = 'it leaves something out with "..."';

/** The index of the closing quote; the text's length where there is none. */
function endOfString(text: string, start: number): number {
  const quote = END_OF_STRING[text[start] as string];
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === quote) return at;
  }
  return text.length;
}
