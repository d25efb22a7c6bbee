/** The contract of a tool of an MCP server: what the server says of it, and what the configuration says instead. */
import {
  byteLength,
  canonicalJson,
  type JsonObject,
  jsonDepth,
  LIMITS,
  type Risk,
  signedContract,
  type ToolContract,
} from '@countersign/shared';
import type { Tool as ListedTool } from '@modelcontextprotocol/client';
import { toolContract } from '../define-tool.ts';
import { compileSchema, type SchemaCheck } from '../json-schema.ts';
import type { McpServerConfig } from './mcp-config.ts';

export interface McpContract {
  contract: ToolContract;
  /** canonical text of what people sign */
  text: string;
  input: SchemaCheck;
  /** null where the server promises nothing of its output */
  output: SchemaCheck | null;
}

/** Longer schemas are no help to anybody who is to read them, and every plan that names the tool would keep them. */
const MAX_SCHEMA_BYTES = 100_000;

function riskOf({ annotations, name }: ListedTool, { risks }: McpServerConfig): Risk {
  const configured = risks.get(name);
  if (configured !== undefined) return configured;
  if (annotations?.readOnlyHint === true) return 'read';
  return annotations?.destructiveHint === true ? 'destructive' : 'write';
}

function description({ description: written = '', title, annotations, name }: ListedTool, server: string): string {
  const said = written.trim() === '' ? (title ?? annotations?.title ?? '') : written;
  return (said.trim() === '' ? `The tool ${name} of the MCP server ${server}, which says no more about it.` : said).slice(
    0,
    LIMITS.textLength,
  );
}

function schema(written: object, field: string): [JsonObject, SchemaCheck] {
  const json = written as JsonObject;
  if (jsonDepth(json, LIMITS.jsonDepth) > LIMITS.jsonDepth) throw new Error(`its ${field} is nested more than ${LIMITS.jsonDepth} deep`);
  const bytes = byteLength(JSON.stringify(json));
  if (bytes > MAX_SCHEMA_BYTES) throw new Error(`its ${field} has ${bytes} bytes; at most ${MAX_SCHEMA_BYTES} are taken`);
  return [json, compileSchema(json, { field, untrusted: true })];
}

/** Throws an Error that says why the tool can't be used. */
export function mcpContract(listed: ListedTool, name: string, config: McpServerConfig): McpContract {
  if ((listed.inputSchema as { type?: unknown }).type !== 'object') throw new Error('its inputSchema is not that of an object');
  if (listed.execution?.taskSupport === 'required') throw new Error('it can only be called as a task, which no plan can');
  const [inputSchema, input] = schema(listed.inputSchema, 'inputSchema');
  const [outputSchema, output] = listed.outputSchema === undefined ? [null, null] : schema(listed.outputSchema, 'outputSchema');
  const risk = riskOf(listed, config);
  const contract = toolContract({
    name,
    description: description(listed, config.name),
    risk,
    idempotent: risk === 'read' || listed.annotations?.idempotentHint === true,
    inputSchema,
    outputSchema,
    timeoutMs: config.timeoutMs,
    retry: null,
    queue: config.queue,
    examples: [],
  });
  return { contract, text: canonicalJson(signedContract(contract)), input, output };
}
