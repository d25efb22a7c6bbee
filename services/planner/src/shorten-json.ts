/** Making values fit. */
import { type Json, shorten } from '@countersign/shared';

/** The value where its JSON is no longer than `length`; else the beginning of its JSON, saying how much is missing. */
export function shortenJson(value: Json, length: number): Json {
  const text = JSON.stringify(value);
  if (text.length <= length) return value;
  const start = shorten(text, length);
  return `${start} (${text.length - start.length + 1} more characters)`;
}
