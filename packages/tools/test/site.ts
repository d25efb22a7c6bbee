/** An HTTP server for one test file, whose answers each test writes. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;
export interface Site {
  server: Server;
  origin: string;
  routes: Map<string, Handler>;
  /** what arrived, in order */
  seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
}

export async function openSite(): Promise<Site> {
  const routes = new Map<string, Handler>();
  const seen: Site['seen'] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
    const handler = routes.get((request.url ?? '').split('?')[0] ?? '');
    if (handler === undefined) response.writeHead(404).end('no such page');
    else handler(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, routes, seen };
}

export function closeSite({ server }: Site): void {
  server.closeAllConnections();
  server.close();
}
