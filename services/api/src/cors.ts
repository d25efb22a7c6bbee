/**
 * Which pages of other origins may call the API from a browser, and read what it answers: none but those of CORS_ORIGINS,
 * each to the letter. They bring a key or a token of their own: what a browser sends of itself (Basic, cookies) is never
 * allowed to them.
 */
import type { RequestHandler } from 'express';
import { DASHBOARD_PATH } from './dashboard.ts';
import { send } from './send.ts';

/** Seconds that a browser remembers what it was told of a path. */
const REMEMBERED_S = 600;
const METHODS = 'GET, HEAD, POST, PUT, DELETE';
const REQUEST_HEADERS = [
  ...['Authorization', 'Content-Type', 'If-Match', 'Idempotency-Key', 'Last-Event-ID', 'X-Request-Id', 'X-Actor'],
  ...['Traceparent', 'Tracestate', 'Mcp-Protocol-Version', 'Mcp-Session-Id', 'Mcp-Method', 'Mcp-Name'],
].join(', ');
const ANSWER_HEADERS = [
  ...['ETag', 'Location', 'Retry-After', 'RateLimit', 'RateLimit-Policy', 'Idempotent-Replayed', 'X-Request-Id', 'Allow'],
  ...['WWW-Authenticate'],
].join(', ');

const isOfDashboard = (path: string): boolean => path === DASHBOARD_PATH || path.startsWith(`${DASHBOARD_PATH}/`);

/** Lets pages of these origins in, and answers what browsers ask beforehand. The dashboard is for its own pages. */
export function cors(origins: readonly string[]): RequestHandler {
  return (request, response, next) => {
    if (origins.length === 0 || isOfDashboard(request.path)) return next();
    const { origin } = request.headers;
    // Whoever keeps answers must keep one for each origin.
    response.vary('Origin');
    if (origin === undefined || !origins.includes(origin)) return next();
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Expose-Headers', ANSWER_HEADERS);
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return next();
    send(request, response, {
      kind: 'empty',
      status: 204,
      headers: {
        'Access-Control-Allow-Methods': METHODS,
        'Access-Control-Allow-Headers': REQUEST_HEADERS,
        'Access-Control-Max-Age': String(REMEMBERED_S),
      },
    });
  };
}
