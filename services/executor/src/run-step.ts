/** One delivered step from claim to record: claim -> decide the move -> look once more -> call -> record. */
import { inToolCall, logIds, type TracedSpan } from '@countersign/service';
import { parseChildId, retryDelay, type StepError, type StepJob, stepIdempotencyKey } from '@countersign/shared';
import type { ClaimedStep, EarlyClaim, Hold, Lease, RecordReply, StepOutcome, StepStore, StepVerdict } from '@countersign/store';
import type { ToolContext } from '@countersign/tools';
import { type CallOutcome, callTool } from './call-tool.ts';
import type { CallTurns } from './call-turns.ts';
import { claimStep } from './claim-step.ts';
import { effectsWords, withSecretsSaid } from './foresee.ts';
import type { ExecutorMeters } from './metrics.ts';
import { type Equipment, type Move, nextMove, type ToolCall } from './next-move.ts';
import { type Persistence, persist } from './persist.ts';
import { progressReporter } from './progress.ts';
import type { LoadedRevision, LoadedStep } from './revision-cache.ts';
import { NOTHING_OPENED, type Secrets } from './secrets/give-secrets.ts';
import { NO_REDACTION, type Redaction } from './secrets/redaction.ts';
import { type StepLog, type StepLogger, toolLogger } from './step-log.ts';
import { endsAs, openStepSpan, type StepSpanOutcome } from './step-span.ts';
import type { StepInHand, StepsInHand } from './steps-in-hand.ts';

export interface RunStepScope {
  store: StepStore;
  equipment: Equipment;
  /** Tries to get a tool that isn't there. Gives why that can't be known, or null when it is known now. */
  reachTool?(tool: string, signal: AbortSignal): Promise<string | null> | null;
  loadRevision(planId: string, revision: number): Promise<LoadedRevision | null>;
  inHand: StepsInHand;
  turns: CallTurns;
  logger: StepLogger;
  meters: ExecutorMeters;
  /** this process's name on events */
  executor: string;
  /** how store calls that fail for now are repeated */
  persistence: Persistence;
  secrets: Secrets;
}

/**
 * A claim is itself a look at whether the plan may go on. Within this many ms of its being asked for, another look would
 * learn nothing that its own reply could not be late for just as well.
 */
const CLAIM_IS_FRESH_MS = 20;

/** ms after which the answer to the last look is late, and how often it is asked for then */
const LATE_MS = 500;
const MOST_LOOKS = 5;

/** ms that a gate waits for its tool's words before it asks without them. */
const WORDS_WAIT_MS = 2_000;

/** What a delivery brings: the job, the hold on it, and the claim if it came along. */
export interface StepDelivery {
  job: StepJob;
  /** that it came from */
  queue: string;
  lease: Lease;
  early: EarlyClaim | null;
}

/** Runs one delivery of a step. Never throws for what a tool does; only a closing store ends it early. */
export async function runStep({ job, queue, lease, early }: StepDelivery, scope: RunStepScope): Promise<StepVerdict> {
  const { planId, stepId, generation } = job;
  const notTaken = (refusal: string): StepVerdict => {
    scope.meters.delivered(refusal);
    scope.logger.info({ ...logIds({ planId, stepId, generation }), refusal }, 'step not taken');
    return { word: `not taken: ${refusal}` };
  };
  const { token, askedAt, reply } = early ?? (await claimStep(job, lease.lock, scope));
  if (!reply.ok) return notTaken(reply.refusal);
  const inHand = scope.inHand.take(planId);
  const letGo = scope.meters.taken();
  lease.whenLost(() => inHand.abort('lock_lost'));
  try {
    const { attempt, taskId, revision: number } = reply.claim;
    const revision = await persist(() => scope.loadRevision(planId, number), scope.persistence);
    const loaded = revision?.steps.get(parseChildId(stepId)?.stepId ?? stepId);
    // The plan was deleted since the claim: there is nothing left to record.
    if (revision == null || loaded === undefined) return notTaken('not_found');
    scope.meters.delivered('taken');
    if (attempt > 1) scope.meters.retried(loaded.step.tool);
    inHand.loaded({ isCleanUp: loaded.step.runIf === 'all_done' });
    const ids = logIds({ taskId, planId, stepId, generation, attempt });
    const { tool } = loaded.step;
    const span = openStepSpan({ job, queue, claim: reply.claim, tool, executor: scope.executor, trace: revision.trace, askedAt });
    const held: Held = {
      job,
      span,
      loaded,
      hold: { planId, stepId, token },
      askedAt,
      inHand,
      redaction: NO_REDACTION,
      log: (level, message, fields = {}) => scope.logger[level]({ ...fields, ...ids }, message),
    };
    return await untilRecorded(span, () => runClaimed(reply.claim, { revision, held }, scope));
  } finally {
    inHand.release();
    letGo();
  }
}

