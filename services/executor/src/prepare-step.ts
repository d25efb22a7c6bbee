/** From a claimed step to a call: the tool is the one that was signed, the references are resolved, the input fits. */
import {
  CONDITION_TOOL,
  evaluateCondition,
  type Json,
  type PlanContent,
  parseCondition,
  type ReferenceScope,
  referencesIn,
  resolveReferences,
  type Step,
  type StepError,
} from '@countersign/shared';
import type { StepOutcome } from '@countersign/store';
import { type Tool, ToolError } from '@countersign/tools';
import type { LoadedRevision } from './revision-cache.ts';

export interface ToolCall {
  tool: Tool;
  /** checked against the tool's schema */
  input: unknown;
  /** JSON text; null when the input had no references */
  resolvedInput: string | null;
  evaluate(expression: string): boolean;
}

export type Prepared = { ok: true; call: ToolCall } | { ok: false; error: StepError };

const refuse = (code: StepError['code'], message: string): Prepared => ({ ok: false, error: { code, message, retryable: false } });

const parse = (text: string | null): Json => (text === null ? null : (JSON.parse(text) as Json));

/** What a step's references see. */
export function scopeOf(
  content: PlanContent,
  { taskId, outcomes }: { taskId: string | null; outcomes: ReadonlyMap<string, StepOutcome> },
): ReferenceScope {
  const steps = [...outcomes].map(
    ([id, { status, output, error }]) => [id, { status, output: parse(output), error: parse(error) }] as const,
  );
  return { input: content.input, task: { id: taskId, objective: content.objective }, steps: new Map(steps) };
}

function evaluator(scope: ReferenceScope): (expression: string) => boolean {
  return (expression) => {
    const parsed = parseCondition(expression);
    if (!parsed.ok) throw new ToolError('bad_condition', `${parsed.message} (at position ${parsed.position})`);
    const result = evaluateCondition(parsed.condition, scope);
    if (!result.ok) throw new ToolError('bad_condition', result.message);
    return result.value;
  };
}

export interface PrepareOptions {
  revision: LoadedRevision;
  references: ReferenceScope;
  tools: ReadonlyMap<string, Tool>;
  /** those of this process's tools, as canonical text */
  contracts: ReadonlyMap<string, string>;
}

export function prepareStep(step: Step, { revision, references, tools, contracts }: PrepareOptions): Prepared {
  const tool = tools.get(step.tool);
  if (tool === undefined)
    return refuse('unknown_tool', `this executor has no tool ${step.tool}; it has ${[...tools.keys()].sort().join(', ')}`);
  if (contracts.get(step.tool) !== revision.contracts.get(step.tool)) {
    return refuse(
      'tool_changed',
      `the contract of ${step.tool} is not the one that was approved: its description, schema, risk or defaults changed since`,
    );
  }
  // A condition's expression is not a template: a value can never become part of it.
  const hasReferences = step.tool !== CONDITION_TOOL && referencesIn(step.input).length > 0;
  const input = step.tool === CONDITION_TOOL ? step.input : resolveReferences(step.input, references);
  const checked = tool.check(input);
  if (!checked.ok) return refuse('invalid_input', checked.message);
  return {
    ok: true,
    call: { tool, input: checked.value, resolvedInput: hasReferences ? JSON.stringify(input) : null, evaluate: evaluator(references) },
  };
}
