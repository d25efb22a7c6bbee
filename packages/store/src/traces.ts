/** What tasks and plans keep for traces. */
import type { StoreConnection } from './connection.ts';
import type { TraceStore } from './contract.ts';

/** A field of a task's hash and of a plan's; absent where nothing was traced. */
const FIELD = 'trace';

/** The field with its value, as flat lists have it. */
export const traceFields = (trace: string | null | undefined): string[] => (trace == null ? [] : [FIELD, trace]);

export function traceStore({ keys, redis, attempt }: Pick<StoreConnection, 'keys' | 'redis' | 'attempt'>): TraceStore {
  return {
    readTrace: (id) => attempt(() => redis.hget(id.startsWith('tsk_') ? keys.task(id) : keys.plan(id), FIELD)),
    async waitingSince(planId, stepId) {
      const score = await attempt(() => redis.zscore(keys.approvals, stepId === undefined ? planId : `${planId}:${stepId}`));
      return score === null ? null : Number(score);
    },
  };
}
