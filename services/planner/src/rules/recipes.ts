/** Finding the recipe for an objective, and filling in its parts. */
import type { JsonObject, StepDraft } from '@countersign/shared';
import { AUDIT_RECIPE, AUDIT_TO_FILE_RECIPE } from './audit-recipe.ts';
import type { Recipe } from './recipe.ts';

export interface CookedRecipe {
  name: string;
  description: string;
  steps: StepDraft[];
}

const RECIPES: readonly Recipe[] = [AUDIT_TO_FILE_RECIPE, AUDIT_RECIPE];

/** The recipe for an objective with its parts filled in; null when there is none. */
export function findRecipe(objective: string, input: JsonObject): CookedRecipe | null {
  const text = objective.trim().replace(/\s+/g, ' ');
  for (const recipe of RECIPES) {
    const match = recipe.phrases.map((phrase) => phrase.exec(text)).find((found) => found !== null);
    if (match === undefined || match === null) continue;
    const parts = new Map(
      Object.entries(recipe.defaults).map(([name, value]) => [
        name,
        value !== '' && typeof input[name] === 'string' ? `{{input.${name}}}` : value,
      ]),
    );
    for (const [name, value] of Object.entries(match.groups ?? {})) if (value !== undefined) parts.set(name, plainPath(value));
    return {
      name: recipe.name,
      description: fill(recipe.description, parts) as string,
      steps: recipe.steps.map((step) => fill(step, parts) as StepDraft),
    };
  }
  return null;
}

/** A path as the tools report it: without quotes and without `./`. */
const plainPath = (written: string): string =>
  written
    .replace(/^["'](.*)["']$/, '$1')
    .replace(/^(\.\/)+(?=.)/, '')
    .replace(/(?<=.)\/$/, '');

/** Puts the parts into every text. Values are the caller's words: what looks like a placeholder in them stays text. */
function fill(value: unknown, parts: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return value.replace(/<([a-z]+)>/g, (whole, name: string) => parts.get(name) ?? whole);
  if (Array.isArray(value)) return value.map((item) => fill(item, parts));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fill(member, parts)]));
  return value;
}
