/** What an MCP tool is: a call of one of the API's operations, with its arguments in one object and an answer for agents. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '@countersign/service';
import type { Actor, JsonObject } from '@countersign/shared';
import type { Tool, ToolAnnotations } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { type ProblemAnswer, problem } from '../answer.ts';
import { IDEMPOTENCY_KEY } from '../idempotency.ts';
import { issuesOf, summaryOf } from '../issues.ts';
import type { ApiContext, Operation } from '../operation.ts';
import { OPERATIONS } from '../operations.ts';
import { filledPath, perform } from '../perform.ts';
import { mergedSchema, type ObjectSchema, plainSchema } from './json-schema.ts';

/** One call of a tool, on its way. */
export interface ToolCall {
  context: ApiContext;
  actor: Actor;
  log: Logger;
  /** the HTTP exchange that it came in */
  request: IncomingMessage;
  response: ServerResponse;
  /** aborts when the client no longer waits for the answer */
  signal: AbortSignal;
  /** where a person can read a plan */
  planUrl(planId: string): string;
  /** tells the client how far it is; null where the client did not ask for that */
  report: ((progress: { progress: number; total: number; message: string }) => Promise<void>) | null;
}

export type ToolAnswer =
  | { ok: true; structured: JsonObject; text: string }
  /** `instance`: the path of the operation that refused */
  | { ok: false; refusal: ProblemAnswer; instance: string };

export interface McpTool {
  definition: Tool;
  /** what it calls */
  operation: Operation;
  call(args: Readonly<Record<string, unknown>>, call: ToolCall): Promise<ToolAnswer>;
}

/** What the operation answered, to be shown. */
export interface Answered<Body, Own> {
  body: Body;
  own: Own;
  /** whether the answer was given before, to a call with the same idempotencyKey */
  repeated: boolean;
  call: ToolCall;
}

interface ToolDefinition<Body, Own extends z.ZodObject> {
  name: string;
  title: string;
  description: string;
  annotations: ToolAnnotations;
  /** the id of the operation that it calls */
  operation: string;
  /** the arguments that are not the operation's body */
  own: Own;
  output: z.ZodObject;
  route?(own: z.output<Own>): { params?: Record<string, string>; query?: Record<string, unknown> };
  show(answered: Answered<Body, z.output<Own>>): Shown | Promise<Shown>;
}

/** What a tool makes of the operation's answer; a refusal where that has not what was asked for. */
export type Shown = { structured: object; text: string } | ProblemAnswer;

export const READS: ToolAnnotations = { readOnlyHint: true, openWorldHint: false };
export const SUBMITS: ToolAnnotations = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false };
export const DECIDES: ToolAnnotations = { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true };

export const planId = z.string().describe('The id of the plan, like pln_....');
export const stepId = z.string().describe('The id of the step in the plan.');
export const offset = z.int().min(0).default(0).describe('Where in the list to begin: nextOffset of the answer before.');
const idempotencyKey = z
  .string()
  .regex(IDEMPOTENCY_KEY.pattern, IDEMPOTENCY_KEY.message)
  .optional()
  .describe('Names this call: sent again with the same key and arguments, it is carried out once and answered the same.');

export function operationNamed(id: string): Operation {
  const found = OPERATIONS.find((operation) => operation.id === id);
  if (found === undefined) throw new Error(`there is no operation \`${id}\`; there are ${OPERATIONS.map((each) => each.id).join(', ')}`);
  return found;
}

/** A tool that calls one operation, with all that HTTP checks on the way: roles, ids, body, Idempotency-Key. */
export function operationTool<Body, Own extends z.ZodObject>(tool: ToolDefinition<Body, Own>): McpTool {
  const operation = operationNamed(tool.operation);
  const { body } = operation;
  const own = operation.idempotent ? tool.own.extend({ idempotencyKey }) : tool.own;
  const ownNames = Object.keys(own.shape);
  const inputs = [plainSchema(own, 'input'), ...(body === undefined ? [] : [plainSchema(body.documented ?? body.schema, 'input')])];
  const { name, title, description, annotations } = tool;
  return {
    operation,
    definition: {
      ...{ name, title, description, annotations },
      inputSchema: mergedSchema(inputs),
      outputSchema: plainSchema(tool.output, 'output') as ObjectSchema,
    },
    async call(args, call) {
      const isOwn = ([key]: [string, unknown]): boolean => ownNames.includes(key);
      // What is neither its own nor for a body is an argument that does not exist.
      const entries = Object.entries(args);
      const parsed = own.safeParse(Object.fromEntries(body === undefined ? entries : entries.filter(isOwn)));
      if (!parsed.success) {
        const issues = issuesOf(parsed.error);
        return { ok: false, refusal: problem('invalid_request', summaryOf(issues, 'the arguments'), { issues }), instance: operation.path };
      }
      const values = parsed.data as z.output<Own> & { idempotencyKey?: string };
      const { params = {}, query = {} } = tool.route?.(values) ?? {};
      const instance = filledPath(operation, params);
      const value = Object.fromEntries(entries.filter((entry) => !isOwn(entry))) as JsonObject;
      const { context, ...exchange } = call;
      const answer = await perform(operation, context, {
        ...exchange,
        params,
        query,
        readBody: async () => ({ ok: true, value }),
        idempotencyKey: values.idempotencyKey,
      });
      if (answer.kind === 'problem') return { ok: false, refusal: answer, instance };
      if (answer.kind !== 'json') throw new Error(`${operation.id} answered ${answer.kind} where a tool needs JSON`);
      const repeated = answer.headers?.['Idempotent-Replayed'] === 'true';
      const shown = await tool.show({ body: answer.body as Body, own: values, repeated, call });
      if ('kind' in shown) return { ok: false, refusal: shown, instance };
      return { ok: true, structured: shown.structured as JsonObject, text: shown.text };
    },
  };
}
