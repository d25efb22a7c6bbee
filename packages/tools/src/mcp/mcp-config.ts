/** The file that MCP_CONFIG names: which MCP servers there are, in the format that MCP clients share. */
import { readFile } from 'node:fs/promises';
import { isObject, pathText, RISKS, type Risk } from '@countersign/shared';
import { z } from 'zod';
import { stepQueueProblem } from '../step-queue.ts';
import { fillIn } from './fill-in.ts';

/** How a server is reached. */
export type McpEndpoint =
  | { kind: 'stdio'; command: string; args: string[]; env: Record<string, string>; cwd: string | undefined }
  /** `either` tries Streamable HTTP first */
  | { kind: 'http'; url: URL; headers: Record<string, string>; transport: 'streamable' | 'sse' | 'either' };

export interface McpServerConfig {
  /** the first part of its tools' names */
  name: string;
  endpoint: McpEndpoint;
  /** by the server's own names of tools, instead of what its annotations say */
  risks: ReadonlyMap<string, Risk>;
  /** milliseconds of one attempt, where neither the step nor the plan says otherwise */
  timeoutMs: number | null;
  queue: string | null;
  /** the tools to take, by the server's own names; null: all */
  tools: ReadonlySet<string> | null;
}

export type McpConfigReading = { ok: true; servers: McpServerConfig[] } | { ok: false; problems: string[] };

const EXAMPLE = '{"mcpServers": {"files": {"command": "npx", "args": ["-y", "a-package"]}, "search": {"url": "https://..."}}}';

/** What other clients write there, and what means nothing here. */
const OF_OTHER_CLIENTS = ['type', 'autoApprove', 'alwaysAllow', 'timeout', 'description', 'name', 'icon', 'note'];

const SERVER_NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;

const texts = z.record(z.string(), z.string());
const settings = z.strictObject({
  risk: z.record(z.string(), z.enum(RISKS)).optional(),
  timeoutMs: z.int().min(1).optional(),
  queue: z
    .string()
    .superRefine((name, context) => {
      const problem = stepQueueProblem(name);
      if (problem !== null) context.addIssue({ code: 'custom', message: problem });
    })
    .optional(),
  tools: z.array(z.string()).optional(),
});
const tolerated = Object.fromEntries(OF_OTHER_CLIENTS.map((field) => [field, z.unknown().optional()]));
const shared = { ...tolerated, disabled: z.boolean().optional(), countersign: settings.optional() };
const stdioServer = z.strictObject({
  ...shared,
  command: z.string().min(1),
  args: z.array(z.string()).optional(),
  env: texts.optional(),
  cwd: z.string().optional(),
});
const httpServer = z.strictObject({
  ...shared,
  type: z.string().optional(),
  url: z.string().refine((text) => /^https?:$/.test(protocolOf(text)), 'must be a URL like https://example.com/mcp'),
  headers: texts.refine(isHeaders, 'must be names and values of HTTP headers').optional(),
});

function isHeaders(fields: Record<string, string>): boolean {
  try {
    return new Headers(fields) !== null;
  } catch {
    return false;
  }
}

function protocolOf(text: string): string {
  try {
    return new URL(text).protocol;
  } catch {
    return '';
  }
}

const TRANSPORTS: Record<string, 'streamable' | 'sse'> = {
  http: 'streamable',
  streamable: 'streamable',
  'streamable-http': 'streamable',
  streamableHttp: 'streamable',
  sse: 'sse',
};

function endpointOf(server: Record<string, unknown>, path: string[], problems: string[]): [McpEndpoint, z.infer<typeof settings>] | null {
  const parsed = 'command' in server ? stdioServer.safeParse(server) : httpServer.safeParse(server);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) problems.push(`${pathText([...path, ...issue.path])}: ${issue.message}`);
    return null;
  }
  const fields = parsed.data as z.infer<typeof stdioServer> | z.infer<typeof httpServer>;
  const { countersign = {} } = fields;
  if ('command' in fields) {
    const { command, args = [], env = {}, cwd } = fields as z.infer<typeof stdioServer>;
    return [{ kind: 'stdio', command, args, env, cwd }, countersign];
  }
  const { url, headers = {}, type } = fields as z.infer<typeof httpServer>;
  const transport = type === undefined ? 'either' : TRANSPORTS[type];
  if (transport === undefined) {
    problems.push(
      `${pathText([...path, 'type'])}: ${JSON.stringify(type)} is no transport of a server with a url; it is ${Object.keys(TRANSPORTS).join(', ')}, or left out`,
    );
    return null;
  }
  return [{ kind: 'http', url: new URL(url), headers, transport }, countersign];
}

function readServer(key: string, written: unknown, reading: { env: NodeJS.ProcessEnv; problems: string[] }): McpServerConfig | null {
  const path = ['mcpServers', key];
  const { problems } = reading;
  if (!isObject(written) || 'command' in written === 'url' in written) {
    problems.push(`${pathText(path)}: must have either a command or a url, like ${EXAMPLE}`);
    return null;
  }
  // A server that is not used needs none of its variables.
  if (written.disabled === true) return null;
  const name = key.replace(/[^A-Za-z0-9_-]/g, '_');
  if (!SERVER_NAME.test(name) || name.length > 64)
    problems.push(`${pathText(path)}: a server's name begins with a letter and has at most 64 characters: its tools are named after it`);
  const filled = fillIn(written, { env: reading.env, path, problems });
  const read = endpointOf(filled as Record<string, unknown>, path, problems);
  if (read === null) return null;
  const [endpoint, { risk = {}, timeoutMs = null, queue = null, tools }] = read;
  return { name, endpoint, risks: new Map(Object.entries(risk)), timeoutMs, queue, tools: tools === undefined ? null : new Set(tools) };
}

/**
 * Reads the text of a configuration. `${NAME}` and `${NAME:-default}` in its servers' texts are replaced from `env`. Gives
 * every problem at once, each with the path of what is wrong.
 */
export function readMcpConfig(text: string, env: NodeJS.ProcessEnv): McpConfigReading {
  let written: unknown;
  try {
    written = JSON.parse(text);
  } catch (error) {
    return { ok: false, problems: [`is not JSON: ${(error as Error).message}`] };
  }
  if (!isObject(written) || !isObject(written.mcpServers))
    return { ok: false, problems: [`mcpServers: must be an object like ${EXAMPLE}`] };
  const problems: string[] = [];
  const servers = new Map<string, McpServerConfig>();
  for (const [key, server] of Object.entries(written.mcpServers)) {
    const read = readServer(key, server, { env, problems });
    if (read === null) continue;
    if (servers.has(read.name)) problems.push(`${pathText(['mcpServers', key])}: another server's tools are named \`${read.name}.\`, too`);
    servers.set(read.name, read);
  }
  return problems.length === 0 ? { ok: true, servers: [...servers.values()] } : { ok: false, problems };
}

/** Like `readMcpConfig`, from a file; its problems name the file. */
export async function loadMcpConfig(file: string, env: NodeJS.ProcessEnv): Promise<McpConfigReading> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    return { ok: false, problems: [`${file} can't be read: ${(error as Error).message}`] };
  }
  const reading = readMcpConfig(text, env);
  return reading.ok ? reading : { ok: false, problems: reading.problems.map((problem) => `${file}, ${problem}`) };
}
