/**
 * What has ended and is not kept any longer. The indexes `plans:ended` and `tasks:ended` have it by when it did; the scripts
 * look again before they remove anything.
 */
import type { Event } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { TaskStore } from './contract.ts';
import { readEvent } from './event-log.ts';
import type { Ended, EndedKind, KeepLimits, Removal, Retention } from './upkeep-contract.ts';

/** What one index has: the first that ended, and how many there are. */
export interface OldestEnded {
  /** ms, on the clock by which the others are written */
  now: number;
  count: number;
  oldest: Ended[];
}

/** The retention of one shard. */
export interface RetentionOfShard extends Omit<Retention, 'outlived'> {
  oldestEnded(kind: EndedKind, most: number): Promise<OldestEnded>;
}

export function retentionOfShard(connection: StoreConnection, { getTask }: Pick<TaskStore, 'getTask'>): RetentionOfShard {
  const { keys, redis } = connection;
  const wordOf = ([word]: unknown[]): Removal => (word === 'ok' ? 'removed' : (word as Removal));
  return {
    async oldestEnded(kind, most) {
      const index = kind === 'plan' ? keys.plansEnded : keys.tasksEnded;
      const [now, count, ...flat] = await connection.run('read-ended', { keys: [index], id: '', args: [most] });
      const oldest: Ended[] = [];
      for (let at = 0; at < flat.length; at += 2) oldest.push({ kind, id: String(flat[at]), endedAt: Number(flat[at + 1]) });
      return { now: Number(now), count: Number(count), oldest };
    },
    async removeEnded({ kind, id, endedAt }, recordedTo = '') {
      if (kind === 'task') return wordOf(await connection.run('delete-task', { keys: [keys.task(id)], id, args: [endedAt] }));
      return wordOf(await connection.run('delete-plan', { keys: [keys.plan(id)], id, args: [endedAt, recordedTo] }));
    },
    async taskRecord(taskId) {
      const task = await getTask(taskId);
      if (task === null) return null;
      const entries = await connection.attempt(() => redis.xrange(keys.taskEvents(taskId), '-', '+'));
      const events: Event[] = entries.map((entry) => readEvent(entry, { planId: task.planId, taskId }));
      return { version: 1, task, events };
    },
  };
}

const firstEnded = (one: Ended, other: Ended): number => one.endedAt - other.endedAt || (one.id < other.id ? -1 : 1);

/**
 * Of what several shards have, what is over the limits, the first that ended first. Each shard has given as many as `most`
 * where it has so many, so that these are the first `most` of all.
 */
export function overLimits(shards: readonly OldestEnded[], { forMs, count }: KeepLimits, most: number): Ended[] {
  const over = shards.reduce((sum, shard) => sum + shard.count, 0) - count;
  const old = new Set(shards.flatMap(({ now, oldest }) => oldest.filter(({ endedAt }) => endedAt < now - forMs)));
  const oldest = shards.flatMap((shard) => shard.oldest).sort(firstEnded);
  return oldest.slice(0, most).filter((ended, place) => place < over || old.has(ended));
}
