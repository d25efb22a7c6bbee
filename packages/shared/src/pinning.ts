/**
 * Pinned steps: those that completed and are the same in a new revision, with all that stands before them. They are not
 * run again.
 */
import { canonicalJson, type Json } from './json.ts';
import type { PlanContent, Step } from './plan.ts';
import { readsPlanInput } from './step-references.ts';

/** All that decides what a step does: its definition, its tool's contract, and the plan's input where it reads that. */
function definitionText(step: Step, content: PlanContent): string {
  const definition = { step, tool: content.tools[step.tool] ?? null, input: readsPlanInput(step) ? content.input : null };
  return canonicalJson(definition as unknown as Json);
}

/** The ids, in the order of `after`, of the steps in `completed` that need not run again. */
export function pinnedSteps(before: PlanContent, after: PlanContent, completed: ReadonlySet<string>): string[] {
  const written = new Map(before.steps.map((step) => [step.id, definitionText(step, before)]));
  const unchanged = new Set(after.steps.filter((step) => written.get(step.id) === definitionText(step, after)).map(({ id }) => id));
  // A change spreads to everything behind it.
  const dependents = new Map<string, string[]>(after.steps.map(({ id }) => [id, []]));
  for (const { id, dependsOn } of after.steps) for (const dependency of dependsOn) dependents.get(dependency)?.push(id);
  const changed = after.steps.filter(({ id }) => !unchanged.has(id)).map(({ id }) => id);
  const behindChange = new Set(changed);
  for (const id of behindChange) for (const dependent of dependents.get(id) ?? []) behindChange.add(dependent);
  return after.steps.filter(({ id }) => completed.has(id) && !behindChange.has(id)).map(({ id }) => id);
}
