/** The protocol by hand: one message, and what comes back for it. */
import type { Json } from '@countersign/shared';

export interface McpReply {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: replies are looked at field by field, which is what the tests are about
  body: any;
}

export interface McpCallOptions {
  headers?: Record<string, string>;
  method?: string;
  /** sent as it is */
  raw?: string;
}

/** Sends a JSON-RPC message; the body of the reply is the last message of its stream, or its JSON. */
export async function sendMessage(
  url: string,
  message: Json,
  { headers = {}, method = 'POST', raw }: McpCallOptions = {},
): Promise<McpReply> {
  const response = await fetch(`${url}/mcp`, {
    method,
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...headers },
    ...(method === 'POST' && { body: raw ?? JSON.stringify(message) }),
  });
  const text = await response.text();
  const frames = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data);
  const last = response.headers.get('content-type')?.includes('event-stream') === true ? frames.at(-1) : text;
  return { status: response.status, headers: response.headers, body: last ? JSON.parse(last) : undefined };
}

/** Calls a tool as a client of the 2025 protocol does. */
export const callTool = (url: string, name: string, args: Json, options: McpCallOptions = {}): Promise<McpReply> =>
  sendMessage(url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }, options);
