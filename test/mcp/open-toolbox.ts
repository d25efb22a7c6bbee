/** A toolbox with MCP servers, and calls of its tools the way that an executor makes them. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '@countersign/shared';
import { loadMcpConfig, loadTools, type Tool, type Toolbox, type ToolContext, ToolError } from '@countersign/tools';
import { removeFolder } from '../remove-folder.ts';
import { toolContext } from '../tool-call/tool-context.ts';

export interface OpenToolbox {
  toolbox: Toolbox;
  /** the log, each line with its message */
  lines: Record<string, unknown>[];
  messages(): string[];
  tool(name: string): Tool;
  call(name: string, input?: Json, context?: Partial<ToolContext>): Promise<Json>;
  close(): Promise<void>;
}

export async function openToolbox(mcpServers: Record<string, unknown>, { aborted = false } = {}): Promise<OpenToolbox> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-toolbox-'));
  const file = join(folder, 'mcp.json');
  writeFileSync(file, JSON.stringify({ mcpServers }));
  const reading = await loadMcpConfig(file, process.env);
  if (!reading.ok) throw new Error(reading.problems.join('\n'));
  const lines: Record<string, unknown>[] = [];
  const into =
    (level: string) =>
    (message: string, fields: object = {}): void =>
      void lines.push({ level, message, ...fields });
  const logger = { debug: into('debug'), info: into('info'), warn: into('warn'), error: into('error') };
  const signal = aborted ? AbortSignal.abort() : new AbortController().signal;
  const settings = { workspaceRoot: folder, mcp: { servers: reading.servers, logger, signal } };
  const toolbox = await loadTools(settings).catch((error: unknown) => {
    removeFolder(folder);
    throw error;
  });
  const tool = (name: string): Tool => {
    const found = toolbox.tools.get(name);
    if (found === undefined) throw new Error(`there is no tool ${name}; there are ${[...toolbox.tools.keys()].join(', ')}`);
    return found;
  };
  return {
    toolbox,
    lines,
    messages: () => lines.map(({ message }) => String(message)),
    tool,
    async call(name, input = {}, context = {}) {
      const called = tool(name);
      const checked = called.check(input);
      if (!checked.ok) throw new ToolError('invalid_input', checked.message);
      return called.run(checked.value, toolContext({ logger, ...context }));
    },
    async close() {
      await toolbox.close?.();
      removeFolder(folder);
    },
  };
}
