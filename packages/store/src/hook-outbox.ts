/** The outbox of webhooks on Redis: written by every command whose event is wanted, emptied by a duty. */
import { createHash } from 'node:crypto';
import { type Event, newId } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import { readEvent } from './event-log.ts';
import { parsePlanState } from './plan-state.ts';
import { fieldsOf } from './plan-view.ts';
import type { WantedHooks } from './wanted-hooks.ts';
import type { Hook, HookOutbox, NewDelivery } from './webhook-contract.ts';

/**
 * A delivery's id follows from what is told to whom, so that telling it twice is telling it once; it sorts by the time of
 * the event.
 */
function deliveryIdOf({ webhookId, event, type }: NewDelivery): string {
  const name = [webhookId, type, event.planId ?? event.taskId, event.id].join(' ');
  const digest = createHash('sha256').update(name).digest();
  return newId('whd', { now: Number(event.id.split('-')[0]), random: (length) => digest.subarray(0, length) });
}

/** What is left of an event whose plan was deleted meanwhile is what the outbox itself has of it. */
async function readHook({ shard, keys, attempt, redis }: StoreConnection, [entry, flat]: [string, string[]]): Promise<Hook> {
  const { p: planId = null, k: taskId = null, i: id = '', e: head = '' } = fieldsOf(flat);
  const revision = head.split('|')[3] ?? '0';
  const of = planId === null ? keys.taskEvents(taskId ?? '') : keys.planEvents(planId);
  const [entries, state, digest] = await attempt(() =>
    Promise.all([
      redis.xrange(of, id, id),
      planId === null ? null : redis.hget(keys.planSteps(planId), '@'),
      planId === null ? null : redis.hget(keys.planRevision(planId, revision), 'digest'),
    ]),
  );
  const event: Event = readEvent(entries[0] ?? [id, ['e', head]], {
    planId,
    taskId: taskId ?? (state === null ? null : parsePlanState(state).taskId),
  });
  const planned = planId ?? event.data.planId;
  return { shard, entry, event: { ...event, planId: typeof planned === 'string' ? planned : null }, digest };
}

/** Every shard has an outbox; the deliveries lie in the home shard. */
export function hookOutbox(
  home: StoreConnection,
  { connections, wants }: { connections: readonly StoreConnection[]; wants: WantedHooks },
): HookOutbox {
  return {
    spreadWanted: () => wants.spread(),
    async readHooks(limit) {
      const looks = await Promise.allSettled(
        connections.map(async (connection) => {
          const entries = await connection.attempt(() => connection.redis.xrange(connection.keys.hooks, '-', '+', 'COUNT', limit));
          return Promise.all(entries.map((entry) => readHook(connection, entry)));
        }),
      );
      const [failed] = looks.filter((look) => look.status === 'rejected');
      // One shard that is away must not keep what happens in the others from being told.
      if (failed !== undefined && looks.every(({ status }) => status === 'rejected')) throw failed.reason;
      return looks.flatMap((look) => (look.status === 'fulfilled' ? look.value : []));
    },
    async addDelivery(delivery) {
      const { webhookId, event, type, body } = delivery;
      const fields = ['type', type, 'body', body, 'eventId', event.id];
      if (event.planId !== null) fields.push('planId', event.planId);
      if (event.taskId !== null) fields.push('taskId', event.taskId);
      const [word] = await home.run('add-delivery', {
        keys: [home.keys.webhook(webhookId)],
        id: webhookId,
        args: [deliveryIdOf(delivery), JSON.stringify(fields)],
      });
      return word === 'ok';
    },
    async settleHooks(hooks) {
      for (const { shard, keys, attempt, redis } of connections) {
        const entries = hooks.filter((hook) => hook.shard === shard).map(({ entry }) => entry);
        if (entries.length > 0) await attempt(() => redis.xdel(keys.hooks, ...entries));
      }
    },
    async takeLostHooks() {
      const lost = await Promise.allSettled(connections.map(({ attempt, redis, keys }) => attempt(() => redis.getdel(keys.hooksLost))));
      return lost.reduce((sum, each) => sum + (each.status === 'fulfilled' ? Number(each.value ?? 0) : 0), 0);
    },
  };
}
