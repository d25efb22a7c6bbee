/** The API as an express application. Listening is up to server.ts. */
import type { Logger } from '@countersign/service';
import { type AddressCheck, addressCheck } from '@countersign/tools';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { accessLog } from './access-log.ts';
import { identifyByKey, identifyByName } from './actors.ts';
import { problem, withHeaders } from './answer.ts';
import type { ApiKey } from './api-keys.ts';
import { DASHBOARD_PATH, dashboard, type Queue } from './dashboard.ts';
import { docsPage } from './docs-page.ts';
import { admit, endpoint, notesOf } from './endpoint.ts';
import { refuseForeign } from './guard.ts';
import { knownTools } from './known-tools.ts';
import { MCP_PATH, mcpEndpoint } from './mcp/mcp-endpoint.ts';
import { openapiDocument } from './openapi.ts';
import type { ApiContext, ApiStore } from './operation.ts';
import { OPERATIONS } from './operations.ts';
import { faultAnswer } from './perform.ts';
import { apiHeaders, dashboardHeaders } from './security-headers.ts';
import { send } from './send.ts';
import type { Templates } from './templates/load-templates.ts';

/** Milliseconds between two comments on a silent event stream: less than proxies wait. */
const HEARTBEAT_MS = 15_000;

export interface AppOptions {
  store: ApiStore & { queues(named?: readonly string[]): readonly Queue[] };
  logger: Logger;
  /** null: there are none, and only this machine may call */
  keys: readonly ApiKey[] | null;
  /** aborts when the process is asked to end: it is no longer ready, and event streams end */
  draining: AbortSignal;
  /** when absent there are none */
  templates?: Templates;
  /** which addresses webhooks may be sent to; when absent, public ones */
  isWebhookAddress?: AddressCheck;
  heartbeatMs?: number;
}

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
    notesOf(response).route = path;
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

/** Makes the application. Nothing of it touches the store before the first request. */
export function createApp(options: AppOptions): Express {
  const { store, logger, keys, draining, templates = new Map(), heartbeatMs = HEARTBEAT_MS } = options;
  const { isWebhookAddress = addressCheck(false) } = options;
  const document = openapiDocument(OPERATIONS);
  const context: ApiContext = {
    store,
    tools: knownTools(store),
    templates,
    draining,
    isWebhookAddress,
    heartbeatMs,
    document: { json: document, ...docsPage(document) },
  };
  const identify = keys === null ? identifyByName : identifyByKey(keys);

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('query parser', 'simple');
  app.use(accessLog(logger));
  app.use(apiHeaders());
  if (keys === null) app.use(refusesForeign);

  for (const definition of OPERATIONS) app[definition.method](definition.path, endpoint(definition, context, identify));
  for (const path of new Set(OPERATIONS.map((definition) => definition.path))) {
    const methods = OPERATIONS.filter((definition) => definition.path === path).map(({ method }) => method);
    app.route(path).all(methodNotAllowed(path, methods));
  }
  app.post(MCP_PATH, mcpEndpoint(context, identify));
  app.route(MCP_PATH).all(methodNotAllowed(MCP_PATH, ['post']));

  const admitToDashboard: RequestHandler = (request, response, next) => {
    const notes = notesOf(response);
    notes.route = DASHBOARD_PATH;
    const admitted = admit('operate', identify, request);
    if (!admitted.ok) return send(request, response, admitted.answer);
    notes.actor = admitted.actor;
    // The dashboard is for looking; its own commands are kept out here as well.
    if (request.method === 'GET' || request.method === 'HEAD') return next();
    const answer = problem('method_not_allowed', 'the dashboard only shows; act on plans through the API');
    return send(request, response, withHeaders(answer, { Allow: 'GET, HEAD' }));
  };
  const board = dashboard();
  // What the dashboard reads, it reads past the store's commands; without Redis it would answer errors of its own.
  const showQueues: RequestHandler = async (_request, _response, next) => {
    await store.ping();
    const tools = await context.tools.byName();
    board.show(store.queues([...tools.values()].flatMap(({ queue }) => queue ?? [])));
    next();
  };
  app.use(`${DASHBOARD_PATH}/api`, admitToDashboard, showQueues);
  app.use(DASHBOARD_PATH, admitToDashboard, dashboardHeaders(), board.router);

  app.use(notFound);
  app.use(failed);
  return app;
}
