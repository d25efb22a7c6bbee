/** The planner of a task with a template: its plan is there already and is only checked, in one round. */
import { type PlanDraft, validatePlan } from '@countersign/shared';
import { contextOf, invalidPlan, type Planner } from './planner.ts';

/** `draft` is what the template came to when the task was created. */
export function createTemplatePlanner(draft: PlanDraft, now: () => number = Date.now): Pick<Planner, 'name' | 'plan'> {
  return {
    name: 'template',
    async plan({ objective, input, options, onRound, ...fleet }) {
      const startedAt = now();
      const { issues } = validatePlan({ ...draft, objective, input, options }, contextOf(fleet));
      await onRound({
        round: 1,
        planner: 'template',
        model: null,
        format: null,
        promptVersion: null,
        promptHash: null,
        startedAt: new Date(startedAt).toISOString(),
        durationMs: Math.max(0, Math.round(now() - startedAt)),
        reply: null,
        issues,
        error: null,
        usage: null,
      });
      return issues.length === 0 ? { ok: true, draft } : { ok: false, error: invalidPlan(issues) };
    },
  };
}
