/** Making a tool out of a zod schema and a function. */
import {
  type Json,
  type JsonObject,
  pathText,
  type RetryPolicy,
  type Risk,
  retryPolicySchema,
  type ToolContract,
  toolContractSchema,
} from '@countersign/shared';
import { z } from 'zod';
import { stepQueueProblem } from './step-queue.ts';
import { type ReviewContext, type Tool, type ToolContext, ToolError } from './tool.ts';

export interface ToolDefinition<Input extends z.ZodType, Output extends z.ZodType> {
  /** words joined by dots, like `fs.list` */
  name: string;
  /** for people and models: what it does, what it gives, what it refuses */
  description: string;
  risk: Risk;
  /** whether to do it twice with the same input comes to the same as doing it once; absent: where it only reads */
  idempotent?: boolean;
  /** an object schema; checks that JSON Schema can't say are made by the executor alone */
  input: Input;
  output?: Output;
  /** milliseconds of one attempt, where neither the step nor the plan says otherwise */
  timeoutMs?: number;
  retry?: Partial<RetryPolicy>;
  /** the queue its steps go to */
  queue?: string;
  /** how people ask for it, with the input they mean */
  examples?: readonly { text: string; input: z.input<Input> }[];
  /**
   * What a call will do, in words for the person who is to approve it, like `deletes 3 files under reports/`. It changes
   * nothing. A value that an earlier step is still to give is its placeholder's text, whatever its type.
   */
  effects?(input: JsonObject, ctx: ReviewContext): Promise<string> | string;
  /** As `Tool.hosts`: where a call sends what it is given to. */
  hosts?(input: Json): string[] | null;
  /** What a call would give or change, found out without changing anything. Asked where the whole input is known. */
  dryRun?(input: z.output<Input>, ctx: ReviewContext): Promise<unknown> | unknown;
  run(input: z.output<Input>, ctx: ToolContext): Promise<z.input<Output>> | z.input<Output>;
}

/** A contract, checked. Throws an Error that names every field that is wrong. */
export function toolContract(fields: Record<keyof ToolContract, unknown>): ToolContract {
  const parsed = toolContractSchema.safeParse(fields);
  const wrong = (what: string): Error => new Error(`the tool ${JSON.stringify(fields.name)} is wrong: ${what}`);
  if (!parsed.success) throw wrong(issuesText(parsed.error));
  const problem = parsed.data.queue === null ? null : stepQueueProblem(parsed.data.queue);
  if (problem !== null) throw wrong(`queue: ${problem}`);
  return parsed.data;
}

const issuesText = (error: z.ZodError): string =>
  error.issues.map(({ path, message }) => (path.length === 0 ? message : `${pathText(path)}: ${message}`)).join('; ');

function schemaJson(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io }) as JsonObject;
  return json;
}

/** What a tool returned, as the JSON that is recorded: nothing is null, a date is its text. */
export function outputJson(value: unknown, toolName: string): Json {
  let text: string | undefined;
  try {
    text = JSON.stringify(value === undefined ? null : value);
  } catch (cause) {
    throw new ToolError('tool_error', `\`${toolName}\` returned what JSON can't hold: ${(cause as Error).message}`, {
      retryable: false,
      cause,
    });
  }
  if (text === undefined) throw new ToolError('tool_error', `\`${toolName}\` returned a ${typeof value}, not JSON`, { retryable: false });
  return JSON.parse(text) as Json;
}

/** Makes a tool. Throws an Error when the definition is wrong, for instance its name. */
export function defineTool<Input extends z.ZodType, Output extends z.ZodType = z.ZodUnknown>(
  definition: ToolDefinition<Input, Output>,
): Tool {
  const { name, input, output, effects, dryRun, hosts } = definition;
  const contract = toolContract({
    name,
    description: definition.description,
    risk: definition.risk,
    idempotent: definition.idempotent ?? definition.risk === 'read',
    inputSchema: schemaJson(input, 'input'),
    outputSchema: output === undefined ? null : schemaJson(output, 'output'),
    timeoutMs: definition.timeoutMs ?? null,
    retry: definition.retry === undefined ? null : retryPolicySchema.parse(definition.retry),
    queue: definition.queue ?? null,
    examples: definition.examples ?? [],
  });
  return {
    contract,
    check(raw) {
      const parsed = input.safeParse(raw);
      return parsed.success ? { ok: true, value: parsed.data } : { ok: false, message: issuesText(parsed.error) };
    },
    ...(effects === undefined ? {} : { effects: async (raw, ctx) => effects(raw, ctx) }),
    ...(hosts === undefined ? {} : { hosts: (raw) => hosts(raw) }),
    ...(dryRun === undefined ? {} : { dryRun: async (value, ctx) => outputJson(await dryRun(value as z.output<Input>, ctx), name) }),
    async run(value, ctx) {
      const returned = outputJson(await definition.run(value as z.output<Input>, ctx), name);
      if (output === undefined) return returned;
      const parsed = output.safeParse(returned);
      if (parsed.success) return parsed.data as Json;
      throw new ToolError('tool_error', `\`${name}\` returned what its contract rules out: ${issuesText(parsed.error)}`, {
        retryable: false,
      });
    },
  };
}
