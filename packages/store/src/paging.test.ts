import { newId } from '@countersign/shared';
import { describe, expect, test } from 'vitest';
import { oldestWaiting, type Waiting } from './approvals.ts';
import { mergePages } from './paging.ts';

const seed = Number(process.env.SHARDS_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** The same numbers for the same seed: mulberry32. */
function random(from: number): (below: number) => number {
  let state = from;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const sortedDown = (ids: readonly string[]): string[] => [...ids].sort().reverse();

describe(`with SHARDS_SEED=${seed}`, () => {
  test('pages over many shards are what one sorted list gives, none twice, none left out, each as full as can be', () => {
    const below = random(seed);
    for (let round = 0; round < 200; round++) {
      const shards = 1 + below(7);
      const limit = 1 + below(9);
      const lists = Array.from({ length: shards }, () => [] as string[]);
      for (let i = below(40); i > 0; i--) {
        const shard = below(shards);
        lists[shard]?.push(newId('pln', { shard, now: below(5) }));
      }
      const all = sortedDown(lists.flat());
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const after = cursor;
        const asked = lists.map((list) => sortedDown(list.filter((id) => after === null || id < after)).slice(0, limit + 1));
        const page = mergePages(asked, limit);
        expect(page.ids).toEqual(all.slice(seen.length, seen.length + limit));
        seen.push(...page.ids);
        cursor = page.nextCursor;
      } while (cursor !== null);
      expect(seen).toEqual(all);
    }
  });

  test('what waits is given oldest first over all shards, and no more than the oldest thousand', () => {
    const below = random(seed);
    const lists = Array.from({ length: 3 }, (_, shard) =>
      Array.from({ length: 500 }, (): Waiting => ({ planId: newId('pln', { shard, now: 0 }), stepId: null, since: below(100) })).sort(
        (a, b) => a.since - b.since || (a.planId < b.planId ? -1 : 1),
      ),
    );
    const all = lists.flat().sort((a, b) => a.since - b.since || (a.planId < b.planId ? -1 : 1));
    expect(oldestWaiting(lists)).toEqual(all.slice(0, 1_000));
  });
});

test('of one shard a page is its list, cut', () => {
  expect(mergePages([['c', 'b', 'a']], 2)).toEqual({ ids: ['c', 'b'], nextCursor: 'b' });
  expect(mergePages([['c', 'b']], 2)).toEqual({ ids: ['c', 'b'], nextCursor: null });
  expect(mergePages([[]], 2)).toEqual({ ids: [], nextCursor: null });
});
