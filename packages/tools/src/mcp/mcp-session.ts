/** One connection to an MCP server, from its handshake to its end. */
import type { CallToolResult, Tool as ListedTool, Progress } from '@modelcontextprotocol/client';
import { Client, type JsonSchemaValidator, type jsonSchemaValidator, ProtocolError, SdkHttpError } from '@modelcontextprotocol/client';
import type { ToolLogger } from '../tool.ts';
import type { McpServerConfig } from './mcp-config.ts';
import { type Line, openSse, openStdio, openStreamable } from './mcp-transports.ts';

export interface McpCall {
  /** as the server names the tool */
  tool: string;
  input: Record<string, unknown>;
  idempotencyKey: string;
  signal: AbortSignal;
  onProgress(progress: Progress): void;
}

export interface McpSession {
  /** name and version that the server gives itself */
  readonly server: string;
  /** on the clock of `performance.now()` */
  readonly connectedAt: number;
  /** Every page of the listing, read anew. */
  listTools(signal: AbortSignal): Promise<ListedTool[]>;
  call(call: McpCall): Promise<CallToolResult>;
  /** Ends the connection, and the process behind it. */
  close(): Promise<void>;
}

export interface SessionOptions {
  logger: ToolLogger;
  /** aborts the handshake */
  signal: AbortSignal;
  /** the server says that its tools are others now */
  onToolsChanged(): void;
  /** the connection has ended, whoever ended it */
  onClosed(): void;
}

/** ms that a handshake, and a listing, may take: servers that are fetched by `npx` take their time. */
const ANSWER_MS = 60_000;
/** A call's time is the step's: the largest delay that a timer takes. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;
const LIST_CHANGED_MS = 100;

const VERSION = '0.1.0';

/** Outputs are checked by us, with patterns that take linear time: the library's own check has none of that. */
const UNCHECKED: jsonSchemaValidator = {
  getValidator:
    <Value>(): JsonSchemaValidator<Value> =>
    (value) => ({ valid: true, data: value as Value, errorMessage: undefined }),
};

type Dialect = 'initialize' | 'discover';

/** Connects over one line. `initialize` is the handshake that every server knew until 2026, `discover` asks first. */
async function open(
  line: Line,
  dialect: Dialect,
  { server, logger, signal, onToolsChanged, onClosed }: SessionOptions & { server: string },
): Promise<McpSession> {
  const client = new Client(
    { name: 'countersign', version: VERSION },
    {
      jsonSchemaValidator: UNCHECKED,
      versionNegotiation: { mode: dialect === 'initialize' ? 'legacy' : 'auto' },
      listChanged: { tools: { autoRefresh: false, debounceMs: LIST_CHANGED_MS, onChanged: onToolsChanged } },
    },
  );
  client.onerror = (error) => logger.debug('MCP connection', { server, error: error.message });
  const close = async (): Promise<void> => {
    await line.leave();
    await client.close();
    await line.ended();
  };
  try {
    await client.connect(line.transport, { timeout: ANSWER_MS, signal });
  } catch (error) {
    await close();
    throw error;
  }
  client.onclose = onClosed;
  line.connected();
  const { name = server, version = '' } = client.getServerVersion() ?? {};
  return {
    server: `${name} ${version}`.trim(),
    connectedAt: performance.now(),
    async listTools(listSignal) {
      if (client.getServerCapabilities()?.tools === undefined) return [];
      // A server may say that its listing stays good for a while; before a call it is read all the same.
      const { tools } = await client.listTools(undefined, { timeout: ANSWER_MS, signal: listSignal, cacheMode: 'refresh' });
      return tools;
    },
    call: ({ tool, input, idempotencyKey, signal: callSignal, onProgress }) =>
      client.callTool(
        { name: tool, arguments: input, _meta: { 'countersign/idempotencyKey': idempotencyKey } },
        { signal: callSignal, timeout: NO_TIMEOUT_MS, onprogress: onProgress },
      ),
    close,
  };
}

/** Streamable HTTP is not spoken at this URL, by the rules of the protocol: the older transport may be. */
const isNotStreamable = (error: unknown): boolean => error instanceof SdkHttpError && [400, 404, 405].includes(error.status);

/** Connects to a server, however it wants to be spoken to. Rejects with what the last way to try said. */
export async function connect({ name, endpoint }: McpServerConfig, options: SessionOptions): Promise<McpSession> {
  const scope = { ...options, server: name };
  if (endpoint.kind === 'stdio') {
    // Asking first would start a second process each time: nearly every server knows `initialize`.
    try {
      return await open(openStdio(endpoint, scope), 'initialize', scope);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return open(openStdio(endpoint, scope), 'discover', scope);
    }
  }
  if (endpoint.transport === 'sse') return open(openSse(endpoint), 'initialize', scope);
  try {
    return await open(openStreamable(endpoint), 'discover', scope);
  } catch (error) {
    if (endpoint.transport !== 'either' || !isNotStreamable(error)) throw error;
    return await open(openSse(endpoint), 'initialize', scope).catch(() => {
      // The URL is most likely one of today's servers that refused us: what it said is of more use.
      throw error;
    });
  }
}
