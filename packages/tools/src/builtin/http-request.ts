import { isObject, type Json, type JsonObject } from '@countersign/shared';
import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { counted, effectsOr, isPending, named, textOf } from '../effect-words.ts';
import { fileAt, placeToWrite, refuseExisting, writeWhole } from '../file-writing.ts';
import { type HttpCall, isRedirect, redirectedCall } from '../http-redirects.ts';
import { type AddressCheck, AddressRefusedError } from '../network-guard.ts';
import { isSecretName, urlWords } from '../secret-words.ts';
import { abortedError, type Tool, ToolError, throwIfAborted } from '../tool.ts';
import type { Dispatcher, fetch, Response } from '../undici.ts';
import { AnswerTooLargeError } from '../unpaused-responses.ts';
import type { Workspace } from '../workspace.ts';

const MAX_HOPS = 5;
const MAX_BODY_BYTES = 1_000_000;
/** Of an answer that goes into a file. */
const MAX_FILE_BYTES = 100_000_000;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
/** They ask for something and change nothing on the other side. */
const READING_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];
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
  saveTo: z
    .string()
    .min(1)
    .max(4_096)
    .optional()
    .describe('A file of the workspace that the body goes into, for an answer that is large or binary.'),
  overwrite: z.boolean().default(false).describe('Whether `saveTo` may replace a file with other content.'),
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

/** What requests are made with. */
interface Way {
  fetch: typeof fetch;
  agent: Dispatcher;
}

async function send({ url, method, headers, body }: HttpCall, { way, signal }: { way: Way; signal: AbortSignal }): Promise<Response> {
  try {
    return await way.fetch(url, { method, headers: [...headers], body: body ?? null, redirect: 'manual', dispatcher: way.agent, signal });
  } catch (error) {
    throw requestError(error, url, signal);
  }
}

function requestError(error: unknown, url: URL, signal: AbortSignal): ToolError {
  if (error instanceof ToolError) return error;
  if (signal.aborted) return abortedError(signal);
  const cause = (error as { cause?: unknown }).cause ?? error;
  if (cause instanceof AnswerTooLargeError) return new ToolError('output_too_large', `${url.origin} ${cause.message}`, { cause });
  if (cause instanceof AddressRefusedError) return new ToolError('invalid_input', `${url.origin}: ${cause.message}`, { cause });
  const { code, message } = cause as NodeJS.ErrnoException;
  if (message === 'bad port')
    return new ToolError('invalid_input', `url: port ${url.port} belongs to another protocol, and HTTP clients refuse it`, { cause });
  return new ToolError('tool_error', `${url.origin} could not be asked: ${message || code || 'the connection failed'}`, { cause });
}

/** The bytes are counted after decompression: a small answer can hold a large one. */
async function* piecesOf(
  response: Response,
  { url, signal, maxBytes }: { url: URL; signal: AbortSignal; maxBytes: number },
): AsyncGenerator<Uint8Array> {
  let length = 0;
  try {
    for await (const piece of response.body ?? []) {
      length += piece.length;
      if (length > maxBytes) throw new AnswerTooLargeError(maxBytes);
      yield piece;
    }
  } catch (error) {
    throw requestError(error, url, signal);
  }
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

async function savedWords(workspace: Workspace, { saveTo, overwrite }: JsonObject): Promise<string> {
  const path = textOf(saveTo);
  if (saveTo === undefined) return '';
  if (path === null || isPending(path))
    return `, and ${overwrite === true ? 'writes or replaces' : 'writes'} the file ${path === null ? 'that earlier steps name' : named(path, 40)}`;
  try {
    const place = await placeToWrite(workspace, path);
    const found = await fileAt(place);
    const where = named(place.path, 50);
    if (found === null) return `, and creates ${where}`;
    return `, and ${overwrite === true ? 'replaces' : 'is refused where the answer is not'} ${where} (${counted(found.bytes, 'byte')})`;
  } catch {
    return `, and is refused: ${named(path, 40)} is no place for a file`;
  }
}

const effectsIn = (workspace: Workspace) =>
  effectsOr('sends an HTTP request', async (request) => {
    const { method = 'GET', body, headers } = request;
    const url = textOf(request.url);
    const where = url === null ? 'a URL that earlier steps give' : urlWords(url, 90);
    const saved = await savedWords(workspace, request);
    const names = typeof headers === 'object' && headers !== null ? Object.keys(headers) : [];
    const credentials = names.some(isSecretName) ? ' with credentials' : '';
    if (typeof method !== 'string' || isPending(method)) return `sends a request${credentials} to ${where}${saved}`;
    if (READING_METHODS.includes(method)) return `reads ${where}${credentials}${saved}`;
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? '');
    const content =
      body === undefined || body === null
        ? ''
        : isPending(body)
          ? ' with what earlier steps give'
          : ` with ${counted(Buffer.byteLength(text), 'byte')}`;
    return `sends ${named(method, 20)}${content}${credentials} to ${where}${saved}`;
  });

