/** Running a tool in a test the way an executor does: check the input, then run it with a context. */
import type { Json } from '@countersign/shared';
import { type ReviewContext, type Tool, type ToolContext, ToolError } from '../src/tool.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export const contextWith = (fields: Partial<ToolContext> = {}): ToolContext => ({
  signal: new AbortController().signal,
  idempotencyKey: 'pln_1.step.1',
  planId: 'pln_1',
  stepId: 'step',
  attempt: 1,
  logger: silent,
  progress() {},
  evaluate: () => false,
  ...fields,
});

export const reviewContext = (fields: Partial<ReviewContext> = {}): ReviewContext => ({
  signal: new AbortController().signal,
  planId: 'pln_1',
  stepId: 'step',
  logger: silent,
  ...fields,
});

/** The output of a tool. Rejects with a ToolError `invalid_input` when the check refuses the input. */
export async function runTool<Output = Json>(tool: Tool, input: Json, fields: Partial<ToolContext> = {}): Promise<Output> {
  const checked = tool.check(input);
  if (!checked.ok) throw new ToolError('invalid_input', checked.message);
  return (await tool.run(checked.value, contextWith(fields))) as Output;
}
