/** Tasks on Redis. */
import {
  LIMITS,
  newId,
  type PlanDraft,
  type PlanningRound,
  type Role,
  type Task,
  type TaskError,
  type TaskRequest,
  type TaskStatus,
} from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { Outcome, PageRequest, TaskStore } from './contract.ts';
import { type Creation, callRecord, creationOf, outcomeOf } from './outcome.ts';
import { idsOfPage } from './paging.ts';
import { isoTime } from './time.ts';
import { traceFields } from './traces.ts';
import { readUsage, USAGE_FIELDS, usageArgs } from './usage.ts';

/** `used` are the fields that count what models took. */
function readTask(fields: Record<string, string>, { rounds, used }: { rounds: string[]; used: Record<string, string> }): Task | null {
  if (fields.id === undefined) return null;
  const request = JSON.parse(fields.request ?? '{}') as TaskRequest;
  return {
    id: fields.id,
    status: fields.status as TaskStatus,
    ...request,
    planId: fields.planId ?? null,
    planDeletedAt: isoTime(fields.planDeletedAt),
    createdBy: fields.createdBy ?? '',
    createdByRoles: JSON.parse(fields.createdByRoles ?? '[]') as Role[],
    createdAt: isoTime(fields.createdAt) ?? '',
    updatedAt: isoTime(fields.updatedAt) ?? '',
    finishedAt: isoTime(fields.finishedAt),
    rounds: rounds.map((round) => JSON.parse(round) as PlanningRound),
    usage: readUsage(used),
    error: fields.error === undefined ? null : (JSON.parse(fields.error) as TaskError),
  };
}

const toNull = (outcome: Outcome<unknown>): Outcome<null> => (outcome.ok ? { ok: true, value: null } : outcome);

/** The tasks of one shard. */
export interface TasksOfShard extends Omit<TaskStore, 'createTask' | 'listTasks'> {
  createTask(input: Parameters<TaskStore['createTask']>[0]): Promise<Creation>;
  /** newest first, one more than fits */
  taskIds(request: PageRequest<TaskStatus>): Promise<string[]>;
}

export function taskStore(connection: StoreConnection): TasksOfShard {
  const { keys, redis, shard } = connection;

  /** Once there is a plan, what models take is counted there. A plan that is deleted leaves its counts to the task. */
  const usageOfPlan = async (planId: string, before: Record<string, string>): Promise<Record<string, string>> => {
    const counted = await connection.attempt(() => redis.hmget(keys.plan(planId), 'id', ...USAGE_FIELDS));
    if (counted[0] === null) return before;
    return Object.fromEntries(USAGE_FIELDS.flatMap((name, at) => (counted[at + 1] == null ? [] : [[name, counted[at + 1] as string]])));
  };

  const getTask = async (taskId: string): Promise<Task | null> => {
    const [fields, rounds] = await connection.attempt(() =>
      Promise.all([redis.hgetall(keys.task(taskId)), redis.lrange(`${keys.task(taskId)}:rounds`, 0, -1)]),
    );
    const used = fields.planId === undefined ? fields : await usageOfPlan(fields.planId, fields);
    return readTask(fields, { rounds, used });
  };

  const recordForPlanner = async (
    script: string,
    taskId: string,
    { args, verb }: { args: string[]; verb: string },
  ): Promise<Outcome<null>> => {
    const reply = await connection.run(script, { keys: [keys.task(taskId)], id: taskId, args });
    return toNull(outcomeOf(reply, { id: taskId, what: 'task', verb }));
  };

  return {
    async createTask({ request, draft, actor, trace, idempotency }) {
      const id = newId('tsk', { shard });
      const call = callRecord(idempotency);
      const fields = [
        'createdBy',
        actor.id,
        'createdByRoles',
        JSON.stringify(actor.roles),
        'request',
        JSON.stringify(request),
        ...(draft === undefined ? [] : ['draft', JSON.stringify(draft)]),
        ...traceFields(trace),
      ];
      const reply = await connection.run('create-task', {
        keys: [keys.task(id), keys.idempotency(call.hash)],
        id,
        args: [...call.args, actor.id, JSON.stringify(fields)],
      });
      return creationOf(reply, { id, what: 'task', verb: 'create' });
    },
    getTask,
    async getTaskDraft(taskId) {
      const text = await connection.attempt(() => redis.hget(keys.task(taskId), 'draft'));
      return text === null ? null : (JSON.parse(text) as PlanDraft);
    },
    taskIds: ({ status, limit, cursor }) => idsOfPage(connection, keys.tasks(status), { limit, cursor }),
    async cancelTask(taskId, { actor, idempotency }) {
      const call = callRecord(idempotency);
      const reply = await connection.run('cancel-task', {
        keys: [keys.task(taskId), keys.idempotency(call.hash)],
        id: taskId,
        args: [...call.args, actor.id],
      });
      return outcomeOf(reply, { id: taskId, what: 'task', verb: 'cancel' });
    },
    async startPlanning(taskId, token) {
      const started = await recordForPlanner('start-planning', taskId, { args: [token, String(LIMITS.planningTakeovers)], verb: 'plan' });
      if (!started.ok) return started;
      const task = await getTask(taskId);
      return task === null
        ? { ok: false, refusal: { code: 'not_found', message: `there is no task ${taskId}`, detail: {} } }
        : { ok: true, value: task };
    },
    recordRound: (taskId, token, round) =>
      recordForPlanner('record-round', taskId, { args: [token, JSON.stringify(round), ...usageArgs(round)], verb: 'plan' }),
    releasePlanning: (taskId, token) => recordForPlanner('release-planning', taskId, { args: [token], verb: 'plan' }),
    failTask: (taskId, token, error) => recordForPlanner('fail-task', taskId, { args: [token, JSON.stringify(error)], verb: 'plan' }),
  };
}
