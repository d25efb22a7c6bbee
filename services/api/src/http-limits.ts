/** How large a request's head may be and how slowly it may come, so that nobody holds connections for nothing. */
import type { ServerOptions } from 'node:http';

export interface HttpLimits {
  /** ms from a connection, or the last answer on it, to the end of the headers */
  headersMs: number;
  /** ms to the end of the body */
  requestMs: number;
  /** ms between two looks for requests that take too long */
  checkMs: number;
}

export const HTTP_LIMITS: HttpLimits = { headersMs: 20_000, requestMs: 120_000, checkMs: 5_000 };
/** Bytes of a request's head, path included. */
const HEAD_BYTES = 16_384;
/** ms that a connection stays open after an answer without a next request. */
const IDLE_MS = 5_000;

/** Bytes of a path with its query. */
export const URL_BYTES = 8_192;
export const HEADERS = 100;

export const serverOptions = ({ headersMs, requestMs, checkMs }: HttpLimits): ServerOptions => ({
  maxHeaderSize: HEAD_BYTES,
  headersTimeout: headersMs,
  requestTimeout: requestMs,
  connectionsCheckingInterval: checkMs,
  keepAliveTimeout: IDLE_MS,
  // Node's own refusal would be an answer without our headers; see request-shape.ts.
  requireHostHeader: false,
});
