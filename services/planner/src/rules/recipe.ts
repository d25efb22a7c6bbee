/**
 * What a recipe is: a whole plan written beforehand, for an objective that many ask for and no grammar would get right.
 * It is data: the phrases it answers, with named parts, and the steps, in which `<name>` stands for a part.
 */
import type { StepDraft } from '@countersign/shared';

export interface Recipe {
  name: string;
  /** for the person who approves the plan; says that it is a recipe */
  description: string;
  /** matched against the whole objective; named groups are the parts */
  phrases: readonly RegExp[];
  /** values of parts that the phrase leaves out; where one is not '', the task's `input.<name>` goes before it */
  defaults: Readonly<Record<string, string>>;
  steps: readonly StepDraft[];
}
