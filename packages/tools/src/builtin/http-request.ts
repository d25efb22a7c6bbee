import type { Json } from '@countersign/shared';
import { type Agent, fetch, type Response } from 'undici';
import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { type HttpCall, isRedirect, redirectedCall } from '../http-redirects.ts';
import { type AddressCheck, AddressRefusedError, guardedAgent } from '../network-guard.ts';
import { abortedError, type Tool, ToolError, throwIfAborted } from '../tool.ts';

const MAX_HOPS = 5;
const MAX_BODY_BYTES = 1_000_000;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
/** The connection's own; set by a caller they could cut one request into two. */
const FORBIDDEN_HEADERS: readonly string[] = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

const input = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'must be a URL that starts with http:// or https://' }).max(8_192),
  method: z.enum(METHODS).default('GET'),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.unknown().optional().describe('Text is sent as it is, everything else as JSON.'),
  followRedirects: z.boolean().default(true),
});

function firstCall({ url, method, headers: given, body }: z.output<typeof input>, idempotencyKey: string): HttpCall {
  const target = new URL(url);
  if (target.username !== '' || target.password !== '')
    throw new ToolError('invalid_input', 'url: must not hold a user and a password; send them in an authorization header');
  const hasBody = body !== undefined && body !== null;
  if (hasBody && (method === 'GET' || method === 'HEAD')) throw new ToolError('invalid_input', `body: a ${method} request has none`);
  let headers: Headers;
  try {
    headers = new Headers(given);
  } catch (cause) {
    throw new ToolError('invalid_input', `headers: ${(cause as Error).message}`, { cause });
  }
  for (const name of FORBIDDEN_HEADERS) {
    if (headers.has(name)) throw new ToolError('invalid_input', `headers: ${name} is set by the connection and can't be given`);
  }
  if (!headers.has('user-agent')) headers.set('user-agent', 'countersign');
  if (hasBody && !headers.has('content-type'))
    headers.set('content-type', typeof body === 'string' ? 'text/plain;charset=utf-8' : 'application/json');
  // A step can be run more than once; the other side can tell by this.
  if ((method === 'POST' || method === 'PATCH') && !headers.has('idempotency-key')) headers.set('idempotency-key', idempotencyKey);
  return { url: target, method, headers, body: hasBody ? (typeof body === 'string' ? body : JSON.stringify(body)) : undefined };
}

async function send({ url, method, headers, body }: HttpCall, { agent, signal }: { agent: Agent; signal: AbortSignal }): Promise<Response> {
  try {
    return await fetch(url, { method, headers: [...headers], body: body ?? null, redirect: 'manual', dispatcher: agent, signal });
  } catch (error) {
    throw requestError(error, url, signal);
  }
}

function requestError(error: unknown, url: URL, signal: AbortSignal): ToolError {
  if (error instanceof ToolError) return error;
  if (signal.aborted) return abortedError(signal);
  const cause = (error as { cause?: unknown }).cause ?? error;
  if (cause instanceof AddressRefusedError) return new ToolError('invalid_input', `${url.origin}: ${cause.message}`, { cause });
  const { code, message } = cause as NodeJS.ErrnoException;
  if (message === 'bad port')
    return new ToolError('invalid_input', `url: port ${url.port} belongs to another protocol, and HTTP clients refuse it`, { cause });
  return new ToolError('tool_error', `${url.origin} could not be asked: ${message || code || 'the connection failed'}`, { cause });
}

async function readBody(response: Response, url: URL, signal: AbortSignal): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    // The bytes are counted after decompression: a small answer can hold a large one.
    for await (const piece of response.body ?? []) {
      length += piece.length;
      if (length > MAX_BODY_BYTES)
        throw new ToolError(
          'output_too_large',
          `${url.origin} answers with more than ${MAX_BODY_BYTES} bytes, which is the most there may be`,
        );
      pieces.push(piece);
    }
  } catch (error) {
    throw requestError(error, url, signal);
  }
  return Buffer.concat(pieces);
}

type Body = { body: Json; bodyEncoding: 'json' | 'text' | 'base64' };

function decodeBody(bytes: Buffer, contentType: string): Body {
  const charset = /charset="?([^\s";]+)/i.exec(contentType)?.[1] ?? 'utf-8';
  let text: string;
  try {
    text = new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    return { body: bytes.toString('base64'), bodyEncoding: 'base64' };
  }
  if (/^[^;]*[/+]json\b/i.test(contentType)) {
    try {
      return { body: JSON.parse(text) as Json, bodyEncoding: 'json' };
    } catch {
      // Says it is JSON and is not, or is empty: the text is what there is.
    }
  }
  return { body: text, bodyEncoding: 'text' };
}

export function httpRequest(isAllowed: AddressCheck): Tool {
  const agent = guardedAgent(isAllowed);
  return defineTool({
    name: 'http.request',
    description:
      'Sends an HTTP request. Gives {status, headers, body, bodyEncoding, url}: header names are in lower case, `body` is parsed where the answer is JSON, text where ' +
      'it is text, base64 otherwise, and `url` is the one that answered. Any status is an answer and no failure: check `status`. Follows at most 5 redirects and drops ' +
      'credentials when one leads to another origin. Refuses private, loopback and other non-public addresses unless they are allowed by configuration, and answers over 1 MB. ' +
      "POST and PATCH carry the step's idempotency key.",
    risk: 'write',
    timeoutMs: 30_000,
    input,
    output: z.object({
      status: z.int(),
      headers: z.record(z.string(), z.string()),
      body: z.unknown(),
      bodyEncoding: z.enum(['json', 'text', 'base64']),
      url: z.string(),
    }),
    examples: [
      { text: 'fetch https://example.com', input: { url: 'https://example.com' } },
      { text: 'download https://example.com/data.json', input: { url: 'https://example.com/data.json' } },
      { text: 'check whether https://example.com is up', input: { url: 'https://example.com', method: 'HEAD' } },
      {
        text: 'post the result to https://example.com/hook',
        input: { url: 'https://example.com/hook', method: 'POST', body: '{{input.result}}' },
      },
      { text: 'delete https://example.com/items/7', input: { url: 'https://example.com/items/7', method: 'DELETE' } },
    ],
    async run(request, ctx) {
      throwIfAborted(ctx.signal);
      let call = firstCall(request, ctx.idempotencyKey);
      for (let hops = 0; ; hops++) {
        const response = await send(call, { agent, signal: ctx.signal });
        const location = response.headers.get('location');
        if (!request.followRedirects || !isRedirect(response.status) || location === null) {
          const bytes = await readBody(response, call.url, ctx.signal);
          const decoded = decodeBody(bytes, response.headers.get('content-type') ?? '');
          return { status: response.status, headers: Object.fromEntries(response.headers), ...decoded, url: call.url.href };
        }
        await response.body?.cancel();
        if (hops === MAX_HOPS)
          throw new ToolError('tool_error', `${request.url} redirects more than ${MAX_HOPS} times`, { retryable: false });
        const next = redirectedCall(call, response.status, location);
        if (typeof next === 'string') throw new ToolError('tool_error', `${call.url.origin} ${next}`, { retryable: false });
        call = next;
      }
    },
  });
}
