/** One delivered step from claim to record: claim -> prepare -> look once more -> call -> record. */
import { randomUUID } from 'node:crypto';
import { retryDelay, type Step, type StepError, type StepJob, stepIdempotencyKey } from '@countersign/shared';
import type { ClaimedStep, ClaimReply, Hold, Lease, RecordReply, StepStore } from '@countersign/store';
import type { Tool, ToolContext } from '@countersign/tools';
import { type CallOutcome, callTool } from './call-tool.ts';
import { type Persistence, persist } from './persist.ts';
import { prepareStep, type ToolCall } from './prepare-step.ts';
import { progressReporter } from './progress.ts';
import type { LoadedRevision } from './revision-cache.ts';
import type { StepInHand, StepsInHand } from './steps-in-hand.ts';

/** Writes a line with the ids of the step in hand. Making a child logger for each step costs more than most steps do. */
export type StepLog = (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: object) => void;

export interface StepLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface RunStepScope {
  store: StepStore;
  tools: ReadonlyMap<string, Tool>;
  /** the canonical text of the tools' contracts, by name */
  contracts: ReadonlyMap<string, string>;
  loadRevision(planId: string, revision: number): Promise<LoadedRevision | null>;
  inHand: StepsInHand;
  logger: StepLogger;
  /** this process's name on events */
  executor: string;
  /** how store calls that fail for now are repeated */
  persistence: Persistence;
}

/** What became of a delivery, for the queue's dashboard. */
export type Verdict = 'completed' | 'failed or retrying' | 'handed back' | `not taken: ${string}`;

/** Claims the step; one that is not due yet is waited for here, because clocks of machines differ by a little. */
async function claim(
  job: StepJob,
  token: string,
  { references, scope }: { references: readonly string[]; scope: RunStepScope },
): Promise<ClaimReply> {
  const { store, executor, persistence } = scope;
  for (;;) {
    const reply = await persist(() => store.claimStep(job, { token, executor, references }), persistence);
    if (reply.ok || reply.refusal !== 'not_due') return reply;
    await persistence.wait(Math.min(Math.max(reply.dueInMs ?? 0, 1), 1_000));
  }
}

/** Runs one delivery of a step. Never throws for what a tool does; only a closing store ends it early. */
export async function runStep(job: StepJob, lease: Lease, scope: RunStepScope): Promise<Verdict> {
  const { planId, stepId, revision: number } = job;
  const notTaken = (refusal: string): Verdict => {
    scope.logger.info({ planId, stepId, refusal }, 'step not taken');
    return `not taken: ${refusal}`;
  };
  // The revision never changes, so it is read before the claim: it tells which outcomes the claim has to bring along.
  const revision = await persist(() => scope.loadRevision(planId, number), scope.persistence);
  const loaded = revision?.steps.get(stepId);
  if (revision == null || loaded === undefined) return notTaken('not_found');

  const token = randomUUID();
  const reply = await claim(job, token, { references: loaded.references, scope });
  if (!reply.ok) return notTaken(reply.refusal);
  const inHand = scope.inHand.take(planId);
  lease.whenLost(() => inHand.abort('lock_lost'));
  try {
    const { attempt, taskId } = reply.claim;
    const held: Held = {
      job,
      step: loaded.step,
      hold: { planId, stepId, token },
      inHand,
      log: (level, message, fields = {}) => scope.logger[level]({ planId, stepId, attempt, taskId, ...fields }, message),
    };
    return await runClaimed(reply.claim, { revision, held }, scope);
  } finally {
    inHand.release();
  }
}

interface Held {
  job: StepJob;
  step: Step;
  hold: Hold;
  inHand: StepInHand;
  log: StepLog;
}

async function runClaimed(
  claimed: ClaimedStep,
  { revision, held }: { revision: LoadedRevision; held: Held },
  scope: RunStepScope,
): Promise<Verdict> {
  const { step, hold, log } = held;
  const { store, persistence } = scope;
  const prepared = prepareStep(step, { revision, claim: claimed, tools: scope.tools, contracts: scope.contracts });
  if (!prepared.ok) return recordFailure(prepared.error, claimed.attempt, { held, scope });

  const look = await persist(() => store.beginStep(hold, prepared.call.resolvedInput), persistence);
  if (!look.ok) {
    log('info', 'step not begun', { refusal: look.refusal });
    if (look.refusal === 'plan_stopping') await persist(() => store.releaseStep(hold), persistence);
    return `not taken: ${look.refusal}`;
  }
  log('debug', 'step begun', { tool: step.tool });
  const outcome = await call(prepared.call, claimed.attempt, { held, scope });
  if (outcome.kind === 'failed') return recordFailure(outcome.error, claimed.attempt, { held, scope });
  const recorded = await persist(
    () => (outcome.kind === 'completed' ? store.completeStep(hold, outcome.output) : store.releaseStep(hold)),
    persistence,
  );
  logRecord(recorded, outcome.kind, log);
  return outcome.kind === 'completed' ? 'completed' : 'handed back';
}

async function call(toolCall: ToolCall, attempt: number, { held, scope }: { held: Held; scope: RunStepScope }): Promise<CallOutcome> {
  const { job, step, hold, inHand, log } = held;
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
    progress: progress.report,
    evaluate: toolCall.evaluate,
  };
  try {
    return await callTool(toolCall, context, { inHand, timeoutMs: step.timeoutMs });
  } finally {
    progress.stop();
  }
}

const toolLogger = (log: StepLog): ToolContext['logger'] => ({
  debug: (message, fields) => log('debug', message, fields),
  info: (message, fields) => log('info', message, fields),
  warn: (message, fields) => log('warn', message, fields),
  error: (message, fields) => log('error', message, fields),
});

async function recordFailure(error: StepError, attempt: number, { held, scope }: { held: Held; scope: RunStepScope }): Promise<Verdict> {
  const delayMs = retryDelay(held.step.retry, attempt);
  const recorded = await persist(() => scope.store.failStep(held.hold, { error, delayMs }), scope.persistence);
  held.log('warn', 'step attempt failed', { code: error.code, error: error.message });
  logRecord(recorded, 'failed', held.log);
  return 'failed or retrying';
}

/** A refused record is no fault: the step was cancelled, or another executor holds it now. */
function logRecord(reply: RecordReply, what: string, log: StepLog): void {
  if (reply.ok) log('debug', `step ${what}`);
  else log('warn', `late result refused: step ${what}`, { refusal: reply.refusal });
}
