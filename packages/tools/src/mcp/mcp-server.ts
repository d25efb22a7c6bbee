/** One MCP server of the configuration: its connection, kept up, and its tools as they are now. */
import type { CallToolResult, Tool as ListedTool } from '@modelcontextprotocol/client';
import { abortedError, ToolError, type ToolLogger, throwIfAborted } from '../tool.ts';
import type { McpServerConfig } from './mcp-config.ts';
import { faultError, faultText, isConnectionFault, isTimeout } from './mcp-result.ts';
import { connect, type McpCall, type McpSession } from './mcp-session.ts';

/** ms before a lost server is looked for again; doubled each time. */
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** A connection that held this long, in ms, was a good one: the next backoff is short again. */
const HELD_MS = 30_000;

export interface McpServerOptions {
  config: McpServerConfig;
  logger: ToolLogger;
  /** called with each listing, in the order in which they were asked for */
  onListing(listing: readonly ListedTool[]): void;
}

/** Resolves as `promise` does; rejects when the signal aborts first. */
function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  throwIfAborted(signal);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortedError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Owns the connection. It is made again when it was lost: after a backoff, or at once when somebody needs it. */
export class McpServer {
  readonly #options: McpServerOptions;
  readonly #closing = new AbortController();
  #session: McpSession | null = null;
  #connecting: Promise<McpSession> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #backoffMs = FIRST_BACKOFF_MS;
  #listingsAsked = 0;
  #listingsTaken = 0;
  #callsInHand = 0;
  #fault: string | null = 'it has not answered yet';
  /** ends of connections that were given up */
  readonly #leaving = new Set<Promise<void>>();

  constructor(options: McpServerOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.config.name;
  }

  /** Why its tools are not known; null once they have been listed. */
  get fault(): string | null {
    return this.#fault;
  }

  /** The connection there is, or one made now. */
  #connected(): Promise<McpSession> {
    if (this.#session !== null) return Promise.resolve(this.#session);
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  async #connect(): Promise<McpSession> {
    clearTimeout(this.#timer);
    const { config, logger } = this.#options;
    const { signal } = this.#closing;
    let session: McpSession | null = null;
    let ended = false;
    try {
      throwIfAborted(signal);
      session = await connect(config, {
        logger,
        signal,
        onToolsChanged: () => this.#readAgain(),
        onClosed: () => {
          ended = true;
          if (session !== null) this.#lost(session, 'the connection was closed');
        },
      });
      const tools = await this.#list(session);
      if (ended) throw new Error('the connection was closed while the tools were listed');
      this.#session = session;
      logger.info('MCP server connected', { server: this.name, version: session.server, tools: tools.length });
      return session;
    } catch (error) {
      if (session !== null) this.#leave(session);
      if (!signal.aborted) this.#tryLater(faultText(error), 'MCP server cannot be reached: trying again');
      throw error;
    }
  }

  #lost(session: McpSession, why: string): void {
    if (this.#session !== session) return;
    this.#session = null;
    this.#leave(session);
    if (this.#closing.signal.aborted) return;
    if (performance.now() - session.connectedAt > HELD_MS) this.#backoffMs = FIRST_BACKOFF_MS;
    this.#tryLater(why, 'MCP server lost: trying again');
  }

  #tryLater(error: string, message: string): void {
    const delayMs = this.#backoffMs;
    this.#backoffMs = Math.min(delayMs * 2, MAX_BACKOFF_MS);
    if (this.#fault !== null) this.#fault = error;
    this.#options.logger.warn(message, { server: this.name, error, inMs: delayMs });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connected().catch(() => {}), delayMs);
  }

  #leave(session: McpSession): void {
    const left = session.close().catch((error: Error) => {
      this.#options.logger.debug('MCP connection', { server: this.name, error: error.message });
    });
    this.#leaving.add(left);
    void left.finally(() => this.#leaving.delete(left));
  }

  /** A connection that turns out to be dead is given up. */
  async #list(session: McpSession): Promise<readonly ListedTool[]> {
    const number = ++this.#listingsAsked;
    try {
      const listing = await session.listTools(this.#closing.signal);
      // One that was asked for before another one that has come already says nothing new.
      if (number > this.#listingsTaken) {
        this.#listingsTaken = number;
        this.#options.onListing(listing);
        this.#fault = null;
      }
      return listing;
    } catch (error) {
      // A server that does one thing at a time is silent while it is called: that is no reason to end it.
      if (isConnectionFault(error) && !(isTimeout(error) && this.#callsInHand > 0)) this.#lost(session, faultText(error));
      throw error;
    }
  }

  #readAgain(): void {
    // Where there is no session yet, the listing is still to be read.
    if (this.#session !== null) this.#list(this.#session).catch(() => {});
  }

  /** Connects if need be. Rejects when this try has failed, or the signal aborts first. */
  async reach(signal: AbortSignal): Promise<void> {
    await orAborted(this.#connected(), signal);
  }

  /** Reads the listing on a connection that works: where the one there is turns out to be dead, on a new one. */
  async #freshlyListed(signal: AbortSignal): Promise<McpSession> {
    const session = await orAborted(this.#connected(), signal);
    try {
      await orAborted(this.#list(session), signal);
      return session;
    } catch (error) {
      if (signal.aborted || this.#session === session) throw error;
      // A new connection begins with a listing.
      return orAborted(this.#connected(), signal);
    }
  }

  /**
   * Calls a tool after its listing was read once more: `mayCall` looks at what there is now, and throws where the tool is
   * not to be called. Rejects with a ToolError.
   */
  async call(call: McpCall, mayCall: () => void): Promise<CallToolResult> {
    try {
      const session = await this.#freshlyListed(call.signal);
      mayCall();
      this.#callsInHand++;
      return await session.call(call).finally(() => this.#callsInHand--);
    } catch (error) {
      throwIfAborted(call.signal);
      throw error instanceof ToolError ? error : faultError(error, this.name);
    }
  }

  /** Ends the connection and the process behind it. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the executor closes'));
    clearTimeout(this.#timer);
    await this.#connecting?.catch(() => {});
    if (this.#session !== null) this.#lost(this.#session, 'closing');
    await Promise.all(this.#leaving);
  }
}
