/** Making texts and values fit. */
import type { Json } from '@countersign/shared';

/** The text, or its beginning and `…`, at most `length` UTF-16 units. Half a surrogate pair is not text. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const start = text.slice(0, length - 1);
  return `${/[\ud800-\udbff]$/.test(start) ? start.slice(0, -1) : start}…`;
}

/** The value where its JSON is no longer than `length`; else the beginning of its JSON, saying how much is missing. */
export function shortenJson(value: Json, length: number): Json {
  const text = JSON.stringify(value);
  if (text.length <= length) return value;
  const start = shorten(text, length);
  return `${start} (${text.length - start.length + 1} more characters)`;
}
