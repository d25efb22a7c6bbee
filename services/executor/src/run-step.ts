/** One delivered step from claim to record: claim -> decide the move -> look once more -> call -> record. */
import { randomUUID } from 'node:crypto';
import { logIds } from '@countersign/service';
import { parseChildId, retryDelay, type StepError, type StepJob, stepIdempotencyKey } from '@countersign/shared';
import type {
  ClaimedStep,
  ClaimReply,
  EarlyClaim,
  Hold,
  Lease,
  RecordReply,
  StepOutcome,
  StepStore,
  StepVerdict,
} from '@countersign/store';
import type { ToolContext } from '@countersign/tools';
import { type CallOutcome, callTool } from './call-tool.ts';
import { effectsWords, withSecretsSaid } from './foresee.ts';
import type { ExecutorMeters } from './metrics.ts';
import { type Equipment, type Move, nextMove, type ToolCall } from './next-move.ts';
import { type Persistence, persist } from './persist.ts';
import { progressReporter } from './progress.ts';
import type { LoadedRevision, LoadedStep } from './revision-cache.ts';
import { NOTHING_OPENED, type Secrets } from './secrets/give-secrets.ts';
import { NO_REDACTION, type Redaction } from './secrets/redaction.ts';
import { type StepLog, type StepLogger, toolLogger } from './step-log.ts';
import type { StepInHand, StepsInHand } from './steps-in-hand.ts';

export interface RunStepScope {
  store: StepStore;
  equipment: Equipment;
  /** Tries to get a tool that isn't there. Gives why that can't be known, or null when it is known now. */
  reachTool?(tool: string, signal: AbortSignal): Promise<string | null> | null;
  loadRevision(planId: string, revision: number): Promise<LoadedRevision | null>;
  inHand: StepsInHand;
  logger: StepLogger;
  meters: ExecutorMeters;
  /** this process's name on events */
  executor: string;
  /** how store calls that fail for now are repeated */
  persistence: Persistence;
  secrets: Secrets;
}

/** A claim, and when it was asked for, on the clock of `performance.now()`. */
interface Claim {
  token: string;
  askedAt: number;
  reply: ClaimReply;
}

/**
 * A claim is itself a look at whether the plan may go on. Within this many ms of its being asked for, another look would
 * learn nothing that its own reply could not be late for just as well.
 */
const CLAIM_IS_FRESH_MS = 20;

/** ms for which a step that is not due yet is waited for. Clocks of machines differ by a little; the rest is the reconciler's. */
const NOT_DUE_WAIT_MS = 5_000;

async function claim(job: StepJob, { store, executor, persistence }: RunStepScope): Promise<Claim> {
  const token = randomUUID();
  const givenUpAt = performance.now() + NOT_DUE_WAIT_MS;
  for (;;) {
    let askedAt = 0;
    const reply = await persist(() => {
      askedAt = performance.now();
      return store.claimStep(job, { token, executor });
    }, persistence);
    if (reply.ok || reply.refusal !== 'not_due' || askedAt > givenUpAt) return { token, askedAt, reply };
    await persistence.wait(Math.min(Math.max(reply.dueInMs ?? 0, 1), 1_000));
  }
}

/** ms that a gate waits for its tool's words before it asks without them. */
const WORDS_WAIT_MS = 2_000;

/** What a delivery brings: the job, the hold on it, and the claim if it came along. */
export interface StepDelivery {
  job: StepJob;
  lease: Lease;
  early: EarlyClaim | null;
}

/** Runs one delivery of a step. Never throws for what a tool does; only a closing store ends it early. */
export async function runStep({ job, lease, early }: StepDelivery, scope: RunStepScope): Promise<StepVerdict> {
  const { planId, stepId, generation } = job;
  const notTaken = (refusal: string): StepVerdict => {
    scope.meters.delivered(refusal);
    scope.logger.info({ ...logIds({ planId, stepId, generation }), refusal }, 'step not taken');
    return { word: `not taken: ${refusal}` };
  };
  const { token, askedAt, reply } = early ?? (await claim(job, scope));
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
    const held: Held = {
      job,
      loaded,
      hold: { planId, stepId, token },
      askedAt,
      inHand,
      redaction: NO_REDACTION,
      log: (level, message, fields = {}) => scope.logger[level]({ ...fields, ...ids }, message),
    };
    return await runClaimed(reply.claim, { revision, held }, scope);
  } finally {
    inHand.release();
    letGo();
  }
}

