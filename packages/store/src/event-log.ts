/** The events of a plan: replay from any point, then live. */
import { type Event, type EventType, isEndedPlan, type JsonObject } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { EventLog } from './contract.ts';
import { parsePlanState } from './plan-state.ts';
import { fieldsOf } from './plan-view.ts';
import { isoTime } from './time.ts';

const BATCH = 1_000;
/** A wake-up can be lost with its connection; a reader looks again after this many ms. */
const LOOK_AGAIN_MS = 1_000;

/** One entry of a plan's stream; lua/lib/events.lua writes it. */
function readEvent([id, flat]: [string, string[]], { planId, taskId }: { planId: string; taskId: string | null }): Event {
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

/** Resolves when `wake` is called, when the time is over or when the signal aborts: whichever is first. */
function waker(signal: AbortSignal) {
  let wake = (): void => {};
  return {
    wake: () => wake(),
    wait: () =>
      new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, LOOK_AGAIN_MS);
        signal.addEventListener('abort', done, { once: true });
        wake = done;
        if (signal.aborted) done();
      }),
  };
}

export function eventLog(connection: StoreConnection): EventLog {
  const { keys, redis } = connection;

  const read = async (planId: string, { after, limit }: { after: string; limit: number }): Promise<Event[]> => {
    const from = after === '0' ? '-' : `(${after}`;
    const [state, entries] = await connection.attempt(() =>
      Promise.all([redis.hget(keys.plan(planId), 'state'), redis.xrange(`${keys.plan(planId)}:events`, from, '+', 'COUNT', limit)]),
    );
    const taskId = state === null ? null : parsePlanState(state).taskId;
    return entries.map((entry) => readEvent(entry, { planId, taskId }));
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
    async *tailEvents(planId, { after = '0', signal }) {
      const { wake, wait } = waker(signal);
      let woken = false;
      const unsubscribe = await connection.subscribe(keys.wakeChannel(planId), () => {
        woken = true;
        wake();
      });
      try {
        let last = after;
        while (!signal.aborted) {
          woken = false;
          // The status is read before the events: when it is an ended one, the last event is there already.
          const state = await connection.attempt(() => redis.hget(keys.plan(planId), 'state'));
          const batch = await read(planId, { after: last, limit: BATCH });
          for (const event of batch) {
            if (signal.aborted) return;
            yield event;
            last = event.id;
          }
          if (batch.length > 0) continue;
          if (state === null || isEndedPlan(parsePlanState(state).status)) return;
          if (!woken) await wait();
        }
      } finally {
        unsubscribe();
      }
    },
  };
}
