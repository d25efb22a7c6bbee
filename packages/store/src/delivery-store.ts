/** Deliveries on Redis: what executors do to them. */
import type { WebhookJob } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { AttemptRecord, DeliveryRefusal, DeliveryStore } from './webhook-contract.ts';

/** An endpoint of which so many deliveries in a row died is disabled. */
const DEAD_IN_A_ROW = 10;
/** ms that a job must have been due for before anybody asks what became of it */
const REST_MS = 10_000;

/** Each is `until|secret`. */
const stillValid = (oldSecrets: string, now: number): string[] =>
  oldSecrets.split(',').flatMap((entry) => {
    const [until, secret] = entry.split('|');
    return secret !== undefined && Number(until) > now ? [secret] : [];
  });

export function deliveryStore(connection: StoreConnection): DeliveryStore {
  const { keys, redis } = connection;
  const run = async (script: string, { webhookId, deliveryId, job }: WebhookJob, args: (string | number)[] = []): Promise<string[]> => {
    const call = { keys: [keys.webhook(webhookId)], id: webhookId, args: [deliveryId, job, ...args] };
    return (await connection.run(script, call)).map(String);
  };

  return {
    async beginDelivery(job) {
      const [word, url = '', secret = '', oldSecrets = '', type = '', body = '', tries] = await run('begin-delivery', job);
      if (word !== 'ok') return { ok: false, refusal: word as DeliveryRefusal };
      const secrets = [secret, ...stillValid(oldSecrets, connection.now())];
      return { ok: true, send: { url, secrets, type, body, tries: Number(tries) } };
    },
    async recordDelivery(job, { responseStatus, error, durationMs, retryInMs, disable }) {
      const known = ['durationMs', String(Math.round(durationMs))];
      if (responseStatus !== null) known.push('responseStatus', String(responseStatus));
      if (error !== null) known.push('error', error);
      const [word, disabled] = await run('record-delivery', job, [
        JSON.stringify(known),
        error === null ? 'delivered' : 'failed',
        retryInMs ?? '',
        disable ?? '',
        DEAD_IN_A_ROW,
      ]);
      return { word, disabled: disabled || null } as AttemptRecord;
    },
    async *mendDeliveries({ restMs = REST_MS } = {}) {
      for (const webhookId of await connection.attempt(() => redis.zrangebylex(keys.webhooks, '-', '+'))) {
        const reply = await connection.run('mend-deliveries', { keys: [keys.webhook(webhookId)], id: webhookId, args: [restMs] });
        const [, ...pairs] = reply.map(String);
        for (let i = 0; i < pairs.length; i += 2) yield { webhookId, deliveryId: pairs[i] as string, why: pairs[i + 1] as string };
      }
    },
  };
}
