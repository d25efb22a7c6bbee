/** What a call of an MCP server's tool gave, as a step's output or its error. */
import { type Json, type JsonObject, LIMITS } from '@countersign/shared';
import { type CallToolResult, ProtocolError, ProtocolErrorCode, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import type { SchemaCheck } from '../json-schema.ts';
import { ToolError } from '../tool.ts';

/** Characters of base64 that an output keeps, of all its blocks together: steps behind it read outputs as JSON. */
const MAX_DATA_LENGTH = 500_000;

type Block = CallToolResult['content'][number];
type Named = { server: string; tool: string };

/** A block's JSON, with data beyond the limit replaced by its length. `room` is what the blocks before have left. */
function blockJson(block: Block, room: number): { json: JsonObject; used: number } {
  const { _meta, ...json } = structuredClone(block) as unknown as JsonObject & { _meta?: Json };
  const holder = json.type === 'resource' ? (json.resource as JsonObject) : json;
  const field = json.type === 'resource' ? 'blob' : 'data';
  const data = holder[field];
  if (typeof data !== 'string') return { json, used: 0 };
  if (data.length <= room) return { json, used: data.length };
  delete holder[field];
  holder.leftOut = `${data.length} characters of base64: an output keeps ${MAX_DATA_LENGTH}`;
  return { json, used: 0 };
}

const textOf = (content: readonly Block[]): string => content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');

/** `structuredContent` as it is; else `{text, content?}`: the text blocks joined by line ends, and the other blocks if there are any. */
export function outputOf(result: CallToolResult, { output, ...named }: Named & { output: SchemaCheck | null }): Json {
  const content = result.content ?? [];
  if (result.isError === true) {
    const text = textOf(content).slice(0, LIMITS.textLength);
    throw new ToolError('tool_error', text === '' ? `${describe(named)} failed and did not say why` : text);
  }
  // Where there is a schema, the library has made sure that there is structured content.
  if (result.structuredContent !== undefined) return structured(result.structuredContent, output, named);
  let room = MAX_DATA_LENGTH;
  const others: JsonObject[] = [];
  for (const block of content) {
    if (block.type === 'text') continue;
    const { json, used } = blockJson(block, room);
    others.push(json);
    room -= used;
  }
  return { text: textOf(content), ...(others.length === 0 ? {} : { content: others }) };
}

function structured(value: unknown, output: SchemaCheck | null, named: Named): Json {
  const problem = output?.problem(value) ?? null;
  if (problem === null) return value as Json;
  throw new ToolError('tool_error', `${describe(named)} gave what its output schema rules out: ${problem}`, { retryable: false });
}

const describe = ({ server, tool }: Named): string => `\`${tool}\` of the MCP server \`${server}\``;

/** The server has understood the request and refuses it: the same request would be refused again. */
const REFUSALS: readonly number[] = [
  ProtocolErrorCode.ParseError,
  ProtocolErrorCode.InvalidRequest,
  ProtocolErrorCode.MethodNotFound,
  ProtocolErrorCode.InvalidParams,
  ProtocolErrorCode.MissingRequiredClientCapability,
  ProtocolErrorCode.UrlElicitationRequired,
];
/** The answer is not one that can be used, and another try would bring the same. */
const UNUSABLE: readonly SdkErrorCode[] = [
  SdkErrorCode.InvalidResult,
  SdkErrorCode.UnsupportedResultType,
  SdkErrorCode.InputRequiredRoundsExceeded,
  SdkErrorCode.CapabilityNotSupported,
  SdkErrorCode.ListPaginationExceeded,
  SdkErrorCode.MethodNotSupportedByProtocolVersion,
];

/** HTTP 4xx: our request is at fault, but for a session that has expired, a slow request and too many of them. */
const isRefusedByHttp = ({ status }: SdkHttpError): boolean => status >= 400 && status < 500 && ![404, 408, 425, 429].includes(status);

function isFinal(error: unknown): boolean {
  if (error instanceof ProtocolError) return REFUSALS.includes(error.code);
  if (error instanceof SdkHttpError) return isRefusedByHttp(error);
  return error instanceof SdkError && UNUSABLE.includes(error.code);
}

/** Whether an error may mean that the connection, or the session over it, is no more. */
export const isConnectionFault = (error: unknown): boolean =>
  !(error instanceof ProtocolError) && !(error instanceof SdkError && UNUSABLE.includes(error.code));

export const isTimeout = (error: unknown): boolean => error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout;

/** One line of what went wrong, with its causes: fetch says nothing but `fetch failed` itself. */
export function faultText(error: unknown): string {
  const lines: string[] = [];
  for (let at: unknown = error; at instanceof Error && lines.length < 4; at = at.cause)
    if (!lines.includes(at.message)) lines.push(at.message);
  return (lines.length === 0 ? String(error) : lines.filter((line) => line !== '').join(': ')).slice(0, 1_000);
}

/** What went wrong with a request, as a step's error that names the server. */
export const faultError = (error: unknown, server: string): ToolError =>
  new ToolError('tool_error', `the MCP server \`${server}\`: ${faultText(error)}`, { retryable: !isFinal(error), cause: error });
