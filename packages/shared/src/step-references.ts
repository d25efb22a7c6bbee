/** Which other values a step refers to: in its input, its condition, its forEach, and the question of its gate. */
import { callsNamedCondition, conditionReferences, parseCondition } from './conditions.ts';
import type { Step } from './plan.ts';
import { isTemplate, type Reference, referencesIn } from './references.ts';

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

/** Whether a condition calls one that is registered in code, which may look at whatever its step can see. */
export function callsCode(source: string): boolean {
  const parsed = parseCondition(source, ANY_NAME);
  return parsed.ok && callsNamedCondition(parsed.condition);
}

/** Whether what a step does depends on the plan's input: by a reference, or by a condition in code, which may read it. */
export function readsPlanInput(step: Pick<Step, 'tool' | 'input' | 'when' | 'forEach' | 'approval'>): boolean {
  if (stepReferences(step).some(({ root }) => root === 'input')) return true;
  const conditions = [step.when, step.tool === CONDITION_TOOL ? String(step.input.expression ?? '') : null];
  return conditions.some((source) => source !== null && callsCode(source));
}

/** Whether a gate can ask as soon as its dependencies have ended: nothing is left for an executor to find out, or to write out. */
export const asksAtOnce = ({ input, when, forEach, approval }: Pick<Step, 'input' | 'when' | 'forEach' | 'approval'>): boolean =>
  when === null && !isTemplate([input, forEach, approval?.message]);
