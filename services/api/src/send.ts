/** Writes answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Answer, problemDocument, statusOf } from './answer.ts';

/** How long a client may go on sending what nobody reads, so that it gets to see its answer. */
const LINGER_MS = 2_000;

/** Lets a body that is not wanted pass by for a moment, then cuts the connection. */
function discardRest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
  request.once('end', () => clearTimeout(timer));
  request.on('error', () => {});
  request.resume();
}

function rendered(answer: Exclude<Answer, { kind: 'written' }>, instance: string): { status: number; type?: string; text?: string } {
  switch (answer.kind) {
    case 'json':
      return { status: answer.status, type: 'application/json; charset=utf-8', text: JSON.stringify(answer.body) };
    case 'text':
      return { status: answer.status, type: answer.type, text: answer.text };
    case 'empty':
      return { status: answer.status };
    case 'problem':
      return {
        status: statusOf(answer),
        type: 'application/problem+json; charset=utf-8',
        text: JSON.stringify(problemDocument(answer, instance)),
      };
  }
}

/**
 * Writes an answer. Not with express's own `send`, which turns answers into 304 when the ETag fits: a plan's digest stays
 * while its status changes.
 */
export function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (answer.kind === 'written' || response.headersSent || response.destroyed) return;
  const { status, type, text } = rendered(answer, (request as { originalUrl?: string }).originalUrl?.split('?')[0] ?? '/');
  response.statusCode = status;
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (!response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', 'no-store');
  if (text === undefined) response.end();
  else {
    const bytes = Buffer.from(text, 'utf8');
    response.setHeader('Content-Type', type ?? 'text/plain; charset=utf-8');
    response.setHeader('Content-Length', bytes.length);
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }
  discardRest(request);
}
