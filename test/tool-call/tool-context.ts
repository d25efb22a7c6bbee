/** What an executor gives a tool along with its input, for tests that call tools themselves. */
import type { ToolContext } from '@countersign/tools';

const silent: ToolContext['logger'] = { debug() {}, info() {}, warn() {}, error() {} };

export const toolContext = (fields: Partial<ToolContext> = {}): ToolContext => ({
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
