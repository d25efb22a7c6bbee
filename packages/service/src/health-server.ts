/**
 * A port for those who watch a process: whether it lives, whether it works, its metrics. It knows no keys, so it belongs
 * where only they can reach it.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import type { WatchedStore } from './store-metrics.ts';

const schema = z.object({
  /** absent: there is none; 0: a free one, which the log names */
  HEALTH_PORT: z.coerce
    .number('must be a port number; 0 picks a free one')
    .int('must be a whole port number')
    .min(0, 'must be 0 to 65535')
    .max(65_535, 'must be 0 to 65535')
    .optional(),
  HEALTH_HOST: z.string().default('127.0.0.1'),
});

export type HealthSettings = z.output<typeof schema>;

/** For the schema of every service. */
export const healthSettings = schema.shape;

export interface HealthOptions {
  metrics: Metrics;
  logger: Logger;
  /** aborts when the process is asked to end */
  draining: AbortSignal;
  store: WatchedStore;
}

export interface Health {
  /** The service does its work from now on. */
  started(): void;
  close(): Promise<void>;
}

/** Nothing of it is for browsers. */
const HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', 'Content-Security-Policy': "default-src 'none'" };

/** ms for a whole request: those who watch send a line and some headers. */
const REQUEST_MS = 10_000;

interface Reply {
  status: number;
  type: string;
  text: string;
}

const json = (status: number, body: object): Reply => ({ status, type: 'application/json; charset=utf-8', text: JSON.stringify(body) });

function listenerOf({ metrics, logger, draining, store }: HealthOptions, isStarted: () => boolean) {
  const unready = (reason: string): Reply => json(503, { status: 'not ready', reason });
  const readiness = async (): Promise<Reply> => {
    if (draining.aborted) return unready('shutting down');
    // First: while it starts, the store may say more, such as how far a migration is.
    const readiness = await store.readiness();
    if (!readiness.ready) return unready(readiness.reason);
    if (!isStarted()) return unready('starting');
    return json(200, { status: 'ready' });
  };
  const pages: Readonly<Record<string, () => Promise<Reply>>> = {
    '/healthz': async () => json(200, { status: 'ok' }),
    '/readyz': readiness,
    '/metrics': async () => ({ status: 200, type: metrics.contentType, text: await metrics.text() }),
  };
  const replyTo = async ({ method, url = '' }: IncomingMessage): Promise<Reply> => {
    const page = Object.hasOwn(pages, url.split('?')[0] ?? '') ? pages[url.split('?')[0] ?? ''] : undefined;
    if (page === undefined) return json(404, { error: `there are ${Object.keys(pages).join(', ')}` });
    if (method !== 'GET' && method !== 'HEAD') return json(405, { error: 'possible: GET, HEAD' });
    try {
      return await page();
    } catch (error) {
      logger.error({ err: error }, 'a page for those who watch this process failed');
      return json(500, { error: 'something went wrong here; the log has more' });
    }
  };
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, type, text } = await replyTo(request);
    response.writeHead(status, { ...HEADERS, 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
}

/** Opens the port where the settings name one. Rejects when it can't be listened on. */
export async function openHealth({ HEALTH_PORT, HEALTH_HOST }: HealthSettings, options: HealthOptions): Promise<Health> {
  let started = false;
  const markStarted = (): void => {
    started = true;
  };
  if (HEALTH_PORT === undefined) return { started: markStarted, close: async () => {} };
  const timeouts = { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: REQUEST_MS / 2 };
  const server = createServer(
    timeouts,
    listenerOf(options, () => started),
  );
  server.listen(HEALTH_PORT, HEALTH_HOST);
  await once(server, 'listening');
  const { address, family, port } = server.address() as AddressInfo;
  const health = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  options.logger.info({ health, metrics: `${health}/metrics` }, 'can be watched');
  return {
    started: markStarted,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
