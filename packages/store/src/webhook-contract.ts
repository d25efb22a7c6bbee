/** What the store can do about webhooks: endpoints, the events that they are to be told of, and the deliveries of these. */
import type {
  Actor,
  DeliveryStatus,
  Event,
  NewWebhook,
  Page,
  Webhook,
  WebhookChanges,
  WebhookDelivery,
  WebhookJob,
} from '@countersign/shared';
import type { Accepted, ByHand, Idempotency, Outcome, PageRequest } from './contract.ts';

/** What people do with endpoints. */
export interface WebhookStore {
  /** `secret` is null where the call is a repetition: it is shown once. */
  createWebhook(webhook: NewWebhook, input: ByHand): Promise<Outcome<Accepted & { secret: string | null }>>;
  getWebhook(webhookId: string): Promise<Webhook | null>;
  /** All of them, oldest first. */
  listWebhooks(): Promise<Webhook[]>;
  updateWebhook(webhookId: string, changes: WebhookChanges, input: { actor: Actor }): Promise<Outcome<null>>;
  /** Removes the endpoint with its deliveries. */
  deleteWebhook(webhookId: string): Promise<Outcome<null>>;
  /** A new secret; the older one signs along for a day. `secret` as in createWebhook. */
  rotateWebhook(
    webhookId: string,
    input: { idempotency?: Idempotency | undefined },
  ): Promise<Outcome<Accepted & { secret: string | null }>>;
  /** Has `body` delivered under that type, whatever the endpoint subscribes to; the id is that of the delivery. */
  testWebhook(
    webhookId: string,
    message: { type: string; body: string },
    input: { idempotency?: Idempotency | undefined },
  ): Promise<Outcome<Accepted>>;
  /** Newest first; null where there is no such endpoint. */
  listDeliveries(webhookId: string, request: PageRequest<DeliveryStatus>): Promise<Page<WebhookDelivery> | null>;
  getDelivery(webhookId: string, deliveryId: string): Promise<WebhookDelivery | null>;
  /** Has a delivery that has ended made again, under its id. */
  redeliver(webhookId: string, deliveryId: string, input: { idempotency?: Idempotency | undefined }): Promise<Outcome<Accepted>>;
}

/** An event that an endpoint wants to hear of, as it stands in the outbox. */
export interface Hook {
  /** whose outbox it stands in */
  shard: number;
  /** the entry in that outbox */
  entry: string;
  /** its data is empty where its plan was deleted meanwhile */
  event: Event;
  /** of the event's revision; null where there is none any more */
  digest: string | null;
}

/** What is told to one endpoint. */
export interface NewDelivery {
  webhookId: string;
  event: Event;
  type: string;
  /** the message, JSON text: the same in every attempt */
  body: string;
}

/** From events to deliveries: nothing is lost where the caller dies in between, and what is done twice is done once. */
export interface HookOutbox {
  /** Has every shard know what webhooks want. */
  spreadWanted(): Promise<void>;
  /** The oldest ones of each shard; they stay until they are settled. */
  readHooks(limit: number): Promise<Hook[]>;
  /** False where the endpoint has it already, is gone, or is disabled. */
  addDelivery(delivery: NewDelivery): Promise<boolean>;
  settleHooks(hooks: readonly Hook[]): Promise<void>;
  /** How many events were not kept since the last call, because too many waited. */
  takeLostHooks(): Promise<number>;
}

export type DeliveryRefusal = 'gone' | 'stale' | 'parked' | 'delivered' | 'dead' | 'disabled';

/** What an executor is to send. */
export interface DeliveryToSend {
  url: string;
  /** the current one first */
  secrets: string[];
  type: string;
  body: string;
  /** attempts before this one, since it was last asked for */
  tries: number;
}

export interface Attempt {
  responseStatus: number | null;
  /** null: it was delivered */
  error: string | null;
  durationMs: number;
  /** ms until the next attempt; null: it is the last one */
  retryInMs: number | null;
  /** why nothing more is to be sent to the endpoint */
  disable: string | null;
}

export type AttemptRecord =
  | { word: 'delivered' | 'retrying' | 'dead'; disabled: string | null }
  /** another executor recorded it, or there is nothing to record */
  | { word: 'stale' | 'gone'; disabled: null };

/** What executors do with deliveries. */
export interface DeliveryStore {
  beginDelivery(job: WebhookJob): Promise<{ ok: true; send: DeliveryToSend } | { ok: false; refusal: DeliveryRefusal }>;
  recordDelivery(job: WebhookJob, attempt: Attempt): Promise<AttemptRecord>;
  /** Gives deliveries whose job was lost another one; safe at any time. */
  mendDeliveries(options?: { restMs?: number }): AsyncIterable<{ webhookId: string; deliveryId: string; why: string }>;
}
