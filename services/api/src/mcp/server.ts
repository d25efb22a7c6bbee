/** The MCP server of one HTTP request. There are no sessions: whatever a call needs comes with it. */
import { McpServer, ProtocolError, ProtocolErrorCode, type Server, type ServerContext } from '@modelcontextprotocol/server';
import { faultAnswer } from '../perform.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { listResources, readResource, resourceTemplates } from './resources.ts';
import { resultOf } from './result.ts';
import type { McpTool, ToolAnswer, ToolCall } from './tool.ts';
import { MCP_TOOLS } from './tools.ts';

/** All that a call needs besides what the protocol says of it. */
export type Exchange = Omit<ToolCall, 'signal' | 'report'>;

const byName: ReadonlyMap<string, McpTool> = new Map(MCP_TOOLS.map((tool) => [tool.definition.name, tool]));
const INFO = { name: 'countersign', title: 'Countersign', version: '1' };
/** The tools are the same as long as the process lives; how long a client may go without asking again, in milliseconds. */
const LIST_TTL_MS = 60_000;

function callOf(exchange: Exchange, { mcpReq }: ServerContext): ToolCall {
  const progressToken = mcpReq._meta?.progressToken;
  const report =
    progressToken === undefined
      ? null
      : (params: { progress: number; total: number; message: string }) =>
          mcpReq.notify({ method: 'notifications/progress', params: { progressToken, ...params } });
  return { ...exchange, signal: mcpReq.signal, report };
}

async function answer(tool: McpTool, args: Readonly<Record<string, unknown>>, call: ToolCall): Promise<ToolAnswer> {
  try {
    return await tool.call(args, call);
  } catch (error) {
    return { ok: false, refusal: faultAnswer(error, call.log), instance: tool.operation.path };
  }
}

/** Makes the server. `called` hears the name of every tool that is called. */
export function mcpServer(exchange: Exchange, called: (tool: string) => void): Server {
  const hint = { ttlMs: LIST_TTL_MS, cacheScope: 'private' } as const;
  const { server } = new McpServer(INFO, {
    instructions: INSTRUCTIONS,
    cacheHints: { 'tools/list': hint, 'resources/templates/list': hint },
  });
  server.registerCapabilities({ tools: {}, resources: {} });
  server.setRequestHandler('tools/list', () => ({ tools: MCP_TOOLS.map(({ definition }) => definition) }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const tool = byName.get(params.name);
    if (tool === undefined) {
      const there = [...byName.keys()].join(', ');
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `there is no tool \`${params.name.slice(0, 100)}\`; there are ${there}`);
    }
    called(params.name);
    const answered = await answer(tool, params.arguments ?? {}, callOf(exchange, context));
    return resultOf(answered, String(exchange.response.getHeader('x-request-id')));
  });
  server.setRequestHandler('resources/list', ({ params }, context) => listResources(params?.cursor, callOf(exchange, context)));
  server.setRequestHandler('resources/templates/list', () => resourceTemplates);
  server.setRequestHandler('resources/read', ({ params }, context) => readResource(params.uri, callOf(exchange, context)));
  return server;
}
