/** Listens, and stops listening without cutting anybody off. */
import { once, setMaxListeners } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { type AppOptions, createApp } from './app.ts';
import { answerConnectionFaults } from './connection-faults.ts';
import { HTTP_LIMITS, type HttpLimits, serverOptions } from './http-limits.ts';

export interface RunningApi {
  /** where it can be reached from this machine */
  url: string;
  port: number;
  /** Says that it is no longer ready, ends the event streams, takes calls for a last while, lets those under way finish. */
  close(): Promise<void>;
}

export interface ServerOptions extends Omit<AppOptions, 'draining'> {
  host: string;
  port: number;
  /** ms between saying that it is no longer ready and listening no more */
  shutdownDelayMs?: number;
  /** how slowly requests may come; when absent HTTP_LIMITS */
  httpLimits?: HttpLimits;
}

/** Starts the API. Port 0 picks a free one. Rejects when the address can't be listened on. */
export async function startApi(options: ServerOptions): Promise<RunningApi> {
  const draining = new AbortController();
  // Every stream that is open listens to it, and there may be any number of them.
  setMaxListeners(0, draining.signal);
  const app = createApp({ ...options, draining: draining.signal });
  const server = createServer(serverOptions(options.httpLimits ?? HTTP_LIMITS), app);
  // All are counted and looked at; beyond a number of its own Node would leave out the rest without a word.
  server.maxHeadersCount = 0;
  // Whatever a client expects besides: the answer comes all the same.
  server.on('checkExpectation', app);
  answerConnectionFaults(server, options.logger);
  const underWay = new Set<ServerResponse>();
  // A connection on which nothing has been asked yet does not count as idle, but there is nothing to wait for either.
  const letGo = (): void => {
    if (!server.listening && underWay.size === 0) server.closeAllConnections();
  };
  // A connection that is kept alive would keep the server open after its last answer.
  const lastOnItsConnection = (response: ServerResponse): void => {
    if (!response.headersSent) response.setHeader('Connection', 'close');
  };
  server.prependListener('request', (_request, response) => {
    underWay.add(response);
    response.once('close', () => {
      underWay.delete(response);
      letGo();
    });
    if (draining.signal.aborted) lastOnItsConnection(response);
  });
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const { address, family, port } = server.address() as AddressInfo;
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '[::1]' : family === 'IPv6' ? `[${address}]` : address;
  return {
    url: `http://${host}:${port}`,
    port,
    async close() {
      for (const response of underWay) lastOnItsConnection(response);
      draining.abort();
      // Whoever sends calls here may not have seen yet that it shall not; what still comes is answered.
      await setTimeout(options.shutdownDelayMs ?? 0);
      const closed = once(server, 'close');
      server.close();
      letGo();
      await closed;
    },
  };
}
