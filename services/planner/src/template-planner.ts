/** The planner of a task with a template: its plan is there already and is only checked, in one round. */
import { type PlanDraft, validatePlan } from '@countersign/shared';
import { contextOf, invalidPlan, type Planner } from './planner.ts';
import { roundWithoutModel } from './round-without-model.ts';

/** `draft` is what the template came to when the task was created. */
export function createTemplatePlanner(draft: PlanDraft, now: () => number = Date.now): Pick<Planner, 'name' | 'plan'> {
  return {
    name: 'template',
    async plan({ objective, input, options, onRound, ...fleet }) {
      const startedAt = now();
      const { issues } = validatePlan({ ...draft, objective, input, options }, contextOf(fleet));
      await onRound(roundWithoutModel('template', { startedAt, endedAt: now() }, { reply: null, issues, error: null }));
      return issues.length === 0 ? { ok: true, draft } : { ok: false, error: invalidPlan(issues) };
    },
  };
}
