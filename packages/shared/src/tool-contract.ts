/** A tool's contract: all that a planner, a reviewer and the validator know of a tool. The code behind it is in packages/tools. */
import { z } from 'zod';
import { canonicalJson, type JsonObject } from './json.ts';
import { retryPolicySchema } from './retry.ts';

export const RISKS = ['read', 'write', 'destructive'] as const;
export type Risk = (typeof RISKS)[number];

export const TOOL_NAME = /^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/;

const jsonSchema = z.record(z.string(), z.json()) as z.ZodType<JsonObject>;

export const toolContractSchema = z.strictObject({
  name: z.string().regex(TOOL_NAME).max(128),
  description: z.string().min(1),
  risk: z.enum(RISKS),
  /** whether to do it twice with the same input comes to the same as doing it once */
  idempotent: z.boolean(),
  inputSchema: jsonSchema,
  outputSchema: jsonSchema.nullable(),
  /** milliseconds of one attempt, where neither the step nor the plan says otherwise */
  timeoutMs: z.int().positive().nullable(),
  retry: retryPolicySchema.nullable(),
  /** the BullMQ queue its steps go to; null: `steps` */
  queue: z.string().nullable(),
  /** how people ask for it, with the input they mean; the rules planner learns from them. Not part of the digest. */
  examples: z.array(z.strictObject({ text: z.string(), input: z.record(z.string(), z.json()) as z.ZodType<JsonObject> })),
});
export type ToolContract = z.infer<typeof toolContractSchema>;

/**
 * The part of a contract that people approve: what the tool is said to do and what it takes. A step is refused when its
 * executor's tool has another one.
 */
export type SignedToolContract = Omit<ToolContract, 'examples'>;

export function signedContract({ examples: _examples, ...signed }: ToolContract): SignedToolContract {
  return signed;
}

const IN_WORDS: Record<keyof SignedToolContract, string> = {
  name: 'name',
  description: 'description',
  risk: 'risk',
  idempotent: 'idempotence',
  inputSchema: 'input schema',
  outputSchema: 'output schema',
  timeoutMs: 'timeout',
  retry: 'retry policy',
  queue: 'queue',
};

/** What differs between two contracts of a tool, in words, like `description` and `input schema`. */
export function contractChanges(from: SignedToolContract, to: SignedToolContract): string[] {
  return (Object.keys(IN_WORDS) as (keyof SignedToolContract)[])
    .filter((field) => canonicalJson(from[field] ?? null) !== canonicalJson(to[field] ?? null))
    .map((field) => IN_WORDS[field]);
}