/** The span ends with the record of the step, which may be made with the end of its job. */
async function untilRecorded(span: TracedSpan, work: () => Promise<StepVerdict>): Promise<StepVerdict> {
  try {
    const verdict = await span.run(work);
    if (verdict.completion === undefined) span.end();
    return verdict;
  } catch (error) {
    span.fail('interrupted');
    span.end();
    throw error;
  }
}

const NO_OUTCOMES: ReadonlyMap<string, StepOutcome> = new Map();

interface Held {
  job: StepJob;
  span: TracedSpan;
  loaded: LoadedStep;
  hold: Hold;
  /** when the claim was asked for */
  askedAt: number;
  inHand: StepInHand;
  /** of the secrets that its plan names, once they have been read */
  redaction: Redaction;
  log: StepLog;
}

async function runClaimed(
  { attempt, taskId }: ClaimedStep,
  { revision, held }: { revision: LoadedRevision; held: Held },
  scope: RunStepScope,
): Promise<StepVerdict> {
  const { loaded, hold } = held;
  const { store, persistence } = scope;
  const { stepId } = hold;
  const reads = stepId === loaded.step.id ? loaded.reads : [...loaded.childReads, stepId];
  const outcomes = reads.length === 0 ? NO_OUTCOMES : await persist(() => store.readOutcomes(hold.planId, reads), persistence);
  const { tool } = loaded.step;
  const unreached = scope.equipment.tools.has(tool) ? null : ((await scope.reachTool?.(tool, held.inHand.signal)) ?? null);
  const secrets = revision.secrets.length === 0 ? NOTHING_OPENED : await scope.secrets.open(revision.secrets);
  held.redaction = secrets.redaction;
  const move = nextMove({ stepId, attempt, taskId, revision, loaded, outcomes, unreached, secrets }, scope.equipment);
  switch (move.do) {
    case 'fail':
      return recordFailure(move.error, attempt, { held, scope });
    case 'decline':
      return letGo(() => store.declineStep(hold), { outcome: 'declined', word: 'declined: its condition is false' }, { held, scope });
    case 'ask':
      return ask(move, { held, scope });
    case 'expand':
      return letGo(
        () => store.expandStep(hold, move.items),
        { outcome: 'expanded', word: `expanded into ${move.items.length}` },
        { held, scope },
      );
    case 'complete':
      return completed(move.output, { held, scope });
    case 'call':
      return callAndRecord(move.call, attempt, { held, scope });
  }
}

/** Those who are asked are told what exactly this input will do, where the tool says it in time. */
async function ask(
  { resolvedInput, message, call: asked }: Move & { do: 'ask' },
  { held, scope }: { held: Held; scope: RunStepScope },
): Promise<StepVerdict> {
  const { hold, inHand, log } = held;
  const ids = { planId: hold.planId, stepId: hold.stepId };
  const foresight = { ...ids, log, signal: inHand.signal, limitMs: WORDS_WAIT_MS };
  const effects =
    asked === null ? null : withSecretsSaid(await inToolCall(() => effectsWords(asked.tool, asked.input, foresight)), asked.secrets);
  const asking = { outcome: 'awaiting_approval', word: 'waits for an approval' } as const;
  return letGo(() => scope.store.askApproval(hold, { resolvedInput, message, effects }), asking, { held, scope });
}

/** Records that the step goes on without this executor. */
async function letGo(
  send: () => Promise<RecordReply>,
  { outcome, word }: { outcome: StepSpanOutcome; word: string },
  { held: { hold, log, span }, scope: { store, persistence, meters } }: { held: Held; scope: RunStepScope },
): Promise<StepVerdict> {
  const reply = await persist(send, persistence);
  noteRecord(reply, { outcome, word }, { log, meters, span });
  if (reply.ok) return { word };
  if (reply.refusal === 'plan_stopping') await persist(() => store.releaseStep(hold), persistence);
  return { word: `refused: ${reply.refusal}` };
}

/** Recorded with the end of its job. */
const completed = (output: string, { held: { hold, log, span }, scope: { meters } }: { held: Held; scope: RunStepScope }): StepVerdict => ({
  word: 'completed',
  completion: {
    hold,
    output,
    onReply(reply) {
      noteRecord(reply, { outcome: 'completed' }, { log, meters, span });
      span.end();
    },
  },
});

