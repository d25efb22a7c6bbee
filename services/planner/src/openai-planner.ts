/** The planner that asks a language model, and gives it back what validation says of its plan. */
import type { Model } from '@countersign/llm';
import {
  type Issue,
  type JsonObject,
  LIMITS,
  type Plan,
  type PlanDraft,
  type StepDraft,
  shorten,
  type TaskError,
  validatePlan,
} from '@countersign/shared';
import { type Budget, DEFAULT_BUDGET } from './budget.ts';
import { type CallForm, callForm } from './call-form.ts';
import { MOST_SHOWN, type ShownPlan, showPlan } from './current-plan.ts';
import { issueLines } from './given-back.ts';
import {
  contextOf,
  deniedPlan,
  invalidPlan,
  type PlanAnswer,
  type Planner,
  type PlanRequest,
  type PolicyDenial,
  type ReplanRequest,
  type SummaryAnswer,
  type SummaryRequest,
} from './planner.ts';
import {
  briefPrompt,
  EMPTY_SUMMARY_PROMPT,
  PROMPT_VERSION,
  repairPrompt,
  replanPrompt,
  revisePrompt,
  SUMMARY_SYSTEM_PROMPT,
  SYSTEM_PROMPT,
  summaryPrompt,
} from './prompts.ts';
import { readReply, replySchema, SUMMARY_SCHEMA } from './reply.ts';
import { askInRounds, type Verdict } from './rounds.ts';

interface Options {
  budget?: Budget;
  /** milliseconds since the epoch */
  now?: () => number;
}

/** What a plan is asked for with, besides the request. */
interface Asking {
  brief: string;
  calls: CallForm;
  /** the plan that is written anew, and its steps that the model is not shown in full; null for a new one */
  current: { plan: Plan; cut: ReadonlySet<string> } | null;
}

export function createOpenaiPlanner(model: Model, { budget = DEFAULT_BUDGET, now = Date.now }: Options = {}): Planner {
  const write = (request: PlanRequest, { brief, calls, current }: Asking): Promise<PlanAnswer> => {
    const schema = replySchema(calls, { revising: current !== null });
    return askInRounds<PlanAnswer>({
      model,
      messages: [
        { role: 'system', content: SYSTEM_PROMPT },
        { role: 'user', content: brief },
      ],
      schema,
      judge: (reply) => judgePlan(reply, request, { calls, current, schema: schema.schema }),
      request,
      budget,
      now,
    });
  };
  const writeAnew = async <Request extends ReplanRequest & { feedback?: string }>(
    request: Request,
    prompt: (request: Request, shown: ShownPlan) => string,
  ): Promise<PlanAnswer> => {
    const { plan, feedback } = request;
    const calls = callForm(request.tools);
    const shown = showPlan(plan, calls, feedback);
    if (shown === null) return { ok: false, error: tooLarge(plan) };
    return write(request, { brief: prompt(request, shown), calls, current: { plan, cut: shown.cut } });
  };
  return {
    name: 'openai',
    promptVersion: PROMPT_VERSION,
    plan: (request) => write(request, { brief: briefPrompt(request), calls: callForm(request.tools), current: null }),
    revise: (request) => writeAnew(request, revisePrompt),
    replan: (request) => writeAnew(request, replanPrompt),
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
        budget,
        now,
      }),
  };
}

const tooLarge = ({ steps }: Plan): TaskError => ({
  code: 'plan_too_large',
  message: `a model can't be shown this plan: the ids, tools and descriptions of its ${steps.length} steps have more than ${MOST_SHOWN} characters; change it by hand`,
  detail: { steps: steps.length, characters: MOST_SHOWN },
});

function judgePlan(
  value: JsonObject,
  request: PlanRequest,
  { calls, current, schema }: Omit<Asking, 'brief'> & { schema: JsonObject },
): Verdict<PlanAnswer> {
  const reply = readReply(value, { calls, ...(current === null ? {} : { current: current.plan.steps, cut: current.cut }) });
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
  const issues = [...reply.issues, ...result.issues.filter(({ path }) => !within(path, reply.unread))];
  if (issues.length === 0) {
    const denial = result.valid ? request.denial?.(result.content) : null;
    return denial == null ? { answer: { ok: true, draft }, issues: [] } : deniedVerdict(denial);
  }
  const error = invalidPlan(issues);
  // What the person who asked wrote is not the model's to mend.
  if (issues.some(({ path }) => /^(options|input|objective)\b/.test(path))) return { answer: { ok: false, error }, issues };
  const { lines, more } = issueLines(issues, {
    steps: reply.steps,
    unread: reply.unread,
    tools: request.tools,
    schema,
    currentIds: current?.plan.steps.map(({ id }) => id) ?? [],
  });
  return { issues, next: repairPrompt(lines, more), otherwise: () => error };
}

/** The model may find a way that policy allows. */
function deniedVerdict(denial: PolicyDenial): Verdict<PlanAnswer> {
  const issue: Issue = { path: '', code: 'policy_denied', message: denial.reason };
  const line = JSON.stringify({ path: '', code: issue.code, got: null, allowed: shorten(denial.reason, LIMITS.textLength) });
  return { issues: [issue], next: repairPrompt([line], 0), otherwise: () => deniedPlan(denial) };
}

/** What could not be read was replaced by something empty, so that what validation says about it is beside the point. */
function within(path: string, places: ReadonlyMap<string, unknown>): boolean {
  if (places.has(path)) return true;
  for (let end = path.search(/[.[]/); end !== -1; ) {
    if (places.has(path.slice(0, end))) return true;
    const next = path.slice(end + 1).search(/[.[]/);
    end = next === -1 ? -1 : end + 1 + next;
  }
  return false;
}

function judgeSummary({ response }: JsonObject): Verdict<SummaryAnswer> {
  const text = typeof response === 'string' ? response.trim() : '';
  if (text !== '') return { answer: { ok: true, response: shorten(text, LIMITS.textLength) }, issues: [] };
  const otherwise = (rounds: number) => ({ code: 'model_error', message: `the model wrote an empty summary, ${rounds} times`, detail: {} });
  return { issues: [], next: EMPTY_SUMMARY_PROMPT, otherwise };
}
