/** What a step sees: the values behind its references, and whether conditions hold for them. */
import {
  evaluateCondition,
  type Json,
  type NamedCondition,
  type PlanContent,
  parseChildId,
  parseCondition,
  type ReferenceScope,
} from '@countersign/shared';
import type { StepOutcome } from '@countersign/store';
import { ToolError } from '@countersign/tools';

const parse = (text: string): Json => JSON.parse(text) as Json;

/** What the references of a step, or of its child for one element, see. `outcomes` has the child's own, too. */
export function scopeOf(
  content: PlanContent,
  { stepId, taskId, outcomes }: { stepId: string; taskId: string | null; outcomes: ReadonlyMap<string, StepOutcome> },
): ReferenceScope {
  const steps = [...outcomes].map(
    ([id, { status, output, error, gate }]) =>
      [
        id,
        {
          status,
          output: output === null ? null : parse(output),
          error: error === null ? null : parse(error),
          // An approval that came without data leaves none to read.
          ...(gate?.data == null ? {} : { approvalData: parse(gate.data) }),
        },
      ] as const,
  );
  const child = parseChildId(stepId);
  const item = outcomes.get(stepId)?.item ?? null;
  return {
    input: content.input,
    task: { id: taskId, objective: content.objective },
    steps: new Map(steps),
    ...(child === null ? {} : { item: item === null ? null : parse(item), index: child.index }),
  };
}

export type Evaluate = (expression: string) => boolean;

/** Decides conditions over a scope. Whatever can't be decided is thrown as a ToolError `bad_condition`. */
export function evaluator(scope: ReferenceScope, conditions: ReadonlyMap<string, NamedCondition>): Evaluate {
  return (expression) => {
    const parsed = parseCondition(expression, conditions);
    if (!parsed.ok) throw new ToolError('bad_condition', `${parsed.message} (at position ${parsed.position})`);
    const result = evaluateCondition(parsed.condition, scope, conditions);
    if (!result.ok) throw new ToolError('bad_condition', result.message);
    return result.value;
  };
}
