/** Endpoints and deliveries as they stand in their hashes. */
import type { DeliveryStatus, NewWebhook, Webhook, WebhookChanges, WebhookDelivery } from '@countersign/shared';
import { wantedEvents } from '@countersign/shared';
import { isoTime } from './time.ts';

type Fields = Readonly<Record<string, string>>;

/** What is written of an endpoint, as a flat list of names and values. What is left out stays. */
export const webhookFields = ({ url, events, description, enabled }: NewWebhook | WebhookChanges): string[] => [
  ...(url === undefined ? [] : ['url', url]),
  ...(events === undefined ? [] : ['events', events.join(','), 'wants', wantedEvents(events).join('|')]),
  ...(description === undefined ? [] : ['description', description]),
  ...(enabled === undefined ? [] : ['enabled', enabled ? '1' : '0']),
];

/** The endpoint, without its secrets. `now` is in ms. */
export function readWebhook(fields: Fields, { pending, now }: { pending: number; now: number }): Webhook | null {
  if (fields.id === undefined) return null;
  const [newestOld = ''] = (fields.oldSecrets ?? '').split('|');
  return {
    id: fields.id,
    url: fields.url ?? '',
    events: (fields.events ?? '').split(',') as Webhook['events'],
    description: fields.description ?? '',
    enabled: fields.enabled === '1',
    disabledReason: fields.disabledReason ?? null,
    createdBy: fields.createdBy ?? '',
    createdAt: isoTime(fields.createdAt) as string,
    updatedAt: isoTime(fields.updatedAt) as string,
    pending,
    deadInARow: Number(fields.deadInARow ?? 0),
    lastDeliveredAt: isoTime(fields.lastDeliveredAt),
    oldSecretUntil: Number(newestOld) > now ? isoTime(newestOld) : null,
  };
}

const numberOf = (text: string | undefined): number | null => (text === undefined ? null : Number(text));

export function readDelivery(fields: Fields, webhookId: string): WebhookDelivery | null {
  if (fields.id === undefined) return null;
  return {
    id: fields.id,
    webhookId,
    type: fields.type ?? '',
    eventId: fields.eventId ?? null,
    planId: fields.planId ?? null,
    taskId: fields.taskId ?? null,
    status: fields.status as DeliveryStatus,
    attempts: Number(fields.attempts ?? 0),
    responseStatus: numberOf(fields.responseStatus),
    error: fields.error ?? null,
    durationMs: numberOf(fields.durationMs),
    createdAt: isoTime(fields.createdAt) as string,
    lastAttemptAt: isoTime(fields.lastAttemptAt),
    nextAttemptAt: isoTime(fields.nextAttemptAt),
    endedAt: isoTime(fields.endedAt),
  };
}
