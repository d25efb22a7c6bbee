/** Plans put to validation, in tests: a few tools, and what came of it in short. */
import type { JsonObject } from '../src/json.ts';
import type { PlanContent } from '../src/plan.ts';
import type { ToolContract } from '../src/tool-contract.ts';
import { validatePlan } from '../src/validate.ts';
import type { ValidationContext } from '../src/validation/context.ts';

export const contract = (name: string, inputSchema: JsonObject, extra: Partial<ToolContract> = {}): ToolContract => ({
  name,
  description: `does ${name}`,
  risk: 'read',
  idempotent: true,
  inputSchema: { type: 'object', ...inputSchema },
  outputSchema: null,
  timeoutMs: null,
  retry: null,
  queue: null,
  examples: [],
  ...extra,
});

const contracts = [
  contract('any', {}),
  contract('get', {
    properties: { url: { type: 'string', minLength: 3 }, times: { type: 'integer' } },
    required: ['url'],
    additionalProperties: false,
  }),
  contract('condition', { properties: { expression: { type: 'string' } }, required: ['expression'] }),
  contract('human.input', { properties: { question: { type: 'string' }, schema: { type: 'object' } }, required: ['question'] }),
  contract('slow', {}, { timeoutMs: 90_000, retry: { maxAttempts: 4, backoff: 'fixed', delayMs: 10, maxDelayMs: 10, jitter: 0 } }),
  contract('either', {
    anyOf: [
      { type: 'object', required: ['a'], properties: { a: { type: 'number' } } },
      { type: 'object', required: ['b'], properties: { b: { type: 'number' } } },
    ],
  }),
];

export const context: ValidationContext = { tools: new Map(contracts.map((tool) => [tool.name, tool])) };

export const steps = (...list: unknown[]) => ({ objective: 'Audit', steps: list });

/** Each issue as `path code`. */
export const issues = (draft: unknown, extra: Partial<ValidationContext> = {}): string[] =>
  validatePlan(draft, { ...context, ...extra }).issues.map(({ path, code }) => `${path} ${code}`);

/** The messages of the issues. */
export const messages = (draft: unknown, extra: Partial<ValidationContext> = {}): string[] =>
  validatePlan(draft, { ...context, ...extra }).issues.map(({ message }) => message);

/** The content of a plan that must be right. */
export function content(draft: unknown, extra: Partial<ValidationContext> = {}): PlanContent {
  const result = validatePlan(draft, { ...context, ...extra });
  if (!result.valid) throw new Error(JSON.stringify(result.issues));
  return result.content;
}
