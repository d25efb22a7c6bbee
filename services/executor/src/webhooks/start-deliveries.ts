/** Takes deliveries from their queue and makes them. What becomes of each is recorded with it before its job ends. */
import { inSpan, isTracing, keptContext, logIds, type SpanOptions } from '@countersign/service';
import { WEBHOOKS_QUEUE, type WebhookJob } from '@countersign/shared';
import type { Consumer, DeliveryStore, DeliveryToSend, Store } from '@countersign/store';
import type { ExecutorMeters } from '../metrics.ts';
import { type Persistence, persist, waitMs } from '../persist.ts';
import type { StepLogger } from '../step-log.ts';
import { type AttemptOptions, attemptDelivery } from './attempt-delivery.ts';

export interface DeliveryOptions extends Omit<AttemptOptions, 'now'> {
  store: DeliveryStore & Pick<Store, 'consumeWebhooks' | 'readTrace'>;
  logger: StepLogger;
  meters: Pick<ExecutorMeters, 'sent'>;
  /** deliveries at the same time */
  concurrency: number;
}

/** A delivery that nobody tries any more: its job stands among the failed ones. */
class DeliveryDiedError extends Error {
  override readonly name = 'DeliveryDiedError';
}

/** The plan or task that an event is about; null where it is about none. */
function subjectOf({ body }: DeliveryToSend): string | null {
  const { data } = JSON.parse(body) as { data?: { planId?: string | null; taskId?: string | null } };
  return data?.planId ?? data?.taskId ?? null;
}

/** A trace of its own, for it may be made days later and again and again; it leads to that of the plan. */
async function spanOptions(
  { webhookId, deliveryId }: WebhookJob,
  send: DeliveryToSend,
  store: DeliveryOptions['store'],
): Promise<SpanOptions> {
  const subject = isTracing() ? subjectOf(send) : null;
  return {
    parent: null,
    kind: 'consumer',
    links: [subject === null ? null : await keptContext(() => store.readTrace(subject))],
    attributes: {
      'messaging.system': 'bullmq',
      'messaging.destination.name': WEBHOOKS_QUEUE,
      'messaging.operation.type': 'process',
      'countersign.webhook.id': webhookId,
      'countersign.delivery.id': deliveryId,
      'countersign.delivery.attempt': send.tries + 1,
      'countersign.event.type': send.type,
    },
  };
}

/** Gives a word for the dashboard. */
async function deliver(
  job: WebhookJob,
  { store, logger, meters, ...options }: Omit<DeliveryOptions, 'concurrency'> & { persistence: Persistence },
) {
  const { webhookId, deliveryId } = job;
  const ids = logIds({ webhookId, deliveryId });
  const begun = await persist(() => store.beginDelivery(job), options.persistence);
  if (!begun.ok) {
    logger.debug({ ...ids, refusal: begun.refusal }, 'delivery not made');
    return begun.refusal;
  }
  const attempt = await inSpan('webhook.deliver', await spanOptions(job, begun.send, store), async (span) => {
    const made = await attemptDelivery(deliveryId, begun.send, { ...options, now: Date.now });
    if (made.error !== null) span.fail(made.responseStatus === null ? 'not_reached' : String(made.responseStatus));
    return made;
  });
  // It was sent: that must be known before anybody sends it again.
  const { word, disabled } = await persist(() => store.recordDelivery(job, attempt), options.persistence);
  const { responseStatus, error, retryInMs } = attempt;
  meters.sent({ outcome: word, durationMs: attempt.durationMs });
  const line = { ...ids, ...logIds({ attempt: begun.send.tries + 1 }), type: begun.send.type, responseStatus };
  if (word === 'delivered') logger.debug(line, 'delivery made');
  if (word === 'retrying') logger.info({ ...line, error, retryInMs }, 'delivery failed: it is tried again');
  if (word === 'dead') logger.warn({ ...line, error }, 'delivery died: it is not tried again by itself');
  if (disabled !== null) logger.warn({ webhookId, reason: disabled }, 'webhook disabled');
  if (word === 'dead') throw new DeliveryDiedError(error ?? 'not delivered');
  return word;
}

/** Takes deliveries until it is closed; those in hand are finished first. */
export function startDeliveries({ concurrency, ...options }: DeliveryOptions): Consumer {
  const { store, logger } = options;
  let closed = false;
  const persistence: Persistence = {
    wait: waitMs,
    givenUp: () => closed,
    onRetry: (error) => logger.warn({ error: error.message }, 'Redis is away: trying again'),
  };
  const consumer = store.consumeWebhooks((job) => deliver(job, { ...options, persistence }), {
    concurrency,
    onError: (error) => logger.warn({ error: error.message }, 'queue connection'),
  });
  return {
    async close() {
      closed = true;
      await consumer.close();
    },
  };
}
