/**
 * What the steps of a revision will do, as their tools say it: words for all of them first, then dry runs, the most
 * harmful steps first in both. A review is bounded in time and in size: what does not fit is left out.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  byteLength,
  CONDITION_TOOL,
  inputReferences,
  isKnownBeforeStart,
  type Json,
  type JsonObject,
  type KnownScope,
  plainLine,
  type Risk,
  resolveKnown,
  type SignedInput,
  type Step,
  secretStandIn,
  stepSecrets,
  withSecrets,
} from '@countersign/shared';
import type { PlanReview } from '@countersign/store';
import type { CheckedInput, Tool } from '@countersign/tools';
import { dryRunResult, effectsWords, type Foresight, WORDS_LENGTH, withSecretsSaid } from './foresee.ts';
import type { Secrets } from './secrets/give-secrets.ts';
import { secretRefusal } from './secrets/secret-rules.ts';
import type { StepLog } from './step-log.ts';

export interface ReviewLimits {
  /** ms for one answer of a tool */
  answerMs: number;
  /** ms for all steps of a revision together */
  reviewMs: number;
  /** bytes of JSON of all answers together */
  bytes: number;
  /** tools that are asked at the same time */
  atOnce: number;
}

export const REVIEW_LIMITS: ReviewLimits = { answerMs: 5_000, reviewMs: 20_000, bytes: 1_000_000, atOnce: 8 };

export interface StepToReview {
  step: Step;
  tool: Tool;
}

export interface ReviewScope {
  planId: string;
  /** the plan's input and its task */
  known: KnownScope;
  /** the plan's input, to find the places of secrets */
  signed: SignedInput;
  secrets: Secrets;
  /** aborts when the review is not wanted any more */
  signal: AbortSignal;
  limits: ReviewLimits;
  log: (stepId: string) => StepLog;
}

export interface Reviewed {
  found: PlanReview;
  /** the review ended before every tool was asked */
  cutShort: boolean;
}

const MOST_HARMFUL_FIRST: Record<Risk, number> = { destructive: 0, write: 1, read: 2 };

async function atOnce<Item>(items: readonly Item[], most: number, work: (item: Item) => Promise<void>): Promise<void> {
  const left = items.values();
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: most }, worker));
}

/** A condition's expression is no template: it is shown as it stands. */
function knownInput({ step }: StepToReview, { known, signed }: ReviewScope): JsonObject {
  if (step.tool === CONDITION_TOOL) return structuredClone(step.input);
  return withSecrets(resolveKnown(step.input, known), stepSecrets(step, signed), secretStandIn) as JsonObject;
}

/** A secret is never known here: a tool that is asked beforehand gets a stand-in for it. */
const isWhollyKnown = ({ step }: StepToReview, { signed }: ReviewScope): boolean =>
  inputReferences(step).every(isKnownBeforeStart) && stepSecrets(step, signed).length === 0;

/** As the executor will check it; null while a part of the input is still to come. */
const checkKnown = (each: StepToReview, scope: ReviewScope, input: JsonObject): CheckedInput | null =>
  isWhollyKnown(each, scope) ? each.tool.check(input) : null;

/** Why this executor would not give the step its secrets, as far as it can be told now; null where it would. */
async function secretsProblem({ step, tool }: StepToReview, input: JsonObject, { signed, secrets }: ReviewScope): Promise<string | null> {
  const names = [...new Set(stepSecrets(step, signed).map(({ name }) => name))];
  if (names.length === 0) return null;
  const refusals = names.map((name) => secretRefusal(secrets.rules, { name, tool, input, isPartial: true }));
  const refusal = refusals.find((each) => each !== null);
  if (refusal !== undefined) return refusal;
  const { readings } = await secrets.open(names);
  for (const reading of readings.values()) if (!reading.ok) return reading.problem;
  return null;
}

async function wordsOf(each: StepToReview, scope: ReviewScope, foresight: Foresight): Promise<string | null> {
  const { step, tool } = each;
  const input = knownInput(each, scope);
  const checked = checkKnown(each, scope, input);
  if (checked?.ok === false) return plainLine(`fails: its input is not what ${step.tool} takes: ${checked.message}`, WORDS_LENGTH);
  const problem = await secretsProblem(each, input, scope);
  if (problem !== null) return plainLine(`fails: ${problem}`, WORDS_LENGTH);
  return withSecretsSaid(
    await effectsWords(tool, input, foresight),
    [...new Set(stepSecrets(step, scope.signed).map(({ name }) => name))].sort(),
  );
}

async function dryRunOf(each: StepToReview, scope: ReviewScope, foresight: Foresight): Promise<Json> {
  if (each.tool.dryRun === undefined || each.step.forEach !== null) return null;
  const checked = checkKnown(each, scope, knownInput(each, scope));
  return checked?.ok === true ? dryRunResult(each.tool, checked.value, foresight) : null;
}

/** Asks the tools of these steps. Only the steps of which a tool has said something are in what is found. */
export async function reviewSteps(steps: readonly StepToReview[], scope: ReviewScope): Promise<Reviewed> {
  const { planId, signal, limits } = scope;
  const found: PlanReview = {};
  const over = new AbortController();
  const end = (): void => over.abort(new Error('the review has ended'));
  const timer = setTimeout(end, limits.reviewMs);
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  let bytes = 0;
  let cutShort = false;

  const ask = async <Answer extends Json>(
    each: StepToReview,
    question: (each: StepToReview, scope: ReviewScope, foresight: Foresight) => Promise<Answer>,
    keep: (entry: PlanReview[string], answer: Answer) => void,
  ): Promise<void> => {
    const { id } = each.step;
    // Tools that answer at once must not keep timers, leases and running steps of this process waiting.
    await nextTurn();
    if (over.signal.aborted || bytes >= limits.bytes) {
      cutShort = true;
      return;
    }
    const answer = await question(each, scope, { planId, stepId: id, signal: over.signal, limitMs: limits.answerMs, log: scope.log(id) });
    if (answer === null) return;
    bytes += byteLength(JSON.stringify(answer));
    found[id] ??= { effects: null, dryRun: null };
    keep(found[id], answer);
  };

  const ordered = steps.toSorted((a, b) => MOST_HARMFUL_FIRST[a.tool.contract.risk] - MOST_HARMFUL_FIRST[b.tool.contract.risk]);
  try {
    await atOnce(ordered, limits.atOnce, (each) =>
      ask(each, wordsOf, (entry, words) => {
        entry.effects = words;
      }),
    );
    await atOnce(ordered, limits.atOnce, (each) =>
      ask(each, dryRunOf, (entry, result) => {
        entry.dryRun = result;
      }),
    );
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
  return { found, cutShort: cutShort || over.signal.aborted };
}