async function callAndRecord(
  toolCall: ToolCall,
  attempt: number,
  { held, scope }: { held: Held; scope: RunStepScope },
): Promise<StepVerdict> {
  const { loaded, hold, log } = held;
  const { store, persistence, meters, turns } = scope;
  // The last look before the tool is called. While its answer is on its way for long, a cancel may come or somebody take the
  // step over, and word of that is as late: then there is another look. Where every answer is late the last one has to do.
  // Several answers may come at once, and the first one's tool hold this process up: the others rest, and look again.
  let isDue = toolCall.resolvedInput !== null || performance.now() - held.askedAt > CLAIM_IS_FRESH_MS;
  let looks = 0;
  while (isDue || turns.rest !== null) {
    if (turns.rest !== null) await turns.rest;
    let askedAt = 0;
    const look = await persist(() => {
      askedAt = performance.now();
      return store.beginStep(hold, toolCall.resolvedInput);
    }, persistence);
    if (!look.ok) {
      log('info', 'step not begun', { refusal: look.refusal });
      endsAs(held.span, 'refused');
      if (look.refusal === 'plan_stopping') await persist(() => store.releaseStep(hold), persistence);
      return { word: `not begun: ${look.refusal}` };
    }
    isDue = performance.now() - askedAt > LATE_MS && ++looks < MOST_LOOKS;
  }
  // From here to the call nothing is awaited: another step's tool that holds up this process would come in between.
  log('debug', 'step begun', { tool: loaded.step.tool });
  const startedAt = performance.now();
  const outcome = await call(toolCall, attempt, { held, scope });
  meters.called({ tool: loaded.step.tool, outcome: wordOf(outcome), durationMs: performance.now() - startedAt });
  if (outcome.kind === 'failed') return recordFailure(outcome.error, attempt, { held, scope });
  if (outcome.kind === 'completed') return completed(outcome.output, { held, scope });
  const released = await persist(() => store.releaseStep(hold), persistence);
  noteRecord(released, { outcome: 'handed_back', word: 'released' }, { log, meters, span: held.span });
  return { word: 'handed back' };
}

function wordOf(outcome: CallOutcome): 'completed' | 'failed' | 'timed_out' | 'handed_back' {
  if (outcome.kind === 'released') return 'handed_back';
  return outcome.kind === 'failed' && outcome.error.code === 'timeout' ? 'timed_out' : outcome.kind;
}

async function call(toolCall: ToolCall, attempt: number, { held, scope }: { held: Held; scope: RunStepScope }): Promise<CallOutcome> {
  const { job, loaded, hold, inHand, redaction, log } = held;
  const progress = progressReporter((report) => scope.store.reportProgress(hold, report), log);
  const context: ToolContext = {
    get signal() {
      return inHand.signal;
    },
    idempotencyKey: stepIdempotencyKey(job.planId, job.stepId, job.generation),
    planId: job.planId,
    stepId: job.stepId,
    attempt,
    logger: toolLogger(log),
    // Before it is cut: a half of a secret would not be found.
    progress: (fraction, message) => progress.report(fraction, message === undefined ? undefined : redaction.text(String(message))),
    evaluate: toolCall.evaluate,
    approvalData: toolCall.approvalData,
    ...(toolCall.secrets.length === 0 ? {} : { secrets: toolCall.secrets }),
  };
  try {
    return await callTool(toolCall, context, { inHand, turns: scope.turns, timeoutMs: loaded.step.timeoutMs, redaction });
  } finally {
    progress.stop();
  }
}

async function recordFailure(
  given: StepError,
  attempt: number,
  { held, scope }: { held: Held; scope: RunStepScope },
): Promise<StepVerdict> {
  // What a check of the input says can quote it.
  const error = { ...given, message: held.redaction.text(given.message) };
  const { retry } = held.loaded.step;
  const delayMs = retryDelay(retry, attempt);
  const recorded = await persist(() => scope.store.failStep(held.hold, { error, delayMs }), scope.persistence);
  scope.meters.failed({ tool: held.loaded.step.tool, code: error.code });
  // Its message often quotes the input; it is read from the plan.
  held.log('warn', 'step attempt failed', { tool: held.loaded.step.tool, code: error.code });
  // A plan that is being stopped tries nothing again.
  const isStopped = held.inHand.cause === 'halt';
  const outcome = error.retryable && attempt < retry.maxAttempts && !isStopped ? 'retrying' : 'failed';
  held.span.fail(error.code);
  if (recorded.ok && outcome === 'retrying') held.span.event('retry', { 'countersign.retry.delay_ms': delayMs });
  noteRecord(recorded, { outcome, word: 'failed' }, { log: held.log, meters: scope.meters, span: held.span });
  return { word: 'failed or retrying' };
}

/** A refused record is no fault: the step was cancelled, or another executor holds it now. */
function noteRecord(
  reply: RecordReply,
  { outcome, word = outcome }: { outcome: StepSpanOutcome; word?: string },
  { log, meters, span }: { log: StepLog; meters: ExecutorMeters; span: TracedSpan },
): void {
  endsAs(span, reply.ok ? outcome : 'refused');
  if (reply.ok) log('debug', `step ${word}`);
  else {
    meters.refused(reply.refusal);
    log('warn', `late result refused: step ${word}`, { refusal: reply.refusal });
  }
}
