/** What the rules make of a text: a recipe's plan or the grammar's, or why neither. */
import { type StepDraft, type TaskError, validatePlan } from '@countersign/shared';
import { contextOf, type PlanRequest } from '../planner.ts';
import { type Composition, compose, type Groundwork } from './compose.ts';
import { findRecipe } from './recipes.ts';
import { badSteps, notUnderstood, toolsFor } from './refusals.ts';

/** `reply` is what a round keeps of it. */
export type Reading =
  | { ok: true; description: string; steps: StepDraft[]; reply: string }
  | { ok: false; error: TaskError; reply: string | null };

/** Reads a text as a whole objective. */
export function readObjective(objective: string, request: PlanRequest): Reading {
  const recipe = readRecipe(objective, request);
  if (recipe !== null) return recipe;
  const reading = readClauses(objective, request, { before: [], groundwork: null });
  return reading.ok ? { ...reading, description: describe(reading.composition) } : reading;
}

function readRecipe(objective: string, { input, tools }: PlanRequest): Reading | null {
  const found = findRecipe(objective, input);
  if (found === null) return null;
  const names = new Set(tools.map(({ name }) => name));
  const missing = [...new Set(found.steps.map(({ tool }) => tool))].filter((tool) => !names.has(tool));
  if (missing.length === 0) return { ok: true, description: found.description, steps: found.steps, reply: JSON.stringify(found.steps) };
  const message = `the recipe "${found.name}" fits, but needs ${missing.join(', ')}, which no executor has announced or this task may not use`;
  return {
    ok: false,
    error: { code: 'not_understood', message, detail: { recipe: found.name, missing, tools: toolsFor(tools) } },
    reply: null,
  };
}

interface Start {
  /** the steps that stand before those that are read */
  before: readonly StepDraft[];
  groundwork: Groundwork | null;
}

export type ClauseReading =
  | { ok: true; composition: Composition; steps: StepDraft[]; reply: string }
  | { ok: false; error: TaskError; reply: string };

/** Reads a text by the grammar; the steps that were there before come first. */
export function readClauses(text: string, request: PlanRequest, { before, groundwork }: Start): ClauseReading {
  const { objective, input, options, tools } = request;
  const composition = compose(text, tools, groundwork);
  const reply = JSON.stringify(composition.clauses);
  if (composition.clauses.length === 0 || composition.clauses.some(({ understood }) => !understood)) {
    return { ok: false, error: notUnderstood(composition, tools), reply };
  }
  const steps = [...before, ...composition.steps];
  const { issues } = validatePlan({ objective, input, options, steps }, contextOf(request));
  // Options and input are checked by whoever stores the plan, with their own message.
  const own = issues.filter(({ path }) => path.startsWith('steps'));
  if (own.length > 0) return { ok: false, error: badSteps(composition, own, tools), reply };
  return { ok: true, composition, steps, reply };
}

export const sizeText = ({ steps, stages }: Composition): string =>
  `${steps.length} step${steps.length === 1 ? '' : 's'} in ${stages} stage${stages === 1 ? '' : 's'}`;

const describe = (composition: Composition): string =>
  `Written by fixed rules, without a language model: ${sizeText(composition)}, one clause of the objective after the other. Read each step's input before you approve it.`;
