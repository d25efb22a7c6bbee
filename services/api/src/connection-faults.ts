/** Answers what never becomes a request: what is no HTTP, has a head that is too large, or comes too slowly. */
import { randomUUID } from 'node:crypto';
import { IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Logger, logIds } from '@countersign/service';
import { type ProblemAnswer, problemDocument, statusOf } from './answer.ts';
import { malformed } from './request-shape.ts';
import { apiHeaders } from './security-headers.ts';

/** Says nothing of the parser's own words: they name its states, not what would be right. */
function faultOf(code: string | undefined): ProblemAnswer {
  if (code === 'HPE_HEADER_OVERFLOW') return malformed('the head of the request is too large', 431);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return malformed('the request came too slowly', 408);
  return malformed('this is no request of HTTP/1.1 that can be read in one way only');
}

/** The headers that every answer has. */
function headersOfAll(): string[] {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  apiHeaders()(response.req as never, response as never, () => {});
  return Object.entries(response.getHeaders()).map(([name, value]) => `${name}: ${String(value)}`);
}

/** To be called before the server listens. */
export function answerConnectionFaults(server: Server, logger: Logger): void {
  const always = headersOfAll();
  // The answer that is being given on a connection: nothing can be put into its middle.
  const answers = new WeakMap<Duplex, ServerResponse>();
  server.prependListener('request', (request, response) => answers.set(request.socket, response));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const answer = answers.get(socket);
    const isAnswering = answer?.headersSent === true && !answer.writableFinished;
    if (!socket.writable || error.code === 'ECONNRESET' || isAnswering) {
      socket.destroy();
      return;
    }
    const fault = faultOf(error.code);
    const status = statusOf(fault);
    // Whatever id it came with could not be read either.
    const requestId = randomUUID();
    logger.info({ status, why: error.code, ...logIds({ requestId }) }, 'a request could not be read');
    const text = JSON.stringify(problemDocument(fault, '/'));
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      ...always,
      `x-request-id: ${requestId}`,
      'cache-control: no-store',
      'content-type: application/problem+json; charset=utf-8',
      `content-length: ${Buffer.byteLength(text)}`,
      'connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy());
  });
}
