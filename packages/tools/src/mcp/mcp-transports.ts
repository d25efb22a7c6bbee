/** The ways to an MCP server: a process of our own, Streamable HTTP, and the HTTP with SSE that came before. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type FetchLike,
  isJSONRPCRequest,
  isJSONRPCResponse,
  type RequestId,
  SSEClientTransport,
  SseError,
  StreamableHTTPClientTransport,
  type Transport,
} from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { ToolLogger } from '../tool.ts';
import { Agent, fetch } from '../undici.ts';
import { unpausedResponses } from '../unpaused-responses.ts';
import type { McpEndpoint } from './mcp-config.ts';

export interface Line {
  transport: Transport;
  /** To be called when the handshake is done. */
  connected(): void;
  /** Says good-bye, where there is somebody to say it to. Never rejects. */
  leave(): Promise<void>;
  /** Resolves when nothing of a closed line is left, or it has taken too long. */
  ended(): Promise<void>;
}

type Stdio = Extract<McpEndpoint, { kind: 'stdio' }>;
type Http = Extract<McpEndpoint, { kind: 'http' }>;

/** The library asks a process to end, then terminates and at last kills it, 2 s apart. */
const PROCESS_END_MS = 6_000;
const GOOD_BYE_MS = 2_000;
const STDERR_LINE_LENGTH = 1_000;

export function openStdio({ command, args, env, cwd }: Stdio, { server, logger }: { server: string; logger: ToolLogger }): Line {
  const transport = new StdioClientTransport({ command, args, env, stderr: 'pipe', ...(cwd === undefined ? {} : { cwd }) });
  const stderr = createInterface({ input: transport.stderr as Readable, crlfDelay: Number.POSITIVE_INFINITY });
  stderr.on('line', (line) => logger.debug('MCP server says', { server, line: line.slice(0, STDERR_LINE_LENGTH) }));
  let started = false;
  const start = transport.start.bind(transport);
  transport.start = async () => {
    await start();
    started = true;
  };
  const closed = new Promise<void>((resolve) => {
    transport.onclose = resolve;
  });
  return {
    transport,
    connected() {},
    leave: async () => {},
    async ended() {
      const waiting = new AbortController();
      if (started) await Promise.race([closed, delay(PROCESS_END_MS, undefined, { signal: waiting.signal }).catch(() => {})]);
      waiting.abort();
      stderr.close();
    },
  };
}

/** fetch without limits of its own: how long an answer may take is for the step to say. */
function patientFetch(): { fetch: FetchLike; close(): Promise<void> } {
  // Without a bound on bytes: a stream of answers goes on for days, and each is read at once.
  const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 }).compose(unpausedResponses(Number.POSITIVE_INFINITY));
  return {
    fetch: ((url: string | URL, init: object = {}) => fetch(url, { ...init, dispatcher: agent })) as unknown as FetchLike,
    close: () => agent.destroy(),
  };
}

/**
 * Lets a request fail whose stream of answers ended without one: the library waits for it for ever, but the server that
 * was to answer has gone.
 */
function failUnanswered(transport: StreamableHTTPClientTransport): void {
  const open = new Set<RequestId>();
  const { onmessage } = transport;
  transport.onmessage = (message) => {
    if (isJSONRPCResponse(message) && message.id !== undefined) open.delete(message.id);
    onmessage?.(message);
  };
  const send = transport.send.bind(transport);
  transport.send = async (message, options) => {
    if (Array.isArray(message) || !isJSONRPCRequest(message)) return send(message, options);
    const { id } = message;
    open.add(id);
    const onRequestStreamEnd = (): void => {
      options?.onRequestStreamEnd?.();
      if (!open.delete(id)) return;
      transport.onmessage?.({ jsonrpc: '2.0', id, error: { code: -32_000, message: 'the connection was lost before the answer came' } });
    };
    try {
      await send(message, { ...options, onRequestStreamEnd });
    } catch (error) {
      open.delete(id);
      throw error;
    }
  };
}

export function openStreamable({ url, headers }: Http): Line {
  const { fetch: patient, close } = patientFetch();
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers }, fetch: patient });
  return {
    transport,
    connected: () => failUnanswered(transport),
    async leave() {
      const waiting = new AbortController();
      const tooLong = delay(GOOD_BYE_MS, undefined, { signal: waiting.signal }).catch(() => {});
      await Promise.race([transport.terminateSession().catch(() => {}), tooLong]);
      waiting.abort();
    },
    ended: close,
  };
}

export function openSse({ url, headers }: Http): Line {
  const { fetch: patient, close } = patientFetch();
  const transport = new SSEClientTransport(url, { requestInit: { headers }, fetch: patient });
  return {
    transport,
    connected() {
      const { onerror } = transport;
      transport.onerror = (error) => {
        onerror?.(error);
        // The session is the stream's: a new stream would be of a new one, and nothing that is waited for comes any more.
        if (error instanceof SseError) void transport.close();
      };
    },
    leave: async () => {},
    ended: close,
  };
}
