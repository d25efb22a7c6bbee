/**
 * The part of a limit that the shard at that place gets: BullMQ limits each queue by itself, and a limit of the fleet is the
 * sum of them. What can't be divided goes to the first ones. Throws a RangeError where a shard would get nothing at all.
 */
export function shareOf(limit: number, at: number, shards: number): number {
  if (limit < shards) throw new RangeError(`a limit of ${limit} can't be divided over ${shards} shards: each needs at least 1`);
  return Math.floor(limit / shards) + (at < limit % shards ? 1 : 0);
}
