/**
 * How what lies in Redis comes from one layout to the next.
 *
 * The layout has a number. It rises only with a change that processes of the release before could not live with; what
 * they can live with (a new key, a new field that may be absent) needs none. To add one:
 *
 * 1. Write `<number>-<what>.ts` beside this file: a `Migration` whose `to` is one more than the last one's.
 * 2. Add it to the end of `list.ts`. The last number there is the layout of this release.
 * 3. Give it a test that begins with data of the layout before, and one that aborts it half-way and runs it again.
 *
 * A migration runs in one process of the fleet while no other uses the store, before anything is consumed. It can be killed
 * at any moment and is then run again from its beginning, by another process: each of its writes must be one that can be
 * repeated, and it must find out from the data what is left to do. It works in batches and calls `report` between them.
 */
import type { Cluster, Redis } from 'ioredis';
import type { Keys } from '../keys.ts';

export interface MigrationContext {
  redis: Redis | Cluster;
  /** of each shard; the first is the home shard */
  shards: readonly [Keys, ...Keys[]];
  /** Whether it was begun before, and not finished. */
  resumed: boolean;
  /** Says how far it is, and keeps its lock. Throws when another process may have the lock by now, or this one is to end. */
  report(progress: { done: number; total: number }): Promise<void>;
}

export interface Migration {
  /** the number of the layout that it leads to */
  to: number;
  /** for the log */
  what: string;
  /** Throws a MigrationRefusedError where a person has to do something first. */
  run(context: MigrationContext): Promise<void>;
}

/** What is found cannot be migrated; the message says what was found and what would be right. */
export class MigrationRefusedError extends Error {
  override readonly name = 'MigrationRefusedError';
}
