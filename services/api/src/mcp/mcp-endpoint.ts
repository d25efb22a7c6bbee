/** Countersign as an MCP server: the protocol's one endpoint, behind the same doors as the rest of the API. */
import type { IncomingMessage } from 'node:http';
import { LIMITS } from '@countersign/shared';
import type { RequestHandler } from 'express';
import { rolesFor } from '../access.ts';
import type { Admit } from '../admission.ts';
import { type Answer, json, problemDocument, statusOf } from '../answer.ts';
import { readBody } from '../body.ts';
import type { ApiContext } from '../operation.ts';
import { notesOf, takesRoute } from '../request-notes.ts';
import { send } from '../send.ts';
import { sendWeb, webRequest } from './web-exchange.ts';

export const MCP_PATH = '/mcp';

/** A call's arguments stand two levels deep in its message. */
const MESSAGE_DEPTH = LIMITS.jsonDepth + 2;
/** JSON-RPC's codes for what is no JSON, and for what is no request. */
const PARSE_ERROR = -32_700;
const INVALID_REQUEST = -32_600;

/** The endpoint for the OpenAPI document; what goes over it the protocol says. */
export const MCP_DOCUMENTED = {
  operationId: 'mcp',
  tags: ['service'],
  summary: 'The Model Context Protocol, for agents',
  description:
    'Streamable HTTP without sessions: every POST stands for itself. Its tools call the operations of this document, as the actor of the ' +
    'API key, and are refused what these refuse.',
  security: [{ apiKey: [] }],
  'x-roles': rolesFor('read'),
  responses: {
    200: {
      description: 'The answer to a request of the protocol, as JSON or as a stream of server-sent events.',
      content: {
        'text/event-stream': { schema: { type: 'string' }, example: 'event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n' },
      },
    },
  },
} as const;

/** A body that can't be read is the protocol's error; who may not call learns that as everywhere. */
function malformed(answer: Answer): Answer {
  if (answer.kind !== 'problem') return answer;
  const { status: _status, ...data } = problemDocument(answer, MCP_PATH);
  const code = answer.code === 'invalid_json' ? PARSE_ERROR : INVALID_REQUEST;
  return { kind: 'json', status: statusOf(answer), body: { jsonrpc: '2.0', id: null, error: { code, message: answer.detail, data } } };
}

/** Where this API is, as the client called it. */
function baseUrl({ headers }: IncomingMessage): string {
  const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
  return `${scheme}://${headers.host ?? 'localhost'}`;
}

/** The protocol and the tools are loaded by the first call: most processes get none. */
const loaded = () => Promise.all([import('@modelcontextprotocol/server'), import('./server.ts'), import('./wrong-params.ts')]);

/** Serves POST. The protocol's GET and DELETE are for sessions, which there are none of. */
export function mcpEndpoint(context: ApiContext, admit: Admit): RequestHandler {
  return async (request, response) => {
    const notes = notesOf(response);
    takesRoute(request, response, MCP_PATH);
    const admitted = await admit(request, response, { access: 'read' });
    if (!admitted.ok) return send(request, response, admitted.answer);
    const { actor } = admitted;
    const reading = await readBody(request, MESSAGE_DEPTH);
    if (!reading.ok) return send(request, response, malformed(reading.answer));
    const planUrl = (id: string): string => `${baseUrl(request)}/v1/plans/${id}?format=markdown`;
    const called = (tool: string): void => {
      notes.tools = [...(notes.tools ?? []), tool];
      notes.log.debug({ tool }, 'an MCP tool is called');
    };
    const [{ createMcpHandler }, { mcpServer }, { wrongParams }] = await loaded();
    const wrong = reading.value === undefined ? null : wrongParams(reading.value);
    if (wrong !== null) return send(request, response, json(200, wrong));
    const handler = createMcpHandler(() => mcpServer({ context, actor, log: notes.log, request, response, planUrl }, called), {
      keepAliveMs: context.heartbeatMs,
      onerror: (error) => notes.log.debug({ err: error }, 'an MCP request was refused or broke off'),
    });
    // Without a body the library says what is missing.
    await sendWeb(response, await handler.fetch(webRequest(request, response), { parsedBody: reading.value ?? null }));
  };
}
