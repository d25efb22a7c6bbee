/** What nobody has any more: tools, conditions and queues that no executor announces, places of API keys that are forgotten. */
import { isEndedPlan } from '@countersign/shared';
import type { Job } from 'bullmq';
import type { StoreConnection } from './connection.ts';
import type { OpenQueues, ShardQueue } from './open-queues.ts';
import { idsOfPage } from './paging.ts';
import { parsePlanState } from './plan-state.ts';
import type { Forgotten, Leftovers } from './upkeep-contract.ts';

const PAGE = 100;
/** Where jobs wait for a worker, as BullMQ calls it. */
const WAITING = ['waiting', 'prioritized', 'delayed'] as const;

/** The home shard has what is announced; each shard has queues. */
export function leftovers(
  home: StoreConnection,
  { connections, queues }: { connections: readonly StoreConnection[]; queues: OpenQueues },
): Leftovers {
  const { keys, redis } = home;

  const isOver = async ({ data }: Job<{ planId?: string }>, { keys: its, attempt, redis: client }: StoreConnection): Promise<boolean> => {
    const state = await attempt(() => client.hget(its.planSteps(data.planId ?? ''), '@'));
    return state === null || isEndedPlan(parsePlanState(state).status);
  };

  /** Takes out jobs of plans that have ended; whether any other is left. */
  const drain = async (queue: ShardQueue): Promise<boolean> => {
    const connection = connections.find(({ shard }) => shard === queue.shard) as StoreConnection;
    for (;;) {
      const jobs = await home.attempt(() => queue.getJobs([...WAITING], 0, PAGE - 1));
      for (const job of jobs) {
        if (!(await isOver(job, connection))) return false;
        await home.attempt(() => job.remove());
      }
      if (jobs.length === 0) return (await home.attempt(() => queue.getActiveCount())) === 0;
    }
  };

  /** A queue whose jobs are waited for stays. Were one added in this moment, the reconciler would add it again. */
  const removeQueue = async (name: string, keptMs: number): Promise<boolean> => {
    const places = queues.placesOf(name);
    for (const queue of places) if (!(await drain(queue))) return false;
    const [word] = await home.run('forget-queue', { keys: [keys.announced], id: '', args: [name, keptMs] });
    if (word !== 'ok') return false;
    for (const queue of places) await home.attempt(() => queue.obliterate());
    return true;
  };

  return {
    async forgetAnnounced(keptMs) {
      const members = (await home.run('forget-announced', { keys: [keys.tools], id: '', args: [keptMs] })).map(String);
      const named = (kind: string): string[] =>
        members.filter((member) => member.startsWith(`${kind}:`)).map((member) => member.slice(kind.length + 1));
      const forgotten: Forgotten = { tools: named('tool'), conditions: named('condition'), queues: [] };
      for (const name of named('queue')) {
        if (!queues.isOfItsOwn(name) && (await removeQueue(name, keptMs))) forgotten.queues.push(name);
      }
      return forgotten;
    },
    async forgetKeyPlaces() {
      let forgotten = 0;
      for (let cursor: string | undefined; ; ) {
        const ids = await idsOfPage(home, keys.apiKeys, { limit: PAGE, cursor });
        const there = await home.attempt(() => Promise.all(ids.map((id) => redis.exists(keys.apiKey(id)))));
        const gone = ids.filter((_id, at) => there[at] === 0);
        if (gone.length > 0) forgotten += await home.attempt(() => redis.zrem(keys.apiKeys, ...gone));
        if (ids.length <= PAGE) return forgotten;
        cursor = ids.at(-1);
      }
    },
  };
}
