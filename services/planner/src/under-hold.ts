/**
 * Planning under a hold: a task, or what a plan asks, is one planner's for as long as nobody ends it or takes it over. How
 * the work can end:
 *
 * - it is done;
 * - it fails, and that is recorded;
 * - it is **dropped**: not ours any more (cancelled, answered already, taken over);
 * - it is **interrupted**: the service ends or lost the job. The hold is let go, and the error is thrown, so that the queue
 *   delivers the job again;
 * - the store can't be reached: thrown too, for the same reason.
 */
import type { TaskError } from '@countersign/shared';
import { type Outcome, StoreUnavailableError } from '@countersign/store';

/** The service ends or lost the job: nothing was recorded, and another planner takes over. */
export class PlanningInterruptedError extends Error {
  override readonly name = 'PlanningInterruptedError';
}

/** Ends the work on something that somebody else has ended. */
export class WorkGoneError extends Error {
  override readonly name = 'WorkGoneError';
}

export class PlanningFailedError extends Error {
  override readonly name = 'PlanningFailedError';
  readonly error: TaskError;
  constructor(error: TaskError) {
    super(error.message);
    this.error = error;
  }
}

/** What is held, and how to let go of it. */
export interface Held {
  /** for messages */
  what: string;
  /** why the work is nobody's any more; null while it is to be done */
  whyGone(): Promise<string | null>;
  release(): Promise<unknown>;
  fail(error: TaskError): Promise<Outcome<null>>;
}

export interface HoldOptions {
  /** aborts when the service ends or the job is lost to another worker */
  signal: AbortSignal;
  /** milliseconds between two looks at whether the work is still to be done */
  watchEveryMs: number;
}

export type Ending = { outcome: 'failed'; error: TaskError } | { outcome: 'dropped'; reason: string };

/** Does the work, with a signal that aborts when it is over for another reason. */
export async function workUnderHold<Done>(
  held: Held,
  { signal, watchEveryMs }: HoldOptions,
  work: (signal: AbortSignal) => Promise<Done>,
): Promise<Done | Ending> {
  const watch = watchWork(held, { signal, watchEveryMs });
  try {
    return await work(watch.signal);
  } catch (thrown) {
    // An aborted call fails in whatever way the library chose; the reason for the abort is what counts.
    const cause: unknown = watch.signal.aborted ? watch.signal.reason : thrown;
    if (cause instanceof WorkGoneError) return { outcome: 'dropped', reason: cause.message };
    if (cause instanceof PlanningInterruptedError) {
      // Where this does not arrive, one loss too many is counted: no reason to hold up the end.
      await held.release().catch(() => {});
      throw cause;
    }
    if (cause instanceof StoreUnavailableError) throw cause;
    const error = cause instanceof PlanningFailedError ? cause.error : faultOf(cause);
    const failed = await held.fail(error);
    return failed.ok ? { outcome: 'failed', error } : { outcome: 'dropped', reason: failed.refusal.message };
  } finally {
    watch.stop();
  }
}

function faultOf(cause: unknown): TaskError {
  const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return { code: 'planner_fault', message: `the planner broke down: ${text.slice(0, 1_000)}`, detail: {} };
}

/** Looks again and again whether the work is still to be done, so that a cancel ends the call to the model. */
function watchWork(held: Held, { signal: outer, watchEveryMs }: HoldOptions): { signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort(new PlanningInterruptedError(`planning of ${held.what} was interrupted`));
  if (outer.aborted) interrupt();
  outer.addEventListener('abort', interrupt, { once: true });
  let timer: NodeJS.Timeout;
  const look = async (): Promise<void> => {
    // A look that fails says nothing; the write at the end meets the same store and decides.
    const gone = await held.whyGone().catch(() => null);
    if (controller.signal.aborted) return;
    if (gone !== null) controller.abort(new WorkGoneError(gone));
    else timer = setTimeout(look, watchEveryMs);
  };
  timer = setTimeout(look, watchEveryMs);
  return {
    signal: controller.signal,
    stop: () => {
      clearTimeout(timer);
      outer.removeEventListener('abort', interrupt);
      // A look that is under way must not set a timer after the end.
      controller.abort(new WorkGoneError('planning has ended'));
    },
  };
}

/** A refusal means that the work was ended or that another planner holds it now. */
export function accepted<Value>(outcome: Outcome<Value>): Value {
  if (!outcome.ok) throw new WorkGoneError(outcome.refusal.message);
  return outcome.value;
}

/** Waits; rejects with the signal's reason when that aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    if (signal.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
