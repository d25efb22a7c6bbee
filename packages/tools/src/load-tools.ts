/** The tools of an executor: the built-in ones, and those that a folder of modules adds. */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { toolContractSchema } from '@countersign/shared';
import { type BuiltinSettings, builtinTools } from './builtin-tools.ts';
import { plainToolFrom } from './plain-tool.ts';
import type { Tool } from './tool.ts';

export interface ToolSettings extends BuiltinSettings {
  /** a folder whose `*.mjs` and `*.js` files each export tools; its subfolders are theirs to import from */
  toolsDir?: string | undefined;
}

type Members = Record<string, unknown>;

const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);

const isMadeTool = (value: unknown): value is Tool =>
  isMembers(value) &&
  typeof value.check === 'function' &&
  typeof value.run === 'function' &&
  toolContractSchema.safeParse(value.contract).success;

const looksLikeTool = (value: unknown): boolean => isMembers(value) && ('run' in value || 'contract' in value || 'inputSchema' in value);

/** What a module exports. A CommonJS module's `module.exports` comes as `default`, and its members once more by name. */
function exportsOf(module: Members): [name: string, value: unknown][] {
  const { default: main, 'module.exports': _commonJs, ...named } = module;
  const isCommonJs = isMembers(main) && Object.entries(named).every(([name, value]) => main[name] === value);
  if (isCommonJs && (Object.keys(named).length > 0 || '__esModule' in main || 'module.exports' in module))
    return looksLikeTool(main) ? [['default', main]] : Object.entries(main);
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

async function toolsIn(file: string): Promise<{ tool: Tool; from: string }[]> {
  const exported = exportsOf(await importModule(file));
  if (exported.length === 0)
    throw new Error(`${file} exports nothing; it must export tools, and modules that tools share belong in a subfolder`);
  return exported.map(([name, value]) => {
    const from = `${file}, export ${JSON.stringify(name)}`;
    if (isMadeTool(value)) return { tool: value, from };
    if (!isMembers(value))
      throw new Error(
        `${from}: must be a tool (what defineTool() returns, or an object {name, description, risk, inputSchema, run}), not ${describe(value)}`,
      );
    try {
      return { tool: plainToolFrom(value), from };
    } catch (cause) {
      throw new Error(`${from}: ${(cause as Error).message}`, { cause });
    }
  });
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

/**
 * Every tool, by name. Modules are imported where they lie, with their relative imports and this process's environment.
 * Rejects with an Error that names file and export when a module is wrong or a name is taken.
 */
export async function loadTools(settings: ToolSettings): Promise<ReadonlyMap<string, Tool>> {
  const tools = new Map<string, Tool>();
  const origins = new Map<string, string>();
  const add = (tool: Tool, from: string): void => {
    const { name } = tool.contract;
    const taken = origins.get(name);
    if (taken !== undefined) throw new Error(`${from}: the name \`${name}\` is taken by ${taken}; names of tools are unique`);
    tools.set(name, tool);
    origins.set(name, from);
  };
  for (const tool of await builtinTools(settings)) add(tool, 'a built-in tool');
  // One by one, in the order of their names, so that the first error is the same every time.
  const files = settings.toolsDir === undefined ? [] : await moduleFiles(resolve(settings.toolsDir));
  for (const file of files) for (const { tool, from } of await toolsIn(file)) add(tool, from);
  return tools;
}
