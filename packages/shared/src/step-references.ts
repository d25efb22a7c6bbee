/** Which other values a step refers to: in its input, its condition, its forEach, and the question of its gate. */
import { conditionReferences, parseCondition } from './conditions.ts';
import type { Step } from './plan.ts';
import { type Reference, referencesIn } from './references.ts';

/** The tool whose input is an expression instead of a template. */
export const CONDITION_TOOL = 'condition';
/** The tool that asks a person: its step is a gate, and what the approval brings is its output. */
export const HUMAN_INPUT_TOOL = 'human.input';

/** Validation has looked at the names; whichever they are, the references are the same. */
const ANY_NAME = { has: () => true };

function referencesOfCondition(source: string): Reference[] {
  const parsed = parseCondition(source, ANY_NAME);
  return parsed.ok ? conditionReferences(parsed.condition) : [];
}

/** The references in a step's input: those of a condition's expression, or those of a template. */
export const inputReferences = ({ tool, input }: Pick<Step, 'tool' | 'input'>): Reference[] =>
  tool === CONDITION_TOOL ? referencesOfCondition(String(input.expression ?? '')) : referencesIn(input);

/** Every reference of a step. */
export function stepReferences(step: Pick<Step, 'tool' | 'input' | 'when' | 'forEach' | 'approval'>): Reference[] {
  return [
    ...inputReferences(step),
    ...(step.when === null ? [] : referencesOfCondition(step.when)),
    ...referencesIn(step.forEach),
    ...referencesIn(step.approval?.message),
  ];
}

/**
 * Whether a gate can ask as soon as its dependencies have ended: nothing is left for an executor to find out first. Its
 * own `approval.data` is not there before it has asked.
 */
export const asksAtOnce = (step: Pick<Step, 'tool' | 'input' | 'when' | 'forEach' | 'approval'>): boolean =>
  step.when === null && stepReferences(step).length === 0;
