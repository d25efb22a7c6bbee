/** The API as an express application. Listening is up to server.ts. */
import { fixedPolicy, type Logger, Metrics, type PolicySource } from '@countersign/service';
import type { RateLimit, Store } from '@countersign/store';
import { type AddressCheck, addressCheck } from '@countersign/tools';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { accessLog } from './access-log.ts';
import { admission } from './admission.ts';
import { problem, withHeaders } from './answer.ts';
import { cors } from './cors.ts';
import { DASHBOARD_PATH } from './dashboard.ts';
import { dashboardRouter } from './dashboard-router.ts';
import { docsPage } from './docs-page.ts';
import { endpoint } from './endpoint.ts';
import { refuseForeign } from './guard.ts';
import type { ConfiguredKey } from './identity/configured-keys.ts';
import { identification } from './identity/identify.ts';
import type { TokenReader } from './identity/tokens.ts';
import { knownTools } from './known-tools.ts';
import { MCP_PATH, mcpEndpoint } from './mcp/mcp-endpoint.ts';
import { apiMeters, type WatchedStore } from './metrics.ts';
import { openapiDocument } from './openapi.ts';
import type { ApiContext, ApiStore } from './operation.ts';
import { OPERATIONS } from './operations.ts';
import { faultAnswer } from './perform.ts';
import { notesOf, takesRoute } from './request-notes.ts';
import { refuseShape } from './request-shape.ts';
import { apiHeaders } from './security-headers.ts';
import { send } from './send.ts';
import type { Templates } from './templates/load-templates.ts';

/** Milliseconds between two comments on a silent event stream: less than proxies wait. */
const HEARTBEAT_MS = 15_000;

export interface AppOptions {
  store: ApiStore & WatchedStore & Pick<Store, 'queues' | 'rateLimiter'>;
  logger: Logger;
  /** those of API_KEYS; null: access is not controlled, and only this machine may call */
  keys: readonly ConfiguredKey[] | null;
  /** reads the tokens of an identity provider; absent: there is none */
  tokens?: TokenReader | null;
  /** how often an actor may call, and an address be wrong; absent or null: as often as they like. None without access control */
  limits?: { calls: RateLimit | null; failures: RateLimit | null };
  /** addresses and networks whose X-Forwarded-For is believed */
  trustedProxies?: readonly string[];
  /** origins whose pages may call from a browser */
  corsOrigins?: readonly string[];
  /** whether administrators may act on jobs on the dashboard */
  dashboardWritable?: boolean;
  /** aborts when the process is asked to end: it is no longer ready, and event streams end */
  draining: AbortSignal;
  /** when absent there are none */
  templates?: Templates;
  /** which addresses webhooks may be sent to; when absent, public ones */
  isWebhookAddress?: AddressCheck;
  /** where it adds its own; when absent they are shown without those of the process */
  metrics?: Metrics;
  /** when absent the default */
  policy?: PolicySource;
  heartbeatMs?: number;
}

const refusesShape: RequestHandler = (request, response, next) => {
  const refusal = refuseShape(request);
  if (refusal === null) next();
  else send(request, response, refusal);
};

const refusesForeign: RequestHandler = (request, response, next) => {
  const refusal = refuseForeign(request.headers);
  if (refusal === null) next();
  else send(request, response, refusal);
};

/** The other methods of a path that exists. */
function methodNotAllowed(path: string, methods: readonly string[]): RequestHandler {
  const known = methods.map((method) => method.toUpperCase());
  const allowed = [...known, ...(known.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  return (request, response) => {
    takesRoute(request, response, path);
    if (request.method === 'OPTIONS') return send(request, response, { kind: 'empty', status: 204, headers: { Allow: allowed } });
    const answer = problem('method_not_allowed', `${request.method} is not possible here; possible: ${allowed}`);
    return send(request, response, withHeaders(answer, { Allow: allowed }));
  };
}

const notFound: RequestHandler = (request, response) =>
  send(
    request,
    response,
    problem('not_found', `there is nothing at ${request.method} ${request.path.slice(0, 200)}; /docs lists what there is`),
  );

const failed: ErrorRequestHandler = (error: unknown, request, response, _next) => {
  // What the router throws for a path with a broken %-escape.
  if (error instanceof URIError) return notFound(request, response, _next);
  return send(request, response, faultAnswer(error, notesOf(response).log));
};

/** What `/openapi.json` and `/docs` show. */
function documentation(): ApiContext['document'] {
  let made: ReturnType<ApiContext['document']> | undefined;
  return () => {
    if (made === undefined) {
      const json = openapiDocument(OPERATIONS);
      made = { json, ...docsPage(json) };
    }
    return made;
  };
}

/** Makes the application. Nothing of it touches the store before the first request. */
export function createApp(options: AppOptions): Express {
  const {
    store,
    logger,
    keys,
    draining,
    templates = new Map(),
    policy = fixedPolicy(),
    metrics = new Metrics(),
    heartbeatMs = HEARTBEAT_MS,
  } = options;
  const { isWebhookAddress = addressCheck(false) } = options;
  const { tokens = null, limits, trustedProxies = [], corsOrigins = [], dashboardWritable = false } = options;
  const tools = knownTools(store);
  const namedQueues = async (): Promise<string[]> => [...(await tools.byName()).values()].flatMap(({ queue }) => queue ?? []);
  const meters = apiMeters(metrics, { store, queues: namedQueues });
  const context: ApiContext = {
    store,
    tools,
    templates,
    controlled: keys !== null,
    metrics,
    meters,
    policy,
    draining,
    isWebhookAddress,
    heartbeatMs,
    document: documentation(),
  };
  const limiter = (name: string, limit: RateLimit | null | undefined) =>
    keys === null || limit == null ? null : store.rateLimiter(name, limit);
  const identify = identification({ configured: keys, managed: store, tokens, failures: limiter('failures', limits?.failures) });
  const admit = admission(identify, limiter('calls', limits?.calls));

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('query parser', 'simple');
  app.set('trust proxy', [...trustedProxies]);
  app.use(accessLog(logger, meters));
  app.use(apiHeaders());
  app.use(refusesShape);
  if (keys === null) app.use(refusesForeign);
  app.use(cors(corsOrigins));

  for (const definition of OPERATIONS) app[definition.method](definition.path, endpoint(definition, context, admit));
  for (const path of new Set(OPERATIONS.map((definition) => definition.path))) {
    const methods = OPERATIONS.filter((definition) => definition.path === path).map(({ method }) => method);
    app.route(path).all(methodNotAllowed(path, methods));
  }
  app.post(MCP_PATH, mcpEndpoint(context, admit));
  app.route(MCP_PATH).all(methodNotAllowed(MCP_PATH, ['post']));

  const queues = async () => {
    await store.ping();
    return store.queues(await namedQueues());
  };
  app.use(DASHBOARD_PATH, dashboardRouter({ admit, queues, writable: dashboardWritable, logger }));

  app.use(notFound);
  app.use(failed);
  return app;
}