const NO_OUTCOMES: ReadonlyMap<string, StepOutcome> = new Map();

interface Held {
  job: StepJob;
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
      return letGo(() => store.declineStep(hold), 'declined: its condition is false', { held, scope });
    case 'ask':
      return ask(move, { held, scope });
    case 'expand':
      return letGo(() => store.expandStep(hold, move.items), `expanded into ${move.items.length}`, { held, scope });
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
  const effects = asked === null ? null : withSecretsSaid(await effectsWords(asked.tool, asked.input, foresight), asked.secrets);
  return letGo(() => scope.store.askApproval(hold, { resolvedInput, message, effects }), 'waits for an approval', { held, scope });
}

/** Records that the step goes on without this executor. */
async function letGo(
  send: () => Promise<RecordReply>,
  what: string,
  { held: { hold, log }, scope: { store, persistence, meters } }: { held: Held; scope: RunStepScope },
): Promise<StepVerdict> {
  const reply = await persist(send, persistence);
  logRecord(reply, what, { log, meters });
  if (reply.ok) return { word: what };
  if (reply.refusal === 'plan_stopping') await persist(() => store.releaseStep(hold), persistence);
  return { word: `refused: ${reply.refusal}` };
}

/** Recorded with the end of its job. */
const completed = (output: string, { held: { hold, log }, scope: { meters } }: { held: Held; scope: RunStepScope }): StepVerdict => ({
  word: 'completed',
  completion: { hold, output, onReply: (reply) => logRecord(reply, 'completed', { log, meters }) },
});

async function callAndRecord(
  toolCall: ToolCall,
  attempt: number,
  { held, scope }: { held: Held; scope: RunStepScope },
): Promise<StepVerdict> {
  const { loaded, hold, log } = held;
  const { store, persistence, meters } = scope;
  // The last look before the tool is called.
  if (toolCall.resolvedInput !== null || performance.now() - held.askedAt > CLAIM_IS_FRESH_MS) {
    const look = await persist(() => store.beginStep(hold, toolCall.resolvedInput), persistence);
    if (!look.ok) {
      log('info', 'step not begun', { refusal: look.refusal });
      if (look.refusal === 'plan_stopping') await persist(() => store.releaseStep(hold), persistence);
      return { word: `not begun: ${look.refusal}` };
    }
  }
  log('debug', 'step begun', { tool: loaded.step.tool });
  const startedAt = performance.now();
  const outcome = await call(toolCall, attempt, { held, scope });
  meters.called({ tool: loaded.step.tool, outcome: wordOf(outcome), durationMs: performance.now() - startedAt });
  if (outcome.kind === 'failed') return recordFailure(outcome.error, attempt, { held, scope });
  if (outcome.kind === 'completed') return completed(outcome.output, { held, scope });
  logRecord(await persist(() => store.releaseStep(hold), persistence), 'released', { log, meters });
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
    return await callTool(toolCall, context, { inHand, timeoutMs: loaded.step.timeoutMs, redaction });
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
  const delayMs = retryDelay(held.loaded.step.retry, attempt);
  const recorded = await persist(() => scope.store.failStep(held.hold, { error, delayMs }), scope.persistence);
  scope.meters.failed({ tool: held.loaded.step.tool, code: error.code });
  // Its message often quotes the input; it is read from the plan.
  held.log('warn', 'step attempt failed', { tool: held.loaded.step.tool, code: error.code });
  logRecord(recorded, 'failed', { log: held.log, meters: scope.meters });
  return { word: 'failed or retrying' };
}

/** A refused record is no fault: the step was cancelled, or another executor holds it now. */
function logRecord(reply: RecordReply, what: string, { log, meters }: { log: StepLog; meters: ExecutorMeters }): void {
  if (reply.ok) log('debug', `step ${what}`);
  else {
    meters.refused(reply.refusal);
    log('warn', `late result refused: step ${what}`, { refusal: reply.refusal });
  }
}
