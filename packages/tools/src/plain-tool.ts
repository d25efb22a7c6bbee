/** Making a tool out of a plain object with JSON Schemas, so that a file without dependencies can hold one. */
import { type Json, type JsonObject, retryPolicySchema } from '@countersign/shared';
import { z } from 'zod';
import { outputJson, toolContract } from './define-tool.ts';
import { compileSchema } from './json-schema.ts';
import { type ReviewContext, type Tool, type ToolContext, ToolError } from './tool.ts';

type Run = (input: unknown, ctx: ToolContext) => unknown;
type Effects = (input: JsonObject, ctx: ReviewContext) => unknown;
type DryRun = (input: unknown, ctx: ReviewContext) => unknown;

function words(said: unknown, toolName: string): string {
  if (typeof said === 'string') return said;
  throw new Error(`the effects of \`${toolName}\` are ${said === null ? 'null' : `a value of type ${typeof said}`}; they must be a text`);
}

const plainTool = z.strictObject({
  name: z.string(),
  description: z.string(),
  risk: z.string(),
  idempotent: z.boolean().optional(),
  inputSchema: z.record(z.string(), z.unknown(), 'must be a JSON Schema, such as { type: "object", properties: {...} }'),
  outputSchema: z.record(z.string(), z.unknown()).nullish(),
  timeoutMs: z.number().nullish(),
  retry: retryPolicySchema.partial().nullish(),
  queue: z.string().nullish(),
  examples: z.array(z.unknown()).optional(),
  effects: z.custom<Effects>((value) => typeof value === 'function', 'must be a function effects(input, ctx)').optional(),
  dryRun: z.custom<DryRun>((value) => typeof value === 'function', 'must be a function dryRun(input, ctx)').optional(),
  run: z.custom<Run>((value) => typeof value === 'function', 'must be a function run(input, ctx)'),
});

/** Makes a tool out of `{name, description, risk, inputSchema, outputSchema?, run, ...}`. Throws an Error that says what is wrong. */
export function plainToolFrom(value: unknown): Tool {
  const parsed = plainTool.safeParse(value);
  if (!parsed.success)
    throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the object'}: ${message}`).join('; '));
  const { run, effects, dryRun, ...fields } = parsed.data;
  const contract = toolContract({
    ...fields,
    idempotent: fields.idempotent ?? fields.risk === 'read',
    outputSchema: fields.outputSchema ?? null,
    timeoutMs: fields.timeoutMs ?? null,
    retry: fields.retry ? retryPolicySchema.parse(fields.retry) : null,
    queue: fields.queue ?? null,
    examples: fields.examples ?? [],
  });
  const inputSchema = compileSchema(contract.inputSchema, { field: 'inputSchema' });
  const outputSchema = contract.outputSchema === null ? null : compileSchema(contract.outputSchema, { field: 'outputSchema' });
  return {
    contract,
    check(input) {
      // Defaults are written into what is checked.
      const copy: Json = structuredClone(input);
      const problem = inputSchema.problem(copy);
      return problem === null ? { ok: true, value: copy } : { ok: false, message: problem };
    },
    ...(effects === undefined ? {} : { effects: async (input, ctx) => words(await effects.call(value, input, ctx), contract.name) }),
    ...(dryRun === undefined ? {} : { dryRun: async (input, ctx) => outputJson(await dryRun.call(value, input, ctx), contract.name) }),
    async run(input, ctx) {
      // Called as a method, so that the object's other members are there as `this`.
      const output = outputJson(await run.call(value, input, ctx), contract.name);
      const problem = outputSchema?.problem(output) ?? null;
      if (problem === null) return output;
      throw new ToolError('tool_error', `\`${contract.name}\` returned what its outputSchema rules out: ${problem}`, { retryable: false });
    },
  };
}
