/** What there is at this moment, counted: for those who watch the whole fleet. */
import { PLAN_STATUSES, type PlanStatus, TASK_STATUSES, type TaskStatus } from '@countersign/shared';
import type { Queue } from 'bullmq';
import type { StoreConnection } from './connection.ts';
import type { ShardQueue } from './open-queues.ts';

const JOB_STATES = ['waiting', 'active', 'delayed', 'prioritized', 'failed'] as const;

export interface QueueTotals {
  queue: string;
  jobs: Readonly<Record<(typeof JOB_STATES)[number], number>>;
  /** ms that the oldest job has waited for a worker; 0 where none waits */
  oldestWaitingMs: number;
}

export interface WaitingTotals {
  count: number;
  /** ms that the oldest has waited; 0 where none waits */
  oldestMs: number;
}

export interface Totals {
  plans: Readonly<Record<PlanStatus, number>>;
  tasks: Readonly<Record<TaskStatus, number>>;
  /** what waits for people */
  approvals: Readonly<Record<'plan' | 'gate', WaitingTotals>>;
  queues: readonly QueueTotals[];
  /** how often each type of event was appended since the store began; without the routine of steps, as in the stream of all plans */
  events: Readonly<Record<string, number>>;
}

/** Jobs looked at from each end of a queue. Successors are taken last in, first out, so that the oldest job is not always at one end. */
const LOOKED_AT = 25;
/** How many of what waits for people are looked at in a shard, the oldest, for the first of each kind. */
const MOST_APPROVALS = 1_000;

const add = <Name extends string>(one: Readonly<Record<Name, number>>, other: Readonly<Record<Name, number>>): Record<Name, number> => {
  const sum: Record<string, number> = { ...one };
  for (const [name, count] of Object.entries<number>(other)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
};

async function countsOf<Status extends string>(
  { attempt, redis }: StoreConnection,
  statuses: readonly Status[],
  index: (status: Status) => string,
): Promise<Record<Status, number>> {
  const counted = await attempt(() => Promise.all(statuses.map((status) => redis.zcard(index(status)))));
  return Object.fromEntries(statuses.map((status, at) => [status, counted[at]])) as Record<Status, number>;
}

async function queueTotals({ attempt }: StoreConnection, queue: Queue, now: number): Promise<QueueTotals> {
  const jobs = (await attempt(() => queue.getJobCounts(...JOB_STATES))) as QueueTotals['jobs'];
  if (jobs.waiting + jobs.prioritized === 0) return { queue: queue.name, jobs, oldestWaitingMs: 0 };
  const ends = await attempt(() =>
    Promise.all([true, false].map((ascending) => queue.getJobs(['waiting', 'prioritized'], 0, LOOKED_AT - 1, ascending))),
  );
  // A job that was delayed begins to wait when its delay is over.
  const since = ends.flat().map(({ timestamp, opts }) => timestamp + (opts.delay ?? 0));
  return { queue: queue.name, jobs, oldestWaitingMs: Math.max(0, now - Math.min(now, ...since)) };
}

/** A plan's entry is its id, a gate's is its plan's and its step's. */
async function approvalTotals({ attempt, keys, redis }: StoreConnection, now: number): Promise<Totals['approvals']> {
  const [all, plans, flat] = await attempt(() =>
    Promise.all([
      redis.zcard(keys.approvals),
      redis.zcard(keys.plans('pending_approval')),
      redis.zrange(keys.approvals, '0', String(MOST_APPROVALS - 1), 'WITHSCORES'),
    ]),
  );
  const oldest: { plan?: number; gate?: number } = {};
  for (let at = 0; at < flat.length; at += 2) oldest[(flat[at] as string).includes(':') ? 'gate' : 'plan'] ??= Number(flat[at + 1]);
  const waiting = (count: number, since = now): WaitingTotals => ({ count, oldestMs: Math.max(0, now - since) });
  return { plan: waiting(plans, oldest.plan), gate: waiting(Math.max(0, all - plans), oldest.gate) };
}

type ShardTotals = Omit<Totals, 'queues'>;

async function shardTotals(connection: StoreConnection, now: number): Promise<ShardTotals> {
  const { attempt, keys, redis } = connection;
  const [plans, tasks, approvals, events] = await Promise.all([
    countsOf(connection, PLAN_STATUSES, keys.plans),
    countsOf(connection, TASK_STATUSES, keys.tasks),
    approvalTotals(connection, now),
    attempt(() => redis.hgetall(keys.totals)),
  ]);
  return { plans, tasks, approvals, events: Object.fromEntries(Object.entries(events).map(([type, count]) => [type, Number(count)])) };
}

const bothWaiting = (one: WaitingTotals, other: WaitingTotals): WaitingTotals => ({
  count: one.count + other.count,
  oldestMs: Math.max(one.oldestMs, other.oldestMs),
});

const bothShards = (one: ShardTotals, other: ShardTotals): ShardTotals => ({
  plans: add(one.plans, other.plans),
  tasks: add(one.tasks, other.tasks),
  approvals: {
    plan: bothWaiting(one.approvals.plan, other.approvals.plan),
    gate: bothWaiting(one.approvals.gate, other.approvals.gate),
  },
  events: add(one.events, other.events),
});

const bothQueues = (one: QueueTotals, other: QueueTotals): QueueTotals => ({
  queue: one.queue,
  jobs: add(one.jobs, other.jobs),
  oldestWaitingMs: Math.max(one.oldestWaitingMs, other.oldestWaitingMs),
});

/** Of all these shards together. `queues` are of any of them; those of one name are one. */
export async function readTotals(
  connections: readonly StoreConnection[],
  { queues, now }: { queues: readonly ShardQueue[]; now: number },
): Promise<Totals> {
  const connectionOf = ({ shard }: ShardQueue): StoreConnection => connections.find((each) => each.shard === shard) as StoreConnection;
  const [shards, queued] = await Promise.all([
    Promise.all(connections.map((connection) => shardTotals(connection, now))),
    Promise.all(queues.map((queue) => queueTotals(connectionOf(queue), queue, now))),
  ]);
  const byName = new Map<string, QueueTotals>();
  for (const each of queued) {
    const known = byName.get(each.queue);
    byName.set(each.queue, known === undefined ? each : bothQueues(known, each));
  }
  return { ...shards.reduce(bothShards), queues: [...byName.values()] };
}
