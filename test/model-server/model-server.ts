/** A local server that speaks the OpenAI chat protocol and answers as it is told: for tests of what models and servers do. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { completion } from './completion.ts';

export interface ModelRequest {
  path: string;
  headers: IncomingHttpHeaders;
  body: {
    model: string;
    messages: { role: string; content: string }[];
    response_format?: { type: string; json_schema?: { name: string; strict: boolean; schema: Record<string, unknown> } };
    tools?: { type: string; function: { name: string; parameters: Record<string, unknown> } }[];
    tool_choice?: { type: string; function: { name: string } };
    max_tokens?: number;
    max_completion_tokens?: number;
    temperature?: number;
  };
}

interface Counted {
  finishReason?: string | null;
  /** null: the server does not count */
  usage?: { prompt_tokens: number; completion_tokens: number } | null;
}

/** What the server does with one request. */
export type ModelReply =
  /** an object comes in the format that was asked for, as a good server gives it; text, or parts, as the message's content */
  | ({ content: string | object | readonly object[] } & Counted)
  /** calls of the tool that was asked for: their arguments, as objects, or as the text that they are in the protocol */
  | ({ toolCalls: readonly (string | object)[]; content?: string } & Counted)
  | ({ refusal: string } & Counted)
  /** an answer that is no completion */
  | { status: number; headers?: Record<string, string>; body?: unknown }
  /** 200 and JSON by its headers; in truth, these bytes */
  | { bytes: Uint8Array }
  /** no answer at all, or only its head */
  | { hang: 'before headers' | 'within body' }
  /** the connection is cut */
  | { hangUp: true };

/** The replies in order (the last one again and again), or a function of the request and its number from 0, which may take its time. */
export type ModelBehaviour = readonly ModelReply[] | ((request: ModelRequest, index: number) => ModelReply | Promise<ModelReply>);

export interface ModelServer {
  /** what OPENAI_BASE_URL must be */
  url: string;
  requests: ModelRequest[];
  /** connections that the client closed while the server was silent */
  readonly abandoned: number;
  close(): Promise<void>;
}

export async function startModelServer(behaviour: ModelBehaviour): Promise<ModelServer> {
  const requests: ModelRequest[] = [];
  let abandoned = 0;
  const server = createServer(async (incoming, response) => {
    if (incoming.method !== 'POST' || incoming.url !== '/v1/chat/completions')
      return send(response, 404, { error: { message: 'no such path' } });
    const request: ModelRequest = { path: incoming.url, headers: incoming.headers, body: JSON.parse(await read(incoming)) };
    requests.push(request);
    const index = requests.length - 1;
    const reply = typeof behaviour === 'function' ? await behaviour(request, index) : behaviour[Math.min(index, behaviour.length - 1)];
    if (reply === undefined) return send(response, 500, { error: { message: 'the model server was told nothing' } });
    if ('hang' in reply) {
      response.on('close', () => abandoned++);
      if (reply.hang === 'within body') response.writeHead(200, { 'content-type': 'application/json' }).write('{"id":');
    } else if ('hangUp' in reply) incoming.socket.destroy();
    else if ('bytes' in reply) response.writeHead(200, { 'content-type': 'application/json' }).end(reply.bytes);
    else if ('status' in reply)
      send(response, reply.status, reply.body ?? { error: { message: `told to answer ${reply.status}` } }, reply.headers);
    else send(response, 200, completion(request, reply));
  });
  const port = await listenOnNewPort(server);
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    get abandoned() {
      return abandoned;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What a model's user has found out about a server is remembered by its address, so no two servers of a process share one. */
const used = new Set<number>();

async function listenOnNewPort(server: Server): Promise<number> {
  for (;;) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    if (!used.has(port)) {
      used.add(port);
      return port;
    }
    await new Promise((resolve) => server.close(resolve));
  }
}

async function read(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json', ...headers }).end(text);
}
