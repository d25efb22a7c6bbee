/** A local server that speaks the OpenAI chat protocol and answers as it is told: for tests of what models and servers do. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ModelRequest {
  path: string;
  headers: IncomingHttpHeaders;
  body: {
    model: string;
    messages: { role: string; content: string }[];
    response_format?: { type: string; json_schema?: { name: string; strict: boolean; schema: Record<string, unknown> } };
  };
}

/** What the server does with one request. */
export type ModelReply =
  /** a completion; an object is written as JSON text */
  | { content: string | object; finishReason?: string; usage?: { prompt_tokens: number; completion_tokens: number } | null }
  | { refusal: string }
  /** an answer that is no completion */
  | { status: number; headers?: Record<string, string>; body?: unknown }
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
    else if ('status' in reply)
      send(response, reply.status, reply.body ?? { error: { message: `told to answer ${reply.status}` } }, reply.headers);
    else send(response, 200, completion(request, reply));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
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

async function read(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json', ...headers }).end(text);
}

function completion({ body }: ModelRequest, reply: Extract<ModelReply, { content: unknown } | { refusal: string }>): object {
  const refusal = 'refusal' in reply ? reply.refusal : null;
  const content = 'content' in reply ? (typeof reply.content === 'string' ? reply.content : JSON.stringify(reply.content)) : null;
  const usage = 'usage' in reply && reply.usage !== undefined ? reply.usage : { prompt_tokens: 100, completion_tokens: 20 };
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: body.model,
    choices: [
      {
        index: 0,
        finish_reason: ('finishReason' in reply && reply.finishReason) || 'stop',
        logprobs: null,
        message: { role: 'assistant', content, refusal },
      },
    ],
    ...(usage === null ? {} : { usage: { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens } }),
  };
}
