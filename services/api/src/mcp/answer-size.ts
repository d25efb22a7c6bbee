/** Keeps what tools answer small enough for an agent to read. */
import { shorten } from '@countersign/shared';

/** Characters (UTF-16 units) of an answer's text; what it has as structured content is about as long. */
export const ANSWER_CHARACTERS = 30_000;

/** Text of at most `length` characters on one line: what somebody wrote can't look like a line of ours. */
export const oneLine = (text: string, length: number): string =>
  shorten(text.replace(/[\s\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ').trim(), length);

export interface Part<Item> {
  items: Item[];
  /** how many there are in all */
  total: number;
  /** where the rest begins; null where nothing is left */
  nextOffset: number | null;
}

/** The items from `offset` on that fit an answer as `show` shows them: at least one, whatever its size. */
export function partOf<Item, Shown>(items: readonly Item[], offset: number, show: (item: Item, index: number) => Shown): Part<Shown> {
  const part: Shown[] = [];
  let size = 0;
  for (let index = offset; index < items.length; index++) {
    const shown = show(items[index] as Item, index);
    size += JSON.stringify(shown).length + 1;
    if (part.length > 0 && size > ANSWER_CHARACTERS) break;
    part.push(shown);
  }
  const end = offset + part.length;
  return { items: part, total: items.length, nextOffset: end < items.length ? end : null };
}

/** What an answer that is cut says about the rest; nothing where it has all. */
export const restRemark = ({ items, total, nextOffset }: Part<unknown>, offset: number, what: string): string[] =>
  nextOffset === null
    ? []
    : [`Shown: ${what} ${offset + 1} to ${offset + items.length} of ${total}. For more, call again with offset ${nextOffset}.`];
