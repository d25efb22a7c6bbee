/** Endpoints of webhooks on Redis. Their secrets leave the store in three ways: when they are made, when they change, and to who signs. */
import { randomBytes } from 'node:crypto';
import { LIMITS, newId, type Webhook } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { Accepted, Idempotency, Outcome } from './contract.ts';
import { callRecord, outcomeOf, refused } from './outcome.ts';
import { idsOfPage, mergePages } from './paging.ts';
import type { ScriptReply } from './scripts.ts';
import type { WantedHooks } from './wanted-hooks.ts';
import type { WebhookStore } from './webhook-contract.ts';
import { readDelivery, readWebhook, webhookFields } from './webhook-fields.ts';

const SECRET_BYTES = 32;
/** Receivers take the new secret over at their leisure. */
const OLD_SECRET_MS = 86_400_000;
/** Each is a signature more in every message. */
const OLD_SECRETS = 4;

const newSecret = (): string => `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;

/** In the home shard. */
export function webhookStore(connection: StoreConnection, wants: WantedHooks): WebhookStore {
  const { keys, redis } = connection;

  /** A call that may be repeated. */
  const act = async (
    script: string,
    webhookId: string,
    { idempotency, args, id = webhookId }: { idempotency: Idempotency | undefined; args: (string | number)[]; id?: string },
  ): Promise<Outcome<Accepted>> => {
    const call = callRecord(idempotency);
    const reply = await connection.run(script, {
      keys: [keys.webhook(webhookId), keys.idempotency(call.hash)],
      id: webhookId,
      args: [...call.args, ...args],
    });
    if (reply[0] === 'too_many')
      return refused('wrong_state', `there are ${LIMITS.webhooks} webhooks, which is the most there may be; delete one`);
    return outcomeOf(reply, { id, what: 'webhook', verb: 'change' });
  };

  const withSecret = (outcome: Outcome<Accepted>, secret: string): Outcome<Accepted & { secret: string | null }> =>
    outcome.ok ? { ok: true, value: { ...outcome.value, secret: outcome.value.replay === null ? secret : null } } : outcome;

  const toNull = ([word]: ScriptReply, webhookId: string): Outcome<null> =>
    word === 'ok' ? { ok: true, value: null } : refused('not_found', `there is no webhook ${webhookId}`);

  const getWebhook = async (webhookId: string): Promise<Webhook | null> => {
    const [fields, pending] = await connection.attempt(() =>
      Promise.all([redis.hgetall(keys.webhook(webhookId)), redis.zcard(keys.deliveries(webhookId, 'pending'))]),
    );
    return readWebhook(fields, { pending, now: connection.now() });
  };

  const getDelivery = async (webhookId: string, deliveryId: string) =>
    readDelivery(await connection.attempt(() => redis.hgetall(keys.delivery(webhookId, deliveryId))), webhookId);

  return {
    async createWebhook(webhook, { actor, idempotency }) {
      const id = newId('whk');
      const secret = newSecret();
      const fields = [...webhookFields(webhook), 'createdBy', actor.id, 'secret', secret];
      if (!webhook.enabled) fields.push('disabledReason', `disabled by ${actor.id}`);
      const outcome = await act('create-webhook', id, { idempotency, args: [LIMITS.webhooks, JSON.stringify(fields)] });
      await wants.spread();
      return withSecret(outcome, secret);
    },
    getWebhook,
    async listWebhooks() {
      const ids = await connection.attempt(() => redis.zrangebylex(keys.webhooks, '-', '+'));
      return (await Promise.all(ids.map(getWebhook))).filter((webhook) => webhook !== null);
    },
    async updateWebhook(webhookId, changes, { actor }) {
      const fields = webhookFields(changes);
      if (fields.length === 0) return toNull((await getWebhook(webhookId)) === null ? ['not_found'] : ['ok'], webhookId);
      const args = [actor.id, JSON.stringify(fields)];
      const reply = await connection.run('update-webhook', { keys: [keys.webhook(webhookId)], id: webhookId, args });
      await wants.spread();
      return toNull(reply, webhookId);
    },
    async deleteWebhook(webhookId) {
      const reply = await connection.run('delete-webhook', { keys: [keys.webhook(webhookId)], id: webhookId });
      await wants.spread();
      return toNull(reply, webhookId);
    },
    async rotateWebhook(webhookId, { idempotency }) {
      const secret = newSecret();
      return withSecret(await act('rotate-webhook', webhookId, { idempotency, args: [secret, OLD_SECRET_MS, OLD_SECRETS] }), secret);
    },
    async testWebhook(webhookId, { type, body }, { idempotency }) {
      const id = newId('whd');
      return act('test-webhook', webhookId, { idempotency, id, args: [id, JSON.stringify(['type', type, 'body', body])] });
    },
    async listDeliveries(webhookId, { status, limit, cursor }) {
      if ((await connection.attempt(() => redis.exists(keys.webhook(webhookId)))) === 0) return null;
      const { ids, nextCursor } = mergePages([await idsOfPage(connection, keys.deliveries(webhookId, status), { limit, cursor })], limit);
      const deliveries = await Promise.all(ids.map((id) => getDelivery(webhookId, id)));
      return { items: deliveries.filter((delivery) => delivery !== null), nextCursor };
    },
    getDelivery,
    async redeliver(webhookId, deliveryId, { idempotency }) {
      const outcome = await act('redeliver', webhookId, { idempotency, id: deliveryId, args: [deliveryId] });
      if (outcome.ok) return outcome;
      const { code, detail } = outcome.refusal;
      if (code === 'not_found') return refused('not_found', `the webhook ${webhookId} has no delivery ${deliveryId}`);
      if (code !== 'wrong_state') return outcome;
      return detail.status === 'pending'
        ? refused('wrong_state', 'the delivery is pending: it is made, or tried again, by itself', detail)
        : refused('wrong_state', 'the webhook is disabled, so nothing is sent to it', detail);
    },
  };
}
