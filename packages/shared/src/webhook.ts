/** Webhooks as the API takes and shows them: endpoints, and the deliveries to them. */
import { z } from 'zod';
import { LIMITS } from './limits.ts';
import { ALL_EVENTS, WEBHOOK_TYPES } from './webhook-events.ts';

const subscription = z.enum([ALL_EVENTS, ...WEBHOOK_TYPES], `must be ${ALL_EVENTS} or one of ${WEBHOOK_TYPES.join(', ')}`);

function urlProblem(text: string): string | null {
  if (!URL.canParse(text)) return 'must be a URL like https://example.com/countersign';
  const { protocol, username, password, hash } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'must start with https:// or http://';
  if (username !== '' || password !== '') return 'must not hold a user and a password: who sends it shows in the signature';
  return hash === '' ? null : 'must not have a fragment: it is never sent';
}

const endpoint = {
  url: z
    .string()
    .max(LIMITS.urlLength)
    .superRefine((text, context) => {
      const message = urlProblem(text);
      if (message !== null) context.addIssue({ code: 'custom', message });
    }),
  events: z
    .array(subscription)
    .min(1, `must name a type, or ${ALL_EVENTS}`)
    .max(WEBHOOK_TYPES.length + 1)
    .transform((events) => [...new Set(events)]),
  description: z.string().max(500),
  enabled: z.boolean(),
};

export const createWebhookBody = z.strictObject({
  url: endpoint.url,
  events: endpoint.events,
  description: endpoint.description.default(''),
  enabled: endpoint.enabled.default(true),
});
/** What is left out stays as it is. */
export const updateWebhookBody = z.strictObject(endpoint).partial();
export type NewWebhook = z.output<typeof createWebhookBody>;
export type WebhookChanges = z.output<typeof updateWebhookBody>;

const DELIVERY_STATUSES = ['pending', 'delivered', 'dead'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

export const listDeliveriesQuery = z.strictObject({
  status: z.enum(DELIVERY_STATUSES).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z
    .string()
    .regex(/^[A-Za-z0-9_]{1,64}$/, 'must be a nextCursor of an earlier answer')
    .optional(),
});

const time = z.iso.datetime();
const amount = z.int().min(0);

export const webhookSchema = z.strictObject({
  id: z.string(),
  url: z.string(),
  events: z.array(subscription),
  description: z.string(),
  enabled: z.boolean(),
  disabledReason: z.string().nullable().describe('why it is not enabled: who disabled it, or what its deliveries met'),
  createdBy: z.string(),
  createdAt: time,
  updatedAt: time,
  pending: amount.describe('deliveries that are still to be made, or tried again'),
  deadInARow: amount.describe('how many deliveries died since the last one that was delivered'),
  lastDeliveredAt: time.nullable(),
  oldSecretUntil: time.nullable().describe('until when an older secret signs, too'),
});
export type Webhook = z.output<typeof webhookSchema>;

export const webhookDeliverySchema = z.strictObject({
  id: z.string().describe('the header webhook-id of every attempt'),
  webhookId: z.string(),
  type: z.string(),
  eventId: z.string().nullable().describe('of the event of the plan or task; null for a test'),
  planId: z.string().nullable(),
  taskId: z.string().nullable(),
  status: z.enum(DELIVERY_STATUSES),
  attempts: amount,
  responseStatus: z.int().nullable().describe('what the last attempt was answered with'),
  error: z.string().nullable().describe('what was wrong with the last attempt'),
  durationMs: amount.nullable().describe('of the last attempt'),
  createdAt: time,
  lastAttemptAt: time.nullable(),
  nextAttemptAt: time.nullable().describe('null: as soon as there is a place, or never again'),
  endedAt: time.nullable(),
});
export type WebhookDelivery = z.output<typeof webhookDeliverySchema>;
