/**
 * The plan that is there, as data for a prompt: in the form of the answer, one step a line. Where it is too long, some of
 * its steps are shown by their id, tool and description alone; a model can keep those, or leave them out.
 */
import { type JsonObject, type Plan, type StepView, shorten } from '@countersign/shared';
import type { CallForm } from './call-form.ts';
import { writeStep } from './step-form.ts';

/** Characters of the whole: some 50,000 tokens. */
export const MOST_SHOWN = 150_000;
/** Of the description of a step that is not shown in full. */
const CUT_DESCRIPTION = 80;

export interface ShownPlan {
  lines: string;
  /** the ids of the steps that are not shown in full */
  cut: ReadonlySet<string>;
}

/** Null where even the ids of all steps would be too much. `feedback`: steps that it names are shown before others. */
export function showPlan(plan: Plan, calls: CallForm, feedback = ''): ShownPlan | null {
  const { description, steps } = plan;
  const head = JSON.stringify({ description });
  const short = new Map(steps.map((step) => [step.id, JSON.stringify(shortened(step))]));
  const full = new Map(steps.map((step) => [step.id, JSON.stringify(writeStep(step, calls))]));
  let left = MOST_SHOWN - head.length;
  for (const line of short.values()) left -= line.length + 1;
  if (left < 0) return null;
  const cut = new Set(short.keys());
  for (const { id } of byNeed(steps, feedback)) {
    const more = (full.get(id)?.length ?? 0) - (short.get(id)?.length ?? 0);
    if (more > left) continue;
    left -= more;
    cut.delete(id);
  }
  const lines = steps.map(({ id }) => (cut.has(id) ? short : full).get(id) ?? '');
  return { lines: [head, ...lines].join('\n'), cut };
}

const shortened = ({ id, tool, description }: StepView): JsonObject => ({
  cut: id,
  tool,
  description: shorten(description, CUT_DESCRIPTION),
});

/** Those that failed, then those that the feedback names, then the others, each in the plan's order. */
function byNeed(steps: readonly StepView[], feedback: string): StepView[] {
  const words = new Set(feedback.match(/[A-Za-z][A-Za-z0-9_-]*/g));
  const need = ({ id, status }: StepView): number => (status === 'failed' ? 0 : words.has(id) ? 1 : 2);
  return [...steps].sort((a, b) => need(a) - need(b));
}
