/** The examples of the documentation of webhooks. */
import type { Webhook, WebhookDelivery } from '@countersign/shared';

export const webhookExample: Webhook = {
  id: 'whk_01k5r9t0b3xqt4w8n3fzbc',
  url: 'https://chat.example.com/hooks/countersign',
  events: ['plan.pending_approval', 'plan.ended'],
  description: 'Tells the approvers',
  enabled: true,
  disabledReason: null,
  createdBy: 'alice',
  createdAt: '2026-03-02T09:00:00.000Z',
  updatedAt: '2026-03-02T09:00:00.000Z',
  pending: 0,
  deadInARow: 0,
  lastDeliveredAt: '2026-03-02T09:15:00.700Z',
  oldSecretUntil: null,
};

/** It signs nothing. */
export const SECRET_EXAMPLE = 'whsec_RXhhbXBsZSBvZiBhIHNlY3JldCwgMzIgYnl0ZXMhISE=';

export const deliveryExample: WebhookDelivery = {
  id: 'whd_01k5r9v4c2hd6s9p0gjyea',
  webhookId: webhookExample.id,
  type: 'plan.pending_approval',
  eventId: '1772442900000-1',
  planId: 'pln_01k5r9v4c2hd6s9p0gjyea',
  taskId: 'tsk_01k5r9v2m7xqt4w8n3fzbc',
  status: 'delivered',
  attempts: 2,
  responseStatus: 204,
  error: null,
  durationMs: 48,
  createdAt: '2026-03-02T09:15:00.300Z',
  lastAttemptAt: '2026-03-02T09:15:11.100Z',
  nextAttemptAt: null,
  endedAt: '2026-03-02T09:15:11.100Z',
};
