/** Node's requests and responses as the Request and Response of the web, in which the protocol's library speaks. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Of the connection, which is the HTTP server's business. */
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding'];

/** The request without its body. `signal` aborts when the client goes away before it has its answer. */
export function webRequest(request: IncomingMessage, response: ServerResponse): Request {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  // A client that went away before this says so no more.
  if (response.destroyed) gone.abort();
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers))
    for (const each of Array.isArray(value) ? value : [value ?? '']) headers.append(name, each);
  // The address is of no use to the library, and the Host header may be one that no URL can hold.
  return new Request('http://localhost/mcp', { method: request.method ?? 'POST', headers, signal: gone.signal });
}

/** Writes the answer as it comes, as fast as the client reads. */
export async function sendWeb(response: ServerResponse, answer: Response): Promise<void> {
  if (response.destroyed) return;
  response.statusCode = answer.status;
  for (const [name, value] of answer.headers) if (!HOP_BY_HOP.includes(name)) response.setHeader(name, value);
  if (!response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', 'no-store');
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    for await (const chunk of answer.body ?? []) {
      // Who has gone gets nothing more; leaving the loop tells the library.
      if (response.destroyed) return;
      if (!response.write(chunk)) await once(response, 'drain', { signal: gone.signal });
    }
    response.end();
  } catch (error) {
    if (gone.signal.aborted) return;
    response.destroy();
    throw error;
  }
}
