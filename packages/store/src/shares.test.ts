import { expect, test } from 'vitest';
import { shareOf } from './shares.ts';

const sharesOf = (limit: number, shards: number): number[] => Array.from({ length: shards }, (_, at) => shareOf(limit, at, shards));

test.each([
  [10, 1, [10]],
  [10, 4, [3, 3, 2, 2]],
  [3, 3, [1, 1, 1]],
  [64, 63, [2, ...Array.from({ length: 62 }, () => 1)]],
])('a limit of %d over %d shards: the parts come to the whole, the first ones get the rest', (limit, shards, shares) => {
  expect(sharesOf(limit, shards)).toEqual(shares);
  expect(shares.reduce((sum, share) => sum + share)).toBe(limit);
});

test('a limit that leaves a shard without anything is refused', () => {
  expect(() => sharesOf(2, 3)).toThrow("a limit of 2 can't be divided over 3 shards: each needs at least 1");
});
