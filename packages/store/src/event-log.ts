/** The events of a plan: replay from any point, then live. */
import { type Event, type EventType, isEndedPlan, type JsonObject, linkSignals } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { EventLog } from './contract.ts';
import { parsePlanState } from './plan-state.ts';
import { fieldsOf } from './plan-view.ts';
import { isoTime } from './time.ts';

const BATCH = 1_000;
/** ms between two looks at whether an ended plan is still being replanned */
const LOOK_AGAIN_MS = 1_000;

/** One entry of a plan's or a task's stream; lua/lib/events.lua writes it. */
export function readEvent([id, flat]: [string, string[]], { planId, taskId }: { planId: string | null; taskId: string | null }): Event {
  const { e: head = '', d: data } = fieldsOf(flat);
  const [type, stepId, attempt, revision, ...actor] = head.split('|');
  const by = actor.join('|');
  return {
    id,
    type: type as EventType,
    planId,
    taskId,
    ...(stepId ? { stepId } : {}),
    revision: Number(revision),
    at: isoTime(id.split('-')[0]) as string,
    ...(by === '' ? {} : { actor: by }),
    ...(attempt ? { attempt: Number(attempt) } : {}),
    data: data ? (JSON.parse(data) as JsonObject) : {},
  };
}

export function eventLog(connection: StoreConnection): EventLog {
  const { keys, redis } = connection;

  const read = async (planId: string, { after, limit }: { after: string; limit: number }): Promise<Event[]> => {
    const from = after === '0' ? '-' : `(${after}`;
    const [state, entries] = await connection.attempt(() =>
      Promise.all([redis.hget(keys.planSteps(planId), '@'), redis.xrange(keys.planEvents(planId), from, '+', 'COUNT', limit)]),
    );
    const taskId = state === null ? null : parsePlanState(state).taskId;
    return entries.map((entry) => readEvent(entry, { planId, taskId }));
  };

  /**
   * Whether a plan has ended, and whether the planner still writes a revision that it goes on with; null when there is no
   * plan. The request is read first: what came of it in between shows in the status.
   */
  const lookAt = async (planId: string): Promise<{ ended: boolean; replanned: boolean } | null> => {
    const [[kind, status], state] = await connection.attempt(() =>
      Promise.all([redis.hmget(keys.plan(planId), 'requestKind', 'requestStatus'), redis.hget(keys.planSteps(planId), '@')]),
    );
    if (state === null) return null;
    return {
      ended: isEndedPlan(parsePlanState(state).status),
      replanned: kind === 'replan' && (status === 'queued' || status === 'planning'),
    };
  };

  return {
    async readEvents(planId, { after = '0', limit } = {}) {
      if (limit !== undefined) return read(planId, { after, limit });
      const events: Event[] = [];
      let batch: Event[];
      do {
        batch = await read(planId, { after: events.at(-1)?.id ?? after, limit: BATCH });
        for (const event of batch) events.push(event);
      } while (batch.length === BATCH);
      return events;
    },
    async lastEventId(planId) {
      const [newest] = await connection.attempt(() => redis.xrevrange(keys.planEvents(planId), '+', '-', 'COUNT', 1));
      return newest?.[0] ?? '0';
    },
    async *tailEvents(planId, { after = '0', signal }) {
      let last = after;
      while (!signal.aborted) {
        // Read before the events: when the plan has ended, the last event is there already.
        const seen = await lookAt(planId);
        const batch = await read(planId, { after: last, limit: BATCH });
        for (const event of batch) {
          if (signal.aborted) return;
          yield event;
          last = event.id;
        }
        if (batch.length > 0) continue;
        if (seen === null || (seen.ended && !seen.replanned)) return;
        // Whether the planner gave up is no event of the plan: it is looked at again after a while.
        const until = linkSignals([signal], seen.ended ? LOOK_AGAIN_MS : undefined);
        await connection.tail.wait(keys.planEvents(planId), last, until.signal);
        until.release();
      }
    },
  };
}
