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
  type Step,
} from '@countersign/shared';
import type { PlanReview } from '@countersign/store';
import type { CheckedInput, Tool } from '@countersign/tools';
import { dryRunResult, effectsWords, type Foresight, WORDS_LENGTH } from './foresee.ts';
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
const knownInput = ({ step }: StepToReview, { known }: ReviewScope): JsonObject =>
  step.tool === CONDITION_TOOL ? structuredClone(step.input) : (resolveKnown(step.input, known) as JsonObject);

const isWhollyKnown = ({ step }: StepToReview): boolean => inputReferences(step).every(isKnownBeforeStart);

/** As the executor will check it; null while a part of the input is still to come. */
const checkKnown = (each: StepToReview, input: JsonObject): CheckedInput | null => (isWhollyKnown(each) ? each.tool.check(input) : null);

async function wordsOf(each: StepToReview, scope: ReviewScope, foresight: Foresight): Promise<string | null> {
  const input = knownInput(each, scope);
  const checked = checkKnown(each, input);
  if (checked?.ok === false) return plainLine(`fails: its input is not what ${each.step.tool} takes: ${checked.message}`, WORDS_LENGTH);
  return effectsWords(each.tool, input, foresight);
}

async function dryRunOf(each: StepToReview, scope: ReviewScope, foresight: Foresight): Promise<Json> {
  if (each.tool.dryRun === undefined || each.step.forEach !== null) return null;
  const checked = checkKnown(each, knownInput(each, scope));
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
