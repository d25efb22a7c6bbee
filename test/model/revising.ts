/** Small edits of a plan, as somebody makes them who revises it. */
import { CONDITION_TOOL, type PlanContent, type PlanDraft, type StepDraft } from '@countersign/shared';
import type { EditKind } from './generators.ts';
import { draftOf, TOOL } from './submission.ts';

interface Edit {
  edit: EditKind;
  /** counts through what there is to choose from, again and again */
  pick: number;
  /** of the revision that is written: what is added or changed has it in its name */
  revision: number;
}

/** The plan after the edit; the same plan where there is nothing to edit. */
export function edited(content: PlanContent, { edit, pick, revision }: Edit): PlanDraft {
  const plan = draftOf(content);
  const { steps } = plan;
  const chosen = steps[pick % steps.length]?.id;
  const change = (changed: (step: StepDraft) => StepDraft): PlanDraft => ({
    ...plan,
    steps: steps.map((step) => (step.id === chosen ? changed(step) : step)),
  });
  switch (edit) {
    case 'nothing':
      return plan;
    case 'describe':
      return change((step) => ({ ...step, description: `as revision ${revision} says` }));
    case 'input':
      return change((step) => ({ ...step, input: { ...step.input, ...(step.tool === CONDITION_TOOL ? {} : { revision }) } }));
    case 'planInput':
      return { ...plan, input: { ...plan.input, go: revision } };
    case 'cap':
      return { ...plan, options: { ...plan.options, maxParallelSteps: 1 + (revision % 3) } };
    case 'add': {
      const added: StepDraft = { id: `added${revision}`, tool: TOOL, dependsOn: chosen === undefined || pick % 3 === 0 ? [] : [chosen] };
      return { ...plan, steps: [...steps.slice(0, pick % 4), added, ...steps.slice(pick % 4)] };
    }
    case 'drop':
      return { ...plan, steps: withoutLeaf(steps, pick) };
  }
}

/** Drops a step that no other one waits for, unless it is the only step. */
function withoutLeaf(steps: readonly StepDraft[], pick: number): StepDraft[] {
  const leaves = steps.filter(({ id }) => !steps.some(({ dependsOn }) => dependsOn?.includes(id)));
  const leaf = leaves[pick % leaves.length]?.id;
  if (leaf === undefined || steps.length === 1) return [...steps];
  const others = (ids: readonly string[] = []) => ids.filter((id) => id !== leaf);
  return steps.filter(({ id }) => id !== leaf).map((step) => ({ ...step, ifTrue: others(step.ifTrue), ifFalse: others(step.ifFalse) }));
}
