/** Making texts fit. */

/** The text, or its beginning and `…`, at most `length` UTF-16 units. Half a surrogate pair is not text. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const start = text.slice(0, length - 1);
  return `${/[\ud800-\udbff]$/.test(start) ? start.slice(0, -1) : start}…`;
}
