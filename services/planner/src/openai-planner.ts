/** The planner that asks a language model, and gives it back what validation says of its plan. */
import type { Model } from '@countersign/llm';
import { type JsonObject, LIMITS, type Plan, type PlanDraft, type StepDraft, validatePlan } from '@countersign/shared';
import {
  contextOf,
  invalidPlan,
  type PlanAnswer,
  type Planner,
  type PlanRequest,
  type SummaryAnswer,
  type SummaryRequest,
} from './planner.ts';
import {
  briefPrompt,
  EMPTY_SUMMARY_PROMPT,
  repairPrompt,
  replanPrompt,
  revisePrompt,
  SUMMARY_SYSTEM_PROMPT,
  SYSTEM_PROMPT,
  summaryPrompt,
} from './prompts.ts';
import { readReply, replySchema } from './reply.ts';
import { askInRounds, type Verdict } from './rounds.ts';
import { shorten } from './shorten.ts';
import { record } from './step-form.ts';

const ISSUES_GIVEN_BACK = 10;
const SUMMARY_SCHEMA = {
  name: 'summary',
  schema: record({ response: { type: 'string', description: `plain text, at most ${LIMITS.textLength} characters` } }),
};

export function createOpenaiPlanner(model: Model, now: () => number = Date.now): Planner {
  const write = (request: PlanRequest, brief: string, current: Plan | null): Promise<PlanAnswer> =>
    askInRounds<PlanAnswer>({
      model,
      messages: [
        { role: 'system', content: SYSTEM_PROMPT },
        { role: 'user', content: brief },
      ],
      schema: replySchema(request.tools, { revising: current !== null }),
      judge: (reply) => judgePlan(reply, request, current),
      request,
      now,
    });
  return {
    name: 'openai',
    plan: (request) => write(request, briefPrompt(request), null),
    revise: (request) => write(request, revisePrompt(request), request.plan),
    replan: (request) => write(request, replanPrompt(request), request.plan),
    summarise: (request: SummaryRequest) =>
      askInRounds<SummaryAnswer>({
        model,
        messages: [
          { role: 'system', content: SUMMARY_SYSTEM_PROMPT },
          { role: 'user', content: summaryPrompt(request.plan) },
        ],
        schema: SUMMARY_SCHEMA,
        judge: judgeSummary,
        request,
        now,
      }),
  };
}

function judgePlan(value: JsonObject, request: PlanRequest, current: Plan | null): Verdict<PlanAnswer> {
  const reply = readReply(value, current?.steps);
  if (reply.problem !== '') {
    const message = `the model found no plan for ${current === null ? 'this objective' : 'this'}: ${reply.problem.slice(0, 2_000)}`;
    return { answer: { ok: false, error: { code: 'not_possible', message, detail: {} } }, issues: [] };
  }
  const draft: PlanDraft = {
    objective: request.objective,
    description: reply.description,
    input: request.input,
    // Whatever the model wrote: validation says what is wrong with it.
    steps: reply.steps as unknown as StepDraft[],
    options: request.options,
  };
  const result = validatePlan(draft, contextOf(request));
  const unreadable = new Set(reply.issues.map(({ path }) => path));
  const issues = [...reply.issues, ...result.issues.filter(({ path }) => !within(path, unreadable))];
  if (issues.length === 0) return { answer: { ok: true, draft }, issues: [] };
  const error = invalidPlan(issues);
  // What the person who asked wrote is not the model's to mend.
  if (issues.some(({ path }) => /^(options|input|objective)\b/.test(path))) return { answer: { ok: false, error }, issues };
  const given = issues.slice(0, ISSUES_GIVEN_BACK);
  return { issues, next: repairPrompt(given, issues.length - given.length), otherwise: () => error };
}

/** What could not be read was replaced by something empty, so that what validation says about it is beside the point. */
const within = (path: string, places: ReadonlySet<string>): boolean =>
  [...places].some((place) => path === place || path.startsWith(`${place}.`) || path.startsWith(`${place}[`));

function judgeSummary({ response }: JsonObject): Verdict<SummaryAnswer> {
  const text = typeof response === 'string' ? response.trim() : '';
  if (text !== '') return { answer: { ok: true, response: shorten(text, LIMITS.textLength) }, issues: [] };
  const otherwise = (rounds: number) => ({ code: 'model_error', message: `the model wrote an empty summary, ${rounds} times`, detail: {} });
  return { issues: [], next: EMPTY_SUMMARY_PROMPT, otherwise };
}
