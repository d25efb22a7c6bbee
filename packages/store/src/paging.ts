/** Paging through an index of ids, newest first. Ids sort by age, so an id is a cursor, also in an index of another shard. */
import type { StoreConnection } from './connection.ts';
import type { PageRequest } from './contract.ts';

export interface PageOfIds {
  ids: string[];
  nextCursor: string | null;
}

/** The newest ids of an index after the cursor: one more than a page has room for, so that it shows whether that was all. */
export function idsOfPage(
  connection: StoreConnection,
  index: string,
  { limit, cursor }: Pick<PageRequest<string>, 'limit' | 'cursor'>,
): Promise<string[]> {
  const from = cursor === undefined ? '+' : `(${cursor}`;
  return connection.attempt(() => connection.redis.zrevrangebylex(index, from, '-', 'LIMIT', 0, limit + 1));
}

const newestFirst = (a: string, b: string): number => (a < b ? 1 : a > b ? -1 : 0);

/** One page of what each shard has as its own; each list is sorted, and has one more than the page has room for where there is more. */
export function mergePages(lists: readonly (readonly string[])[], limit: number): PageOfIds {
  const ids = lists.length === 1 ? [...(lists[0] ?? [])] : lists.flat().sort(newestFirst);
  const page = ids.slice(0, limit);
  return { ids: page, nextCursor: ids.length > limit ? (page.at(-1) ?? null) : null };
}
