/** What can be done to the tasks and plans of one shard. */
import { type AnswersOfShard, answersOfShard } from './answers.ts';
import { clockDuties } from './clock.ts';
import type { StoreConnection } from './connection.ts';
import type { Clock, EventLog, PlanningRequests, ReviewStore, TraceStore } from './contract.ts';
import { eventLog } from './event-log.ts';
import { type PlansOfShard, planStore } from './plan-store.ts';
import { planningRequests } from './planning-requests.ts';
import { reconciler } from './reconciler.ts';
import { type RetentionOfShard, retentionOfShard } from './retention.ts';
import { reviewStore } from './reviews.ts';
import type { StepStore } from './step-contract.ts';
import { stepStore } from './step-store.ts';
import { type TasksOfShard, taskStore } from './task-store.ts';
import { traceStore } from './traces.ts';
import type { Reconciler } from './upkeep-contract.ts';

export interface Shard
  extends TasksOfShard,
    PlansOfShard,
    PlanningRequests,
    EventLog,
    StepStore,
    ReviewStore,
    TraceStore,
    AnswersOfShard,
    Reconciler,
    Clock,
    RetentionOfShard {
  connection: StoreConnection;
}

/** `shards` is how many there are in all. */
export function openShard(connection: StoreConnection, { shards }: { shards: number }): Shard {
  const events = eventLog(connection);
  const plans = planStore(connection, events);
  const tasks = taskStore(connection);
  return {
    connection,
    ...tasks,
    ...plans,
    ...planningRequests(connection, plans.getPlan),
    ...events,
    ...stepStore(connection),
    ...reviewStore(connection),
    ...traceStore(connection),
    ...answersOfShard(connection),
    ...reconciler(connection, { shards }),
    ...clockDuties(connection),
    ...retentionOfShard(connection, tasks),
  };
}
