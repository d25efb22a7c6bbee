/** Steps that write down in the ledger that they were called, and what became of them. */
import type { Plan, StepDraft, StepView } from '@countersign/shared';

export const recordStep = (id: string, input: StepDraft['input'] = {}, more: Partial<StepDraft> = {}): StepDraft => ({
  id,
  tool: 'test.record',
  input,
  ...more,
});

export const conditionStep = (id: string, expression: string, more: Partial<StepDraft> = {}): StepDraft => ({
  id,
  tool: 'condition',
  input: { expression },
  ...more,
});

export function stepOf({ steps }: Pick<Plan, 'steps'>, id: string): StepView {
  const step = steps.find((each) => each.id === id);
  if (step === undefined) throw new Error(`the plan has no step ${id}; it has ${steps.map((each) => each.id).join(', ')}`);
  return step;
}

export const statuses = (steps: readonly { id: string; status: string }[]): Record<string, string> =>
  Object.fromEntries(steps.map(({ id, status }) => [id, status]));
