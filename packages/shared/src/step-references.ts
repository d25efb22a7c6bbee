/** Which other values a step's input refers to. */
import { conditionReferences, parseCondition } from './conditions.ts';
import type { Step } from './plan.ts';
import { type Reference, referencesIn } from './references.ts';

/** The tool whose input is an expression instead of a template. */
export const CONDITION_TOOL = 'condition';

/** The references in a step's input: those of a condition's expression, or those of a template. */
export function stepReferences(step: Pick<Step, 'tool' | 'input'>): Reference[] {
  if (step.tool !== CONDITION_TOOL) return referencesIn(step.input);
  const parsed = parseCondition(String(step.input.expression ?? ''));
  return parsed.ok ? conditionReferences(parsed.condition) : [];
}
