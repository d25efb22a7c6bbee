/** What the protocol's library would answer as a fault of its own: requests whose params are not what the protocol says. */
import { isObject, type Json, type JsonObject, pathText } from '@countersign/shared';
import { INVALID_PARAMS, type SpecTypeName, specTypeSchemas } from '@modelcontextprotocol/server';

/** The requests that are answered here, as the protocol names their shapes. */
const SHAPES: Readonly<Record<string, SpecTypeName>> = {
  initialize: 'InitializeRequest',
  ping: 'PingRequest',
  'tools/list': 'ListToolsRequest',
  'tools/call': 'CallToolRequest',
  'resources/list': 'ListResourcesRequest',
  'resources/templates/list': 'ListResourceTemplatesRequest',
  'resources/read': 'ReadResourceRequest',
};

type ErrorMessage = { jsonrpc: '2.0'; id: Json; error: { code: number; message: string } };

function errorOf(message: Json): ErrorMessage | null {
  if (!isObject(message)) return null;
  const { id, method, params } = message as JsonObject;
  const shape = typeof method === 'string' && Object.hasOwn(SHAPES, method) ? SHAPES[method] : undefined;
  if (shape === undefined || id === undefined) return null;
  const { issues } = specTypeSchemas[shape]['~standard'].validate({ method, params } as never);
  if (issues === undefined) return null;
  const said = issues.map(
    ({ path = [], message: words }) => `${pathText(path.map((part) => (isObject(part) ? String(part.key) : (part as string))))}: ${words}`,
  );
  const isId = typeof id === 'string' || typeof id === 'number';
  return {
    jsonrpc: '2.0',
    id: isId ? id : null,
    error: { code: INVALID_PARAMS, message: `${method} is not asked for as the protocol says: ${said.join('; ')}` },
  };
}

/**
 * The error that a body is answered with, null where it may go on. Of several messages none is answered where one is wrong:
 * nothing of them has been done then.
 */
export function wrongParams(body: Json): ErrorMessage | null {
  for (const message of Array.isArray(body) ? body : [body]) {
    const error = errorOf(message);
    if (error !== null) return error;
  }
  return null;
}
