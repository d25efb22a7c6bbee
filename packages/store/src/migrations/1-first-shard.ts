/**
 * 0 -> 1. The releases before the first number held everything under one tag, `{cs}`. It moves to `{cs0}`, the first shard;
 * plans and tasks that have ended get their place in the indexes `plans:ended` and `tasks:ended`; and plans get the decision
 * that the default policy comes to about them (former-decisions.ts).
 *
 * States that it may meet: everything under the old tag; a part of the keys moved already; all moved, and the markers that
 * keep older processes out set or not; the indexes filled in part; some of the plans decided. Each key moves with one command, so it is at either
 * place, and moving what is left comes to the same. On a cluster the tags may lie on different nodes: there a key is copied,
 * then removed, and a copy that is there already is replaced.
 */
import type { Cluster, Redis } from 'ioredis';
import type { Keys } from '../keys.ts';
import { decideFormerPlans } from './former-decisions.ts';
import { type Migration, type MigrationContext, MigrationRefusedError } from './migration.ts';
import { scanKeys } from './scan-keys.ts';

const BATCH = 200;
const ENDED_PLANS = ['completed', 'partial', 'failed', 'rejected', 'expired', 'cancelled'];
const ENDED_TASKS = ['planned', 'failed', 'cancelled'];

/** The tag that held everything, of the first shard's: `{cs}` of `{cs0}`. Null: this store never had another one. */
export function formerPrefix(home: string): string | null {
  const [, tag] = /^\{(.+)0\}$/.exec(home) ?? [];
  return tag === undefined ? null : `{${tag}}`;
}

/** Keys of which at least one is there wherever a store was used. */
export const traces = (prefix: string): string[] =>
  ['tasks', 'plans', 'tools', 'conditions', 'events', 'bull:maintenance:meta'].map((name) => `${prefix}:${name}`);

/**
 * A process of an older release that is started by mistake would fill the old tag with tasks that nobody does. Texts where it
 * expects indexes make each of its writes fail, which its callers see.
 */
const MARKED = ['tasks', 'plans', 'tools', 'conditions'];
const markerText = (home: string): string => `moved to ${home}: this Redis needs Countersign of layout 1 or newer`;

const isMissing = (error: unknown): boolean => error instanceof Error && error.message.includes('no such key');
const isCrossSlot = (error: unknown): boolean => error instanceof Error && error.message.startsWith('CROSSSLOT');

async function copy(redis: Redis | Cluster, from: string, to: string): Promise<void> {
  const [content, ttl] = await Promise.all([redis.dumpBuffer(from), redis.pttl(from)]);
  if (content !== null) await redis.restore(to, Math.max(ttl, 0), content, 'REPLACE');
  await redis.unlink(from);
}

async function move(redis: Redis | Cluster, from: string, to: string): Promise<void> {
  try {
    await redis.rename(from, to);
  } catch (error) {
    // It has expired meanwhile.
    if (isMissing(error)) return;
    if (!isCrossSlot(error)) throw error;
    await copy(redis, from, to);
  }
}

const batches = (keys: readonly string[]): string[][] =>
  Array.from({ length: Math.ceil(keys.length / BATCH) }, (_, at) => keys.slice(at * BATCH, (at + 1) * BATCH));

async function refuseTwoStores(redis: Redis | Cluster, former: string, home: string): Promise<void> {
  const used = async (prefix: string): Promise<boolean> =>
    (await Promise.all([redis.type(`${prefix}:tasks`), redis.type(`${prefix}:plans`)])).includes('zset');
  if ((await used(former)) && (await used(home)))
    throw new MigrationRefusedError(
      `there are plans under ${former} and, of another release, under ${home}, and which of them are the right ones is not known; remove the keys of one of the two, or use an empty Redis`,
    );
}

type Count = (moved: number) => Promise<void>;

async function moveAll(redis: Redis | Cluster, former: string, { home, count }: { home: string; count: Count }): Promise<void> {
  const marked = MARKED.map((name) => `${former}:${name}`);
  const types = await Promise.all(marked.map((key) => redis.type(key)));
  const staying = new Set(marked.filter((_key, at) => types[at] === 'string'));
  const schedules = `${former}:bull:maintenance:`;
  for await (const keys of scanKeys(redis, `${former}:`)) {
    for (const batch of batches(keys.filter((key) => !staying.has(key)))) {
      // The schedules of duties are laid down anew by the first executor.
      await Promise.all(
        batch.map((key) => (key.startsWith(schedules) ? redis.unlink(key) : move(redis, key, home + key.slice(former.length)))),
      );
      await count(batch.length);
    }
  }
  for (const key of marked) await redis.set(key, markerText(home));
}

interface Kind {
  index: string;
  ended: string;
  keyOf(id: string): string;
}

/** Each id with the time at which it ended. */
async function fillEnded(redis: Redis | Cluster, { index, ended, keyOf }: Kind, count: Count): Promise<void> {
  for (let from = 0; ; from += BATCH) {
    const ids = await redis.zrange(index, `${from}`, `${from + BATCH - 1}`);
    if (ids.length === 0) return;
    const times = await Promise.all(ids.map((id) => redis.hmget(keyOf(id), 'finishedAt', 'updatedAt')));
    await redis.zadd(ended, ...ids.flatMap((id, at) => [times[at]?.[0] ?? times[at]?.[1] ?? `${Date.now()}`, id]));
    await count(ids.length);
  }
}

const endedKinds = (keys: Keys): Kind[] => [
  ...ENDED_PLANS.map((status) => ({ index: keys.plans(status), ended: keys.plansEnded, keyOf: keys.plan })),
  ...ENDED_TASKS.map((status) => ({ index: keys.tasks(status), ended: keys.tasksEnded, keyOf: keys.task })),
];

async function run({ redis, shards: [keys], resumed, report }: MigrationContext): Promise<void> {
  const home = keys.prefix;
  const former = formerPrefix(home);
  let done = 0;
  let total = 0;
  const count: Count = async (more) => {
    done += more;
    total = Math.max(total, done);
    await report({ done, total });
  };
  if (former !== null) {
    if (!resumed) await refuseTwoStores(redis, former, home);
    for await (const found of scanKeys(redis, `${former}:`)) total += found.length;
    await report({ done, total });
    await moveAll(redis, former, { home, count });
  }
  for (const kind of endedKinds(keys)) await fillEnded(redis, kind, count);
  await decideFormerPlans(redis, keys, count);
}

export const firstShard: Migration = {
  to: 1,
  what: 'everything moves to the tag of the first shard; what has ended is indexed by when it did; plans get the decision of the default policy',
  run,
};
