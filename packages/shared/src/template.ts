/** A template: a plan written beforehand, with parameters. Whoever asks for it gives the parameters, which become the plan's input. */
import type { JsonObject } from './json.ts';
import type { PlanOptionsInput, StepDraft } from './plan.ts';

export const TEMPLATE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export interface Template {
  name: string;
  /** what it is for; becomes the plan's description */
  description: string;
  /** a JSON Schema of an object: what `{{input...}}` reads in the steps and in the objective */
  parameters: JsonObject;
  /** a text with references to the input, which are put in once, when the template is used */
  objective: string;
  steps: StepDraft[];
  options: PlanOptionsInput;
  /** the tools that the plan may use, also when a planner revises it; null: all */
  tools: string[] | null;
  /** `sha256:` and hex, of all the above */
  digest: string;
}
