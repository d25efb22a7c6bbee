/** Agents: real MCP clients, connected to the API of a fleet. */
import type { PlanDraft } from '@countersign/shared';
import { Client, type RequestOptions, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect } from 'vitest';

export const PROTOCOLS = ['2025-11-25', '2026-07-28'] as const;
export type ProtocolVersion = (typeof PROTOCOLS)[number];

export interface ToolReply {
  refused: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: replies are looked at field by field, which is what the tests are about
  data: any;
  text: string;
}

export interface Agent {
  client: Client;
  /** Calls a tool; what it gives has been held against the tool's output schema. */
  call(name: string, args?: Record<string, unknown>, options?: RequestOptions): Promise<ToolReply>;
  /** The same, where it must not be refused. */
  get(name: string, args?: Record<string, unknown>, options?: RequestOptions): Promise<ToolReply>;
  submit(draft: PlanDraft & { draft?: boolean; idempotencyKey?: string }): Promise<ToolReply['data']>;
}

/** Connects an agent with what a client has in its configuration of a server. */
export async function connectAgent(
  { url, headers = {} }: { url: string; headers?: Record<string, string> },
  protocol: ProtocolVersion = '2026-07-28',
): Promise<Agent> {
  const mode = protocol === '2025-11-25' ? 'legacy' : 'auto';
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  expect(client.getNegotiatedProtocolVersion()).toBe(protocol);
  // From here on the client checks every answer against the schema that the list has for it.
  await client.listTools();
  const call: Agent['call'] = async (name, args = {}, options = {}) => {
    const { content, structuredContent, isError } = await client.callTool({ name, arguments: args }, options);
    const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('\n');
    return { refused: isError === true, data: structuredContent, text };
  };
  const get: Agent['get'] = async (name, args, options) => {
    const reply = await call(name, args, options);
    expect(reply.refused, reply.text).toBe(false);
    return reply;
  };
  return { client, call, get, submit: async (draft) => (await get('submit_plan', { ...draft })).data.plan };
}
