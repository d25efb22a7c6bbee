/** What an endpoint is: one entry holds its path, who may call it, what it takes and answers, and what it does. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger, Metrics, PolicySource } from '@countersign/service';
import type { Actor, ErrorCode, Json } from '@countersign/shared';
import type {
  Answers,
  ApiKeyStore,
  EventLog,
  Idempotency,
  PlanStore,
  Store,
  TaskStore,
  ToolCatalogue,
  TraceStore,
  WebhookStore,
} from '@countersign/store';
import type { AddressCheck } from '@countersign/tools';
import type { z } from 'zod';
import type { Access } from './access.ts';
import type { Answer } from './answer.ts';
import type { KnownTools } from './known-tools.ts';
import type { ApiMeters } from './metrics.ts';
import type { Templates } from './templates/load-templates.ts';

/** What the API needs of the store. */
export type ApiStore = TaskStore &
  PlanStore &
  EventLog &
  ToolCatalogue &
  Answers &
  ApiKeyStore &
  WebhookStore &
  TraceStore &
  Pick<Store, 'ping' | 'readiness'>;

/** What every call can reach. */
export interface ApiContext {
  store: ApiStore;
  tools: KnownTools;
  templates: Templates;
  /** whether calls have to say who they are from */
  controlled: boolean;
  metrics: Pick<Metrics, 'contentType' | 'text'>;
  meters: ApiMeters;
  policy: PolicySource;
  /** aborts when the process is asked to end */
  draining: AbortSignal;
  /** whether webhooks may be sent to this address */
  isWebhookAddress: AddressCheck;
  /** milliseconds between two comments on a silent event stream */
  heartbeatMs: number;
  /** the OpenAPI document and the page made from it, made when first asked for: most processes never are */
  document(): { json: object; html: string; contentSecurityPolicy: string };
}

/** One call on its way through an endpoint. `query` and `body` have been checked. */
export interface Call<Query = unknown, Body = unknown> {
  context: ApiContext;
  actor: Actor;
  params: Readonly<Record<string, string>>;
  query: Query;
  body: Body;
  idempotency: Idempotency | undefined;
  log: Logger;
  request: IncomingMessage;
  response: ServerResponse;
}

export interface DocumentedAnswer {
  description: string;
  /** a schema per media type */
  content?: Readonly<Record<string, { schema: z.ZodType; example: Json }>>;
  headers?: Readonly<Record<string, string>>;
}

export interface Operation {
  method: 'get' | 'put' | 'post' | 'delete';
  /** with `:name` for its parameters */
  path: string;
  id: string;
  tag: 'tasks' | 'plans' | 'approvals' | 'tools' | 'webhooks' | 'keys' | 'service';
  summary: string;
  description?: string;
  access: Access;
  query?: z.ZodObject;
  /** further request headers that it reads, with what each is for */
  headers?: Readonly<Record<string, string>>;
  /** `documented` is the shape that people are shown where `schema` leaves the checking to the handler */
  body?: { schema: z.ZodType; documented?: z.ZodType; example: Json };
  /** whether Idempotency-Key is honoured */
  idempotent?: boolean;
  answers: Readonly<Record<number, DocumentedAnswer>>;
  /** the errors it can answer with, besides those that any call can meet */
  errors: readonly ErrorCode[];
  /** the statuses of its errors that are not those of the registry */
  errorStatuses?: Partial<Readonly<Record<ErrorCode, number>>>;
  /** in which statuses it is possible, in words; said with every refusal that is because of one */
  possible?: string;
  /** What the resource and the headers rule out, before the body is looked at. */
  precondition?(call: Pick<Call, 'context' | 'params' | 'request'>): Promise<Answer | null>;
  handle(call: Call): Promise<Answer>;
}

/** An operation whose handler sees its query and body as their schemas describe them. */
export function operation<Query extends z.ZodObject = z.ZodObject<Record<never, never>>, Body extends z.ZodType = z.ZodType<undefined>>(
  definition: Omit<Operation, 'query' | 'body' | 'handle'> & {
    query?: Query;
    body?: { schema: Body; documented?: z.ZodType; example: Json };
    handle(call: Call<z.output<Query>, z.output<Body>>): Promise<Answer>;
  },
): Operation {
  return definition as unknown as Operation;
}
