/** A server that webhooks are sent to: keeps what came, and answers as it is told. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WebhookMessage } from '@countersign/shared';

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  message: WebhookMessage;
}

/** A status; or with headers; or nothing at all, until the other side gives up. */
export type ReceiverAnswer = number | { status: number; headers: Record<string, string> } | 'hang';

export interface Receiver {
  port: number;
  url: string;
  received: Received[];
  /** how many are being answered right now, and the most that ever were */
  open(): { now: number; most: number };
  close(): Promise<void>;
}

/** `answer` is asked with what came and how many came before it. */
export async function startReceiver(answer: (received: Received, before: number) => ReceiverAnswer = () => 204): Promise<Receiver> {
  const received: Received[] = [];
  let now = 0;
  let most = 0;
  const server = createServer(async (request, response) => {
    now++;
    most = Math.max(most, now);
    let isOpen = true;
    // What has been answered counts no more, also where the other side hears of it before the connection has ended.
    for (const end of ['finish', 'close'])
      response.once(end, () => {
        if (isOpen) now--;
        isOpen = false;
      });
    let body = '';
    for await (const chunk of request) body += chunk;
    const came = { path: request.url ?? '', headers: request.headers, body, message: JSON.parse(body) as WebhookMessage };
    const given = answer(came, received.length);
    received.push(came);
    if (given === 'hang') return;
    const { status, headers } = typeof given === 'number' ? { status: given, headers: {} } : given;
    response.writeHead(status, headers).end('thank you');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}/hook`,
    received,
    open: () => ({ now, most }),
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
