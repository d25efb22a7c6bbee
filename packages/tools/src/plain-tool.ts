/** Making a tool out of a plain object with JSON Schemas, so that a file without dependencies can hold one. */
import { type Json, type JsonObject, retryPolicySchema } from '@countersign/shared';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { outputJson, toolContract } from './define-tool.ts';
import { type Tool, type ToolContext, ToolError } from './tool.ts';

type Run = (input: unknown, ctx: ToolContext) => unknown;

const plainTool = z.strictObject({
  name: z.string(),
  description: z.string(),
  risk: z.string(),
  inputSchema: z.record(z.string(), z.unknown(), 'must be a JSON Schema, such as { type: "object", properties: {...} }'),
  outputSchema: z.record(z.string(), z.unknown()).nullish(),
  timeoutMs: z.number().nullish(),
  retry: retryPolicySchema.partial().nullish(),
  queue: z.string().nullish(),
  examples: z.array(z.unknown()).optional(),
  run: z.custom<Run>((value) => typeof value === 'function', 'must be a function run(input, ctx)'),
});

/** Formats stay remarks: without a library for them, Ajv would refuse every schema that names one. */
const AJV_OPTIONS = { allErrors: true, strict: false, useDefaults: true, validateFormats: false };

function compile(schema: JsonObject, field: string): ValidateFunction {
  const dialect = typeof schema.$schema === 'string' ? schema.$schema : '';
  const ajv = dialect.includes('draft-07') || dialect.includes('draft-06') ? new Ajv(AJV_OPTIONS) : new Ajv2020(AJV_OPTIONS);
  try {
    return ajv.compile(schema);
  } catch (cause) {
    throw new Error(`${field} is not a JSON Schema that can be checked: ${(cause as Error).message}`, { cause });
  }
}

const errorText = ({ instancePath, message, params }: ErrorObject): string => {
  const extra = 'additionalProperty' in params ? ` (${JSON.stringify(params.additionalProperty)})` : '';
  return `${instancePath === '' ? '' : `${instancePath.slice(1).replaceAll('/', '.')}: `}${message ?? 'is wrong'}${extra}`;
};
const errorsText = (check: ValidateFunction): string => (check.errors ?? []).map(errorText).join('; ');

/** Makes a tool out of `{name, description, risk, inputSchema, outputSchema?, run, ...}`. Throws an Error that says what is wrong. */
export function plainToolFrom(value: unknown): Tool {
  const parsed = plainTool.safeParse(value);
  if (!parsed.success)
    throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the object'}: ${message}`).join('; '));
  const { run, ...fields } = parsed.data;
  const contract = toolContract({
    ...fields,
    outputSchema: fields.outputSchema ?? null,
    timeoutMs: fields.timeoutMs ?? null,
    retry: fields.retry ? retryPolicySchema.parse(fields.retry) : null,
    queue: fields.queue ?? null,
    examples: fields.examples ?? [],
  });
  const checkInput = compile(contract.inputSchema, 'inputSchema');
  const checkOutput = contract.outputSchema === null ? null : compile(contract.outputSchema, 'outputSchema');
  return {
    contract,
    check(input) {
      // Ajv writes defaults into what it checks.
      const copy: Json = structuredClone(input);
      return checkInput(copy) ? { ok: true, value: copy } : { ok: false, message: errorsText(checkInput) };
    },
    async run(input, ctx) {
      // Called as a method, so that the object's other members are there as `this`.
      const output = outputJson(await run.call(value, input, ctx), contract.name);
      if (checkOutput === null || checkOutput(output)) return output;
      throw new ToolError('tool_error', `\`${contract.name}\` returned what its outputSchema rules out: ${errorsText(checkOutput)}`, {
        retryable: false,
      });
    },
  };
}
