/** The tools that one MCP server lists, under the names that plans call them by. */
import { TOOL_NAME } from '@countersign/shared';
import type { Tool as ListedTool } from '@modelcontextprotocol/client';
import type { ToolLogger } from '../tool.ts';
import type { McpServerConfig } from './mcp-config.ts';
import { type McpContract, mcpContract } from './mcp-contract.ts';

export interface McpTool extends McpContract {
  /** the server's own name of it */
  listedName: string;
}

const MAX_NAME_LENGTH = 128;

const fits = (name: string): boolean => TOOL_NAME.test(name) && name.length <= MAX_NAME_LENGTH;

/** `server.tool` as a tool's name: characters that it can't have become `_`. */
function toolName(server: string, listed: string): string {
  const cleaned = `${server}.${listed.replace(/[^A-Za-z0-9_.-]/g, '_')}`;
  return TOOL_NAME.test(cleaned) ? cleaned : `${server}.${listed.replace(/[^A-Za-z0-9_-]/g, '_')}`;
}

export interface McpToolset {
  /** What a listing makes of the tools, by name. A tool whose contract is as before stays the same object. */
  read(listing: readonly ListedTool[]): ReadonlyMap<string, McpTool>;
}

/** Remembers what it has read before: servers are asked for their listing before every call. */
export function mcpToolset(config: McpServerConfig, logger: ToolLogger): McpToolset {
  let known = new Map<string, { listed: string; tool: McpTool | null }>();
  const said = new Set<string>();
  const server = config.name;
  const sayOnce = (tool: string, message: string, fields: object = {}): void => {
    const key = JSON.stringify([tool, message, fields]);
    if (said.has(key) || said.size > 10_000) return;
    said.add(key);
    logger.warn(message, { server, tool, ...fields });
  };

  function named(listing: readonly ListedTool[]): Map<string, ListedTool> {
    const wanted = listing.filter(({ name }) => config.tools?.has(name) ?? true);
    const byName = new Map<string, ListedTool>();
    // Names that need no cleaning come first: another tool's cleaned name must not take them away.
    for (const tool of [...wanted].sort((a, b) => Number(fits(`${server}.${b.name}`)) - Number(fits(`${server}.${a.name}`)))) {
      const name = toolName(server, tool.name);
      if (!fits(name)) sayOnce(tool.name, 'left out a tool of an MCP server: its name cannot be a name of a tool');
      else if (byName.has(name)) sayOnce(tool.name, 'left out a tool of an MCP server: another one has its name', { name });
      else byName.set(name, tool);
      if (name !== `${server}.${tool.name}`) sayOnce(tool.name, 'a tool of an MCP server has another name here', { name });
    }
    return byName;
  }

  function sayWhatIsMissing(listing: readonly ListedTool[]): void {
    const listed = new Set(listing.map(({ name }) => name));
    for (const name of new Set([...(config.tools ?? []), ...config.risks.keys()]))
      if (!listed.has(name)) sayOnce(name, 'the configuration names a tool that the MCP server does not list');
  }

  function build(listed: ListedTool, name: string): McpTool | null {
    try {
      return { ...mcpContract(listed, name, config), listedName: listed.name };
    } catch (error) {
      sayOnce(listed.name, 'left out a tool of an MCP server', { name, error: (error as Error).message });
      return null;
    }
  }

  return {
    read(listing) {
      sayWhatIsMissing(listing);
      const next: typeof known = new Map();
      for (const [name, tool] of named(listing)) {
        const before = known.get(name);
        const text = JSON.stringify(tool);
        if (before?.listed === text) {
          next.set(name, before);
          continue;
        }
        const built = build(tool, name);
        const isSame = before?.tool?.text === built?.text && before?.tool?.listedName === built?.listedName;
        next.set(name, { listed: text, tool: isSame ? (before?.tool ?? null) : built });
      }
      known = next;
      return new Map([...next].flatMap(([name, { tool }]) => (tool === null ? [] : [[name, tool] as const])));
    },
  };
}
