/** Text for Markdown. Nothing that a plan's author wrote can break out of the place it is put in. */
import type { Json } from './json.ts';

const TEXT_LENGTH = 500;

/** Cuts by whole characters: half a surrogate pair is not text. */
function shorten(text: string, length: number): string {
  const characters = Array.from(text.slice(0, length * 2 + 2));
  return characters.length > length ? `${characters.slice(0, length - 1).join('')}…` : text;
}

const HTML: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Control and line-breaking characters end a table row or a list item, and some of them reorder what people see. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim();

/** Text on one line, for people: nothing in it ends the line, moves a cursor or turns the direction of reading. */
export const plainLine = (text: string, length: number): string => shorten(oneLine(text), length);

/** Text on one line that reads as it was written: no markup, no HTML, no table cell ends in it. */
export const prose = (text: string, length = TEXT_LENGTH): string =>
  plainLine(text, length)
    .replace(/[\\`*_[\]{}|~#]/g, '\\$&')
    .replace(/[&<>]/g, (character) => HTML[character] ?? character);

/** A code span. A backtick can't be escaped in one. */
export const code = (text: string): string => `\`${oneLine(text).replaceAll('`', "'")}\``;

/** A '<' that could begin a tag as JSON's own escape, also for viewers that don't know code spans. */
const withoutTags = (text: string): string => text.replace(/<(?![\s=])/g, '\\u003c');

/** A condition or a reference as a code span. */
export const expression = (text: string, length: number): string => code(withoutTags(shorten(text, length)));

/** A table splits at a '|' even inside a code span, unless an odd number of backslashes is before it. */
export const codeCell = (span: string): string =>
  span.replace(/(\\*)\|/g, (found, slashes: string) => (slashes.length % 2 === 0 ? `${slashes}\\|` : found));

/** Text of several lines, kept apart from the document around it. */
export const quote = (text: string): string[] => text.split(/\r?\n/).map((line) => `> ${prose(line, 10_000)}`.trimEnd());

/** JSON as a code span; the backtick as JSON's own escape. */
export const json = (value: Json, length: number): string =>
  code(withoutTags(shorten(JSON.stringify(value), length)).replaceAll('`', '\\u0060'));

/** `1 step`, `2 steps`; `many` where the plural is another word. */
export const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`;

export const words = (status: string): string => status.replaceAll('_', ' ');
