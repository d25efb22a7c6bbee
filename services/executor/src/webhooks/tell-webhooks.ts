/** From the outbox to deliveries: what happened is told to every endpoint that wants to hear of it. */
import { type Webhook, webhookMessage, webhookTypesOf } from '@countersign/shared';
import type { HookOutbox, WebhookStore } from '@countersign/store';
import type { ExecutorMeters } from '../metrics.ts';
import type { StepLogger } from '../step-log.ts';

export type TellingStore = HookOutbox & Pick<WebhookStore, 'listWebhooks'>;

export interface TellOptions {
  store: TellingStore;
  logger: StepLogger;
  meters: Pick<ExecutorMeters, 'hooksLost'>;
  /** what links begin with; '' for those that begin at the API's own address */
  publicUrl: string;
}

type Hook = Awaited<ReturnType<HookOutbox['readHooks']>>[number];

const BATCH = 200;

/** What one event comes to: a delivery for each endpoint and each type under which it wants it. */
const deliveriesOf = ({ event, digest }: Hook, webhooks: readonly Webhook[], publicUrl: string) =>
  webhooks
    .filter(({ enabled }) => enabled)
    .flatMap(({ id: webhookId, events }) =>
      webhookTypesOf(event, events).map((type) => {
        const body = JSON.stringify(webhookMessage(type, event, { digest, publicUrl }));
        return { webhookId, event, type, body };
      }),
    );

/**
 * Empties the outbox. An entry leaves it once all its deliveries stand: whoever dies before, or does it at the same time,
 * has it done again, which adds nothing, because a delivery's id follows from what is told to whom.
 */
export async function tellWebhooks({ store, logger, meters, publicUrl }: TellOptions): Promise<void> {
  await store.spreadWanted();
  const lost = await store.takeLostHooks();
  if (lost > 0) {
    meters.hooksLost(lost);
    logger.error({ lost }, 'events were not told to webhooks: too many were waiting, because no executor was up');
  }
  for (;;) {
    const hooks = await store.readHooks(BATCH);
    if (hooks.length === 0) return;
    const webhooks = await store.listWebhooks();
    await Promise.all(hooks.flatMap((hook) => deliveriesOf(hook, webhooks, publicUrl)).map((delivery) => store.addDelivery(delivery)));
    await store.settleHooks(hooks);
  }
}
