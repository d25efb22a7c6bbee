/** The planner that asks a language model, and gives it back what validation says of its plan. */
import type { Completion, Message, Model } from '@countersign/llm';
import {
  type Issue,
  type JsonObject,
  type PlanDraft,
  type PlanningRound,
  type StepDraft,
  type TaskError,
  validatePlan,
} from '@countersign/shared';
import { cutReply, invalidPlan, type PlanAnswer, type Planner, type PlanRequest, toolsByName } from './planner.ts';
import { briefPrompt, CUT_OFF_PROMPT, NOT_JSON_PROMPT, repairPrompt, SYSTEM_PROMPT } from './prompts.ts';
import { readReply, replySchema } from './reply.ts';

const ROUNDS = 3;
const ISSUES_GIVEN_BACK = 10;
/** Answers that the same model may well do better with when told what was wrong. */
const WORTH_ASKING_AGAIN: Readonly<Record<string, string>> = { model_not_json: NOT_JSON_PROMPT, model_cut_off: CUT_OFF_PROMPT };

/** What a round came to: an answer, or what the model is told next. */
type Verdict = { answer: PlanAnswer; issues: Issue[] } | { answer: null; issues: Issue[]; next: string; otherwise: TaskError };

export function createOpenaiPlanner(model: Model, now: () => number = Date.now): Planner {
  async function plan(request: PlanRequest): Promise<PlanAnswer> {
    const schema = replySchema(request.tools);
    const messages: Message[] = [
      { role: 'system', content: SYSTEM_PROMPT },
      { role: 'user', content: briefPrompt(request) },
    ];
    for (let round = 1; ; round++) {
      const startedAt = now();
      const completion = await model.complete<JsonObject>({ messages, schema, signal: request.signal });
      const verdict = judge(completion, request);
      await request.onRound({
        round,
        planner: 'openai',
        model: model.name,
        startedAt: new Date(startedAt).toISOString(),
        durationMs: Math.max(0, Math.round(now() - startedAt)),
        reply: cutReply(completion.raw),
        issues: verdict.issues,
        error: completion.ok ? null : `${completion.error.code}: ${completion.error.message}`,
        usage: completion.usage,
      } satisfies PlanningRound);
      if (verdict.answer !== null) return verdict.answer;
      if (round === ROUNDS) return { ok: false, error: verdict.otherwise };
      if (completion.raw !== null) messages.push({ role: 'assistant', content: completion.raw });
      messages.push({ role: 'user', content: verdict.next });
    }
  }
  return { name: 'openai', plan };
}

function judge(completion: Completion<JsonObject>, request: PlanRequest): Verdict {
  if (!completion.ok) {
    const { code, message, retryable } = completion.error;
    const error: TaskError = { code, message, detail: { retryable } };
    const next = WORTH_ASKING_AGAIN[code];
    if (next === undefined) return { answer: { ok: false, error }, issues: [] };
    return { answer: null, issues: [], next, otherwise: { ...error, message: `${message}, ${ROUNDS} times` } };
  }
  const reply = readReply(completion.value);
  if (reply.problem !== '') {
    const message = `the model found no plan for this objective: ${reply.problem.slice(0, 2_000)}`;
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
  const result = validatePlan(draft, { tools: toolsByName(request.tools) });
  const unreadable = new Set(reply.issues.map(({ path }) => path));
  const issues = [...reply.issues, ...result.issues.filter(({ path }) => !within(path, unreadable))];
  if (issues.length === 0) return { answer: { ok: true, draft }, issues: [] };
  const otherwise = invalidPlan(issues);
  // What the person who asked wrote is not the model's to mend.
  if (issues.some(({ path }) => /^(options|input|objective)\b/.test(path))) return { answer: { ok: false, error: otherwise }, issues };
  const given = issues.slice(0, ISSUES_GIVEN_BACK);
  return { answer: null, issues, next: repairPrompt(given, issues.length - given.length), otherwise };
}

/** An input that could not be parsed was replaced by {}, so that what validation says about it is beside the point. */
const within = (path: string, places: ReadonlySet<string>): boolean =>
  [...places].some((place) => path === place || path.startsWith(`${place}.`) || path.startsWith(`${place}[`));
