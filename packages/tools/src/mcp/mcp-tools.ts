/** The tools of all MCP servers of the configuration, as tools like any other. */
import { contractChanges, type Json, type JsonObject, linkSignals } from '@countersign/shared';
import { outputJson } from '../define-tool.ts';
import { type Tool, ToolError, type ToolLogger } from '../tool.ts';
import type { McpServerConfig } from './mcp-config.ts';
import { outputOf } from './mcp-result.ts';
import { McpServer } from './mcp-server.ts';
import { type McpTool, mcpToolset } from './mcp-toolset.ts';

/** How long a start waits for servers, in ms. The tools of those that take longer come later. */
const START_WAIT_MS = 10_000;
/** How long a step waits for a server whose tools are not known yet, in ms. */
const REACH_WAIT_MS = 30_000;
const SHOWN_INPUT_LENGTH = 200;

export interface McpTools {
  /** Tries to get a tool that isn't there. Gives why its server can't say whether there is one; null when it can, or is none of ours. */
  reach(name: string, signal: AbortSignal): Promise<string | null>;
  close(): Promise<void>;
}

export interface McpToolsOptions {
  logger: ToolLogger;
  /** the names that are taken */
  taken: ReadonlySet<string>;
  /** tools have come, gone, or changed; all of a server's at once */
  onChange(change: { set: ReadonlyMap<string, Tool>; gone: readonly string[] }): void;
  /** aborts the wait for servers at the start */
  signal: AbortSignal;
}

const serverOf = (name: string): string => name.split('.', 1)[0] ?? '';

function shownInput(input: JsonObject): string {
  const text = JSON.stringify(input);
  return text.length <= SHOWN_INPUT_LENGTH ? text : `${text.slice(0, SHOWN_INPUT_LENGTH)}...`;
}

/** Refuses to call what is not what the people have seen who approved the step. */
function checkUnchanged({ contract, listedName }: McpTool, now: McpTool | undefined, server: string): void {
  const named = `\`${listedName}\` of the MCP server \`${server}\``;
  if (now === undefined)
    throw new ToolError('unknown_tool', `${named} is gone: the server does not list it any more, or not as it may be called`);
  const changes = contractChanges(contract, now.contract);
  if (changes.length === 0) return;
  throw new ToolError('tool_changed', `${named} is not the tool that was approved: its ${changes.join(', ')} changed; it was not called`);
}

function toolOf(mcpTool: McpTool, { server, now }: { server: McpServer; now(): McpTool | undefined }): Tool {
  const { contract, listedName, input, output } = mcpTool;
  return {
    contract,
    check(raw) {
      const problem = input.problem(raw);
      return problem === null ? { ok: true, value: raw } : { ok: false, message: problem };
    },
    effects: async (raw) => `calls ${listedName} of the MCP server ${server.name} with ${shownInput(raw)}`,
    async run(value, ctx) {
      const result = await server.call(
        {
          tool: listedName,
          input: value as Record<string, Json>,
          idempotencyKey: ctx.idempotencyKey,
          signal: ctx.signal,
          onProgress: ({ progress, total, message }) => ctx.progress(total !== undefined && total > 0 ? progress / total : null, message),
        },
        () => checkUnchanged(mcpTool, now(), server.name),
      );
      return outputJson(outputOf(result, { server: server.name, tool: listedName, output }), contract.name);
    },
  };
}

/** Makes one server known, and tells of its tools each time that they change. `clashes` takes the names of its tools that are taken. */
function serverFor(config: McpServerConfig, clashes: Set<string>, { logger, taken, onChange }: McpToolsOptions): McpServer {
  const toolset = mcpToolset(config, logger);
  let current: ReadonlyMap<string, McpTool> = new Map();
  const isFree = (name: string): boolean => {
    if (!taken.has(name)) return true;
    if (!clashes.has(name)) logger.error('left out a tool of an MCP server: its name is taken', { server: config.name, name });
    clashes.add(name);
    return false;
  };
  const server = new McpServer({
    config,
    logger,
    onListing(listing) {
      const before = current;
      current = new Map([...toolset.read(listing)].filter(([name]) => isFree(name)));
      const set = new Map<string, Tool>();
      for (const [name, tool] of current)
        if (before.get(name) !== tool) set.set(name, toolOf(tool, { server, now: () => current.get(name) }));
      const gone = [...before.keys()].filter((name) => !current.has(name));
      if (set.size > 0 || gone.length > 0) onChange({ set, gone });
    },
  });
  return server;
}

/**
 * Starts all servers, and waits for them for a while. A server that can't be reached is tried again, and its tools are
 * told of when it comes. Rejects with an Error when a tool has a name that is taken; later such a tool is left out.
 */
export async function openMcpTools(configs: readonly McpServerConfig[], options: McpToolsOptions): Promise<McpTools> {
  const clashes = new Set<string>();
  const servers = new Map(configs.map((config) => [config.name, serverFor(config, clashes, options)]));
  const close = async (): Promise<void> => {
    await Promise.all([...servers.values()].map((server) => server.close()));
  };
  const wait = linkSignals([options.signal], START_WAIT_MS);
  await Promise.all([...servers.values()].map((server) => server.reach(wait.signal).catch(() => {})));
  wait.release();
  if (clashes.size > 0) {
    await close();
    const names = [...clashes].map((name) => `\`${name}\``).join(', ');
    throw new Error(
      `the MCP servers have tools whose names are taken: ${names}; give the server another name, or leave the tool out with "tools"`,
    );
  }
  return {
    async reach(name, signal) {
      const server = servers.get(serverOf(name));
      if (server === undefined || server.fault === null) return null;
      const wait = linkSignals([signal], REACH_WAIT_MS);
      await server.reach(wait.signal).catch(() => {});
      wait.release();
      return server.fault === null ? null : `the MCP server \`${server.name}\` of this executor cannot be reached: ${server.fault}`;
    },
    close,
  };
}
