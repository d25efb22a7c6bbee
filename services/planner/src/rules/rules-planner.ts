/** The planner without a model: recipes first, then the grammar. The same objective and tools give the same plan. */
import { type JsonObject, type PlanDraft, referencesIn, type TaskError, type ToolContract, validatePlan } from '@countersign/shared';
import { cutReply, type PlanAnswer, type Planner, type PlanRequest, toolsByName } from '../planner.ts';
import { type Composition, compose } from './compose.ts';
import { findRecipe } from './recipes.ts';

const MOST_EXAMPLES = 5;

export function createRulesPlanner(now: () => number = Date.now): Planner {
  async function plan(request: PlanRequest): Promise<PlanAnswer> {
    const startedAt = now();
    const { answer, reply } = answerOf(request);
    await request.onRound({
      round: 1,
      planner: 'rules',
      model: null,
      startedAt: new Date(startedAt).toISOString(),
      durationMs: Math.max(0, Math.round(now() - startedAt)),
      reply: cutReply(reply),
      issues: [],
      error: answer.ok ? null : `${answer.error.code}: ${answer.error.message}`,
      usage: null,
    });
    return answer;
  }
  return { name: 'rules', plan };
}

function answerOf(request: PlanRequest): { answer: PlanAnswer; reply: string | null } {
  const names = new Set(request.tools.map(({ name }) => name));
  const found = findRecipe(request.objective, request.input);
  if (found !== null) {
    const missing = [...new Set(found.steps.map(({ tool }) => tool))].filter((tool) => !names.has(tool));
    if (missing.length === 0) return accept({ ...draftOf(request), description: found.description, steps: found.steps });
    const message = `the recipe "${found.name}" fits, but needs ${missing.join(', ')}, which no executor has announced or this task may not use`;
    return {
      answer: {
        ok: false,
        error: { code: 'not_understood', message, detail: { recipe: found.name, missing, tools: toolsFor(request.tools) } },
      },
      reply: null,
    };
  }
  const composition = compose(request.objective, request.tools);
  const reply = JSON.stringify(composition.clauses);
  if (composition.clauses.length === 0 || composition.clauses.some(({ understood }) => !understood)) {
    return { answer: { ok: false, error: notUnderstood(composition, request.tools) }, reply };
  }
  const draft = { ...draftOf(request), description: describe(composition), steps: composition.steps };
  const { issues } = validatePlan(draft, { tools: toolsByName(request.tools) });
  // Options and input are checked by whoever stores the plan, with their own message.
  const own = issues.filter(({ path }) => path.startsWith('steps'));
  return own.length === 0
    ? { answer: { ok: true, draft }, reply }
    : { answer: { ok: false, error: badSteps(composition, own, request.tools) }, reply };
}

const draftOf = ({ objective, input, options }: PlanRequest) => ({ objective, input, options });

const accept = (draft: PlanDraft): { answer: PlanAnswer; reply: string } => ({
  answer: { ok: true, draft },
  reply: JSON.stringify(draft.steps),
});

function describe({ steps, stages }: Composition): string {
  const size = `${steps.length} step${steps.length === 1 ? '' : 's'} in ${stages} stage${stages === 1 ? '' : 's'}`;
  return `Written by fixed rules, without a language model: ${size}, one clause of the objective after the other. Read each step's input before you approve it.`;
}

/** A phrase that these rules surely understand: an example that needs no value from elsewhere. */
const phraseFor = ({ examples }: ToolContract): string | null =>
  examples.find(({ input }) => referencesIn(input).length === 0)?.text ?? null;

const toolsFor = (tools: readonly ToolContract[]) =>
  tools.map((tool) => ({ name: tool.name, description: tool.description, example: phraseFor(tool) }));

function notUnderstood({ clauses }: Composition, tools: readonly ToolContract[]): TaskError {
  const failed = clauses.flatMap((clause) => (clause.understood ? [] : [`"${clause.text}": ${clause.problem}`]));
  const phrases = tools.map(phraseFor).filter((phrase) => phrase !== null);
  const examples = phrases.slice(0, MOST_EXAMPLES).map((phrase) => `"${phrase}"`);
  const count = clauses.length === 0 ? 'there is nothing to do in it' : `${clauses.length - failed.length} of ${clauses.length} parts`;
  const message = `the rules understood ${clauses.length === 0 ? 'nothing: ' : ''}${count}. ${failed.join('; ')}${failed.length > 0 ? '. ' : ''}They know phrases like ${examples.join(', ') || 'none: no tool gives examples'}, joined by "and" and "then"; a language model (OPENAI_API_KEY) understands more`;
  return { code: 'not_understood', message, detail: { clauses: clauses.map(clauseDetail), tools: toolsFor(tools) } };
}

const clauseDetail = (clause: Composition['clauses'][number]): JsonObject =>
  clause.understood
    ? { text: clause.text, understood: true, tool: clause.tool, inputs: clause.steps.map(({ input }) => input ?? {}) }
    : { text: clause.text, understood: false, problem: clause.problem };

function badSteps(
  { clauses }: Composition,
  issues: readonly { path: string; code: string; message: string }[],
  tools: readonly ToolContract[],
): TaskError {
  const words = issues.slice(0, 3).map(({ path, message }) => `${path}: ${message}`);
  return {
    code: 'not_understood',
    message: `the rules understood every part, but their inputs do not fit the tools: ${words.join('; ')}`,
    detail: {
      clauses: clauses.map(clauseDetail),
      issues: issues.map(({ path, code, message }) => ({ path, code, message })),
      tools: toolsFor(tools),
    },
  };
}
