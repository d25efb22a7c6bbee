/** What a revision's steps will do, as executors found it, on Redis. */
import type { StoreConnection } from './connection.ts';
import type { PlanReview, ReviewStore } from './contract.ts';
import { isoTime } from './time.ts';

/** The current revision's review; null until there is one. */
export function readReview(fields: Readonly<Record<string, string>>): { at: string; steps: PlanReview } | null {
  if (fields.steps === undefined) return null;
  return { at: isoTime(fields.at) as string, steps: JSON.parse(fields.steps) as PlanReview };
}

export const reviewStore = (connection: StoreConnection): ReviewStore => ({
  async recordReview({ planId, revision }, review) {
    const [word] = await connection.run('record-review', {
      keys: [connection.keys.plan(planId)],
      id: planId,
      args: [revision, JSON.stringify(review)],
    });
    return word === 'ok';
  },
});
