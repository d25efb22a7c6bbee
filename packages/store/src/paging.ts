/** Paging through an index of ids, newest first. Ids sort by age, so an id is a cursor. */

import type { StoreConnection } from './connection.ts';
import type { PageRequest } from './contract.ts';

export async function pageOfIds(
  connection: StoreConnection,
  index: string,
  { limit, cursor }: Pick<PageRequest<string>, 'limit' | 'cursor'>,
): Promise<{ ids: string[]; nextCursor: string | null }> {
  const from = cursor === undefined ? '+' : `(${cursor}`;
  const ids = await connection.attempt(() => connection.redis.zrevrangebylex(index, from, '-', 'LIMIT', 0, limit + 1));
  const page = ids.slice(0, limit);
  return { ids: page, nextCursor: ids.length > limit ? (page.at(-1) ?? null) : null };
}