interface Sending {
  way: Way;
  signal: AbortSignal;
  followRedirects: boolean;
  /** its body may hold what is meant for the first origin alone */
  hasSecrets: boolean;
}

/** Sends the call and those that its redirects lead to. */
async function answerTo(first: HttpCall, { way, signal, followRedirects, hasSecrets }: Sending): Promise<{ response: Response; url: URL }> {
  let call = first;
  for (let hops = 0; ; hops++) {
    const response = await send(call, { way, signal });
    const location = response.headers.get('location');
    if (!followRedirects || !isRedirect(response.status) || location === null) return { response, url: call.url };
    await response.body?.cancel();
    if (hops === MAX_HOPS)
      throw new ToolError('tool_error', `${first.url.origin} redirects more than ${MAX_HOPS} times`, { retryable: false });
    const next = redirectedCall(call, response.status, location);
    if (typeof next === 'string') throw new ToolError('tool_error', `${call.url.origin} ${next}`, { retryable: false });
    if (hasSecrets && next.body !== undefined && next.url.origin !== first.url.origin) {
      const message = `${call.url.origin} redirects to ${next.url.origin}, which is not followed: the body may hold a secret`;
      throw new ToolError('tool_error', message, { retryable: false });
    }
    call = next;
  }
}

/** Where a redirect leads is another matter: headers and bodies with secrets don't go there. */
function hostsOf(request: Json): string[] | null {
  const url = isObject(request) ? request.url : undefined;
  if (typeof url !== 'string' || !URL.canParse(url)) return null;
  const { protocol, host } = new URL(url);
  return [protocol === 'https:' ? host : `${protocol}//${host}`];
}

export function httpRequest(isAllowed: AddressCheck, workspace: Workspace): Tool {
  let way: Promise<Way> | undefined;
  const opened = (): Promise<Way> => {
    way ??= import('../guarded-http.ts').then(({ fetch, guardedAgent }) => ({
      fetch,
      agent: guardedAgent(isAllowed, { maxBytes: MAX_FILE_BYTES }),
    }));
    return way;
  };
  return defineTool({
    name: 'http.request',
    description:
      'Sends an HTTP request. Gives {status, headers, body, bodyEncoding, url}: header names are in lower case, `body` is parsed where the answer is JSON, text where ' +
      'it is text, base64 otherwise, and `url` is the one that answered. Any status is an answer and no failure: check `status`. With `saveTo` the body goes into a file of ' +
      'the workspace, whatever the status, and the output has `file` {path, bytes, sha256} in place of `body`. Follows at most 5 redirects and drops ' +
      'credentials when one leads to another origin. Refuses private, loopback and other non-public addresses unless they are allowed by configuration, and answers over 1 MB, ' +
      "or over 100 MB where they go into a file. POST and PATCH carry the step's idempotency key. Credentials are the whole value of a header, as a secret: " +
      '{"authorization": {"$secret": "NAME"}}.',
    risk: 'write',
    // Only some methods are.
    idempotent: false,
    timeoutMs: 30_000,
    input,
    output: z.object({
      status: z.int(),
      headers: z.record(z.string(), z.string()),
      body: z.unknown().optional(),
      bodyEncoding: z.enum(['json', 'text', 'base64']).optional(),
      file: z.object({ path: z.string(), bytes: z.int(), sha256: z.string() }).optional(),
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
    effects: effectsIn(workspace),
    hosts: hostsOf,
    async run(request, { signal, idempotencyKey, secrets = [] }) {
      throwIfAborted(signal);
      const { saveTo, overwrite, followRedirects } = request;
      const place = saveTo === undefined ? null : await placeToWrite(workspace, saveTo);
      // A folder or a pipe in its place is found out before anything is sent.
      if (place !== null) await fileAt(place);
      // What was changed on the other side can't be asked for again because its answer could not be kept.
      if (place !== null && !overwrite && !READING_METHODS.includes(request.method)) await refuseExisting(place);
      const { response, url } = await answerTo(firstCall(request, idempotencyKey), {
        ...{ way: await opened(), signal, followRedirects },
        hasSecrets: secrets.length > 0,
      });
      const answer = { status: response.status, headers: Object.fromEntries(response.headers), url: url.href };
      if (place !== null) {
        try {
          const pieces = piecesOf(response, { url, signal, maxBytes: MAX_FILE_BYTES });
          return { ...answer, file: await writeWhole(place, pieces, { overwrite, signal }) };
        } finally {
          // Where no file could be opened nobody has read it, and the connection would stay.
          if (!response.bodyUsed) await response.body?.cancel();
        }
      }
      const bytes: Uint8Array[] = [];
      for await (const piece of piecesOf(response, { url, signal, maxBytes: MAX_BODY_BYTES })) bytes.push(piece);
      return { ...answer, ...decodeBody(Buffer.concat(bytes), response.headers.get('content-type') ?? '') };
    },
  });
}
