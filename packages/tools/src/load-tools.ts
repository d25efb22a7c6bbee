/** The tools and conditions of an executor: the built-in tools, and what a folder of modules adds. */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type NamedCondition, toolContractSchema } from '@countersign/shared';
import type { BuiltinSettings } from './builtin-tools.ts';
import { type ConditionDefinition, checkCondition, namedCondition } from './define-condition.ts';
import type { McpServerConfig } from './mcp/mcp-config.ts';
import type { McpTools } from './mcp/mcp-tools.ts';
import { plainToolFrom } from './plain-tool.ts';
import type { Tool, ToolLogger } from './tool.ts';

export interface ToolSettings extends BuiltinSettings {
  /** a folder whose `*.mjs` and `*.js` files each export tools and conditions; its subfolders are theirs to import from */
  toolsDir?: string | undefined;
  /** servers whose tools are tools, too */
  mcp?: McpSettings | undefined;
}

export interface McpSettings {
  servers: readonly McpServerConfig[];
  logger: ToolLogger;
  /** aborts the wait for servers at the start */
  signal: AbortSignal;
}

/** What an executor can do, by name. */
export interface Toolbox {
  /** What there is now: the tools of MCP servers come, change and go. */
  tools: ReadonlyMap<string, Tool>;
  /** as `evaluateCondition` takes them */
  conditions: ReadonlyMap<string, NamedCondition>;
  /** queues that tools to come may name */
  queues?: readonly string[];
  /** Has `listener` called each time that tools have come, changed or gone, right after it. Returns what ends that. */
  onChange?(listener: () => void): () => void;
  /**
   * Tries to get a tool that isn't there from the server that it would be of. Gives why that server can't be asked; null
   * where it could be, or there is no such server.
   */
  reach?(name: string, signal: AbortSignal): Promise<string | null>;
  /** Lets go of servers. */
  close?(): Promise<void>;
}

type Members = Record<string, unknown>;

const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);

const isMadeTool = (value: unknown): value is Tool =>
  isMembers(value) &&
  typeof value.check === 'function' &&
  typeof value.run === 'function' &&
  toolContractSchema.safeParse(value.contract).success;

const looksLikeTool = (value: unknown): boolean => isMembers(value) && ('run' in value || 'contract' in value || 'inputSchema' in value);
const looksLikeCondition = (value: unknown): boolean => isMembers(value) && 'evaluate' in value && !looksLikeTool(value);

/** What a module exports. A CommonJS module's `module.exports` comes as `default`, and its members once more by name. */
function exportsOf(module: Members): [name: string, value: unknown][] {
  const { default: main, 'module.exports': _commonJs, ...named } = module;
  const isCommonJs = isMembers(main) && Object.entries(named).every(([name, value]) => main[name] === value);
  if (isCommonJs && (Object.keys(named).length > 0 || '__esModule' in main || 'module.exports' in module))
    return looksLikeTool(main) || looksLikeCondition(main) ? [['default', main]] : Object.entries(main);
  return main === undefined && !('default' in module) ? Object.entries(named) : [['default', main], ...Object.entries(named)];
}

async function importModule(file: string): Promise<Members> {
  try {
    return (await import(pathToFileURL(file).href)) as Members;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${file} can't be loaded: ${message}`, { cause });
  }
}

type Loaded = { from: string } & ({ tool: Tool } | { condition: ConditionDefinition });

function readExport(value: unknown, from: string): Loaded {
  if (isMadeTool(value)) return { tool: value, from };
  if (!isMembers(value))
    throw new Error(
      `${from}: must be a tool (what defineTool() returns, or an object {name, description, risk, inputSchema, run}) or a condition ({name, description, evaluate}), not ${describe(value)}`,
    );
  try {
    if (!looksLikeCondition(value)) return { tool: plainToolFrom(value), from };
    checkCondition(value);
    return { condition: value, from };
  } catch (cause) {
    throw new Error(`${from}: ${(cause as Error).message}`, { cause });
  }
}

async function loadModule(file: string): Promise<Loaded[]> {
  const exported = exportsOf(await importModule(file));
  if (exported.length === 0)
    throw new Error(`${file} exports nothing; it must export tools or conditions, and modules that they share belong in a subfolder`);
  return exported.map(([name, value]) => readExport(value, `${file}, export ${JSON.stringify(name)}`));
}

const describe = (value: unknown): string => (Array.isArray(value) ? 'a list' : value === null ? 'null' : `a ${typeof value}`);

async function moduleFiles(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => /\.m?js$/.test(name) && !name.startsWith('.'))
      .sort()
      .map((name) => join(folder, name));
  } catch (cause) {
    throw new Error(`the tools folder ${folder} can't be read: ${(cause as Error).message}`, { cause });
  }
}

/** Collects what has a name that nothing else of its kind has. */
function uniqueNames<Value>(kind: string): { found: Map<string, Value>; add(name: string, value: Value, from: string): void } {
  const found = new Map<string, Value>();
  const origins = new Map<string, string>();
  return {
    found,
    add(name, value, from) {
      const taken = origins.get(name);
      if (taken !== undefined) throw new Error(`${from}: the name \`${name}\` is taken by ${taken}; names of ${kind} are unique`);
      found.set(name, value);
      origins.set(name, from);
    },
  };
}

/** Adds the tools of MCP servers to `tools`, now and as they come. */
async function withMcpTools(
  { tools, conditions }: { tools: Map<string, Tool>; conditions: Map<string, NamedCondition> },
  { servers, logger, signal }: McpSettings,
): Promise<Toolbox> {
  const listeners = new Set<() => void>();
  // Its library is large, and most executors have no use for it.
  const { openMcpTools } = await import('./mcp/mcp-tools.ts');
  const mcp: McpTools = await openMcpTools(servers, {
    logger,
    signal,
    taken: new Set(tools.keys()),
    onChange({ set, gone }) {
      for (const name of gone) tools.delete(name);
      for (const [name, tool] of set) tools.set(name, tool);
      for (const listener of listeners) listener();
    },
  });
  return {
    tools,
    conditions,
    queues: [...new Set(servers.flatMap(({ queue }) => (queue === null ? [] : [queue])))],
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ...mcp,
  };
}

/**
 * Every tool and every condition. Modules are imported where they lie, with their relative imports and this process's
 * environment. Rejects with an Error that names file and export when a module is wrong or a name is taken. MCP servers are
 * waited for, but not for long; without any, the toolbox never changes.
 */
export async function loadTools(settings: ToolSettings): Promise<Toolbox> {
  const tools = uniqueNames<Tool>('tools');
  const conditions = uniqueNames<NamedCondition>('conditions');
  // Whoever checks schemas or addresses imports this package, too, and runs no tool.
  const { builtinTools } = await import('./builtin-tools.ts');
  for (const tool of await builtinTools(settings)) tools.add(tool.contract.name, tool, 'a built-in tool');
  // One by one, in the order of their names, so that the first error is the same every time.
  const files = settings.toolsDir === undefined ? [] : await moduleFiles(resolve(settings.toolsDir));
  for (const file of files) {
    for (const loaded of await loadModule(file)) {
      if ('tool' in loaded) tools.add(loaded.tool.contract.name, loaded.tool, loaded.from);
      else conditions.add(loaded.condition.name, namedCondition(loaded.condition), loaded.from);
    }
  }
  const found = { tools: tools.found, conditions: conditions.found };
  return settings.mcp === undefined || settings.mcp.servers.length === 0 ? found : withMcpTools(found, settings.mcp);
}
