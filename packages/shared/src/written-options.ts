/** The options of a plan that is there, for a revision that goes on with them. */
import { canonicalJson } from './json.ts';
import { type PlanOptions, type PlanOptionsInput, planOptionsSchema } from './plan.ts';

/**
 * Options as somebody may have written them. An option that is written goes before what a tool asks for, and what has its
 * default was most likely not written: a new step then takes its timeout and its retries from its tool.
 */
export function writtenOptions(options: PlanOptions): PlanOptionsInput {
  const defaults: Record<string, unknown> = planOptionsSchema.parse({});
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => canonicalJson(value) !== canonicalJson(defaults[name])));
}
