/** The words of a condition: its raw text cut into tokens, before any value is known. */
import { JSON_NUMBER } from './decimal.ts';
import { parseReference, parseTemplate, placeholderEnd, type Reference, type TemplatePart } from './references.ts';

export const OPERATORS = ['==', '!=', '>=', '<=', '>', '<', 'contains'] as const;
export type Operator = (typeof OPERATORS)[number];

/** What one token means; `at` is its 1-based column. */
export type Token = { at: number } & (
  | { kind: 'reference'; reference: Reference }
  | { kind: 'text'; parts: TemplatePart[] }
  /** the digits as written: a double would lose some */
  | { kind: 'number'; digits: string }
  | { kind: 'word'; word: string }
  | { kind: 'operator'; operator: Operator }
  | { kind: '(' | ')' }
);

/** A condition that can't be read. */
export class ConditionSyntaxError extends Error {
  override readonly name = 'ConditionSyntaxError';
  /** the 1-based column in the condition's text */
  readonly position: number;

  constructor(position: number, message: string) {
    super(message);
    this.position = position;
  }
}

const WORD = /[A-Za-z_][A-Za-z0-9_.-]*/y;
/** What its author took for a number. */
const NUMERAL = /[-+]?\.?[0-9][A-Za-z0-9_.+-]*/y;
const SYMBOL = /[=!<>&|]+/y;
const MEANT: Readonly<Record<string, string>> = { '=': '==', '===': '==', '!==': '!=', '<>': '!=', '&&': 'and', '||': 'or', '!': 'not' };

const isOperator = (text: string): text is Operator => (OPERATORS as readonly string[]).includes(text);

function matchAt(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
}

/** Where the quoted text that opens at `open` closes. Quotes inside a placeholder are the placeholder's. */
function closingQuote(source: string, open: number): number {
  const quote = source[open];
  let at = open + 1;
  while (at < source.length && source[at] !== quote) {
    if (source[at] === '\\') {
      at += source.startsWith('{{', at + 1) ? 3 : 2;
      continue;
    }
    const end = source.startsWith('{{', at) ? placeholderEnd(source, at + 2) : -1;
    at = end !== -1 && typeof parseReference(source.slice(at + 2, end)) !== 'string' ? end + 2 : at + 1;
  }
  if (at >= source.length) throw new ConditionSyntaxError(open + 1, `the text that opens here is never closed with ${quote}`);
  return at;
}

function readQuoted(source: string, open: number): { parts: TemplatePart[]; end: number } {
  const close = closingQuote(source, open);
  const parts = parseTemplate(source.slice(open + 1, close)).map((part) => {
    if (part.kind === 'malformed') throw new ConditionSyntaxError(open + 1, `{{${part.text}}} in this text: ${part.message}`);
    return part.kind === 'text' ? { ...part, text: part.text.replace(/\\(['"\\])/g, '$1') } : part;
  });
  return { parts, end: close + 1 };
}

function readPlaceholder(source: string, open: number): { reference: Reference; end: number } {
  const close = placeholderEnd(source, open + 2);
  if (close === -1) throw new ConditionSyntaxError(open + 1, 'the placeholder that opens here is never closed with }}');
  const reference = parseReference(source.slice(open + 2, close));
  if (typeof reference === 'string') throw new ConditionSyntaxError(open + 1, `${source.slice(open, close + 2)}: ${reference}`);
  return { reference, end: close + 2 };
}

function readToken(source: string, start: number): { token: Token; end: number } {
  const at = start + 1;
  const char = source[start] as string;
  if (char === '(' || char === ')') return { token: { at, kind: char }, end: start + 1 };
  if (char === "'" || char === '"') {
    const { parts, end } = readQuoted(source, start);
    return { token: { at, kind: 'text', parts }, end };
  }
  if (source.startsWith('{{', start)) {
    const { reference, end } = readPlaceholder(source, start);
    return { token: { at, kind: 'reference', reference }, end };
  }
  const numeral = matchAt(NUMERAL, source, start);
  const digits = matchAt(JSON_NUMBER, source, start);
  if (numeral !== undefined && numeral !== digits) {
    const message = `${numeral} is no number as JSON writes it, like 7, -0.5 or 1e3; text goes in quotes: '${numeral}'`;
    throw new ConditionSyntaxError(at, message);
  }
  if (digits !== undefined) return { token: { at, kind: 'number', digits }, end: start + digits.length };
  const word = matchAt(WORD, source, start);
  if (word !== undefined) {
    const token: Token = isOperator(word) ? { at, kind: 'operator', operator: word } : { at, kind: 'word', word };
    return { token, end: start + word.length };
  }
  const symbol = matchAt(SYMBOL, source, start);
  if (symbol !== undefined && isOperator(symbol)) return { token: { at, kind: 'operator', operator: symbol }, end: start + symbol.length };
  if (symbol !== undefined) {
    const meant = MEANT[symbol];
    const hint = meant === undefined ? `there are ${OPERATORS.join(' ')}, and, or, not` : `write ${meant}, with spaces around it`;
    throw new ConditionSyntaxError(at, `there is no operator ${symbol}: ${hint}`);
  }
  throw new ConditionSyntaxError(at, `unexpected ${JSON.stringify(char)}: text goes in quotes, values come as {{...}}`);
}

/** Cuts a condition into tokens. Throws a ConditionSyntaxError. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  let gap = true;
  while (position < source.length) {
    if (/\s/.test(source[position] as string)) {
      gap = true;
      position++;
      continue;
    }
    const { token, end } = readToken(source, position);
    const previous = tokens.at(-1);
    const brackets = token.kind === '(' || token.kind === ')' || previous?.kind === '(' || previous?.kind === ')';
    if (!gap && (!brackets || token.kind === 'operator' || previous?.kind === 'operator')) throw unspaced(source, token, previous);
    tokens.push(token);
    position = end;
    gap = false;
  }
  return tokens;
}

function unspaced(source: string, token: Token, previous: Token | undefined): ConditionSyntaxError {
  const operator = token.kind === 'operator' ? token : previous?.kind === 'operator' ? previous : undefined;
  if (operator !== undefined) return new ConditionSyntaxError(operator.at, `put spaces around the operator ${operator.operator}`);
  if (previous?.kind === 'word') return new ConditionSyntaxError(token.at, `put a space behind ${previous.word}`);
  return new ConditionSyntaxError(token.at, `unexpected ${JSON.stringify(source[token.at - 1])} right behind a value`);
}
