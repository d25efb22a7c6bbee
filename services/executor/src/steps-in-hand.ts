/** The steps that this process runs right now, by plan, so that they can be told to abort. */
import type { Halt } from '@countersign/store';

/** Why a running tool is told to abort. */
export type AbortCause = 'halt' | 'shutdown' | 'lock_lost' | 'timeout';

const REASONS: Record<AbortCause, string> = {
  halt: 'the plan was stopped',
  shutdown: 'the executor shuts down',
  lock_lost: 'the executor lost its hold on the step',
  timeout: 'the step took too long',
};

/** What tools see as their signal's reason. */
class StepAbortedError extends Error {
  override readonly name = 'AbortError';

  constructor(cause: AbortCause) {
    super(REASONS[cause]);
  }
}

/** One running step. Owns the signal of its tool. */
export class StepInHand {
  readonly #steps: Set<StepInHand>;
  #controller: AbortController | null = null;
  #cause: AbortCause | null = null;
  #onAbort: (() => void) | null = null;
  /** null until its plan has been loaded */
  #isCleanUp: boolean | null = null;
  #isStopped = false;

  constructor(steps: Set<StepInHand>) {
    this.#steps = steps;
    steps.add(this);
  }

  /** Made when a tool first looks at it: most tools never do, and it is costly. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#cause !== null) this.#controller.abort(new StepAbortedError(this.#cause));
    }
    return this.#controller.signal;
  }

  /** Why it was told to abort; null while it wasn't. */
  get cause(): AbortCause | null {
    return this.#cause;
  }

  /** Says what a stopped plan means to it: clean-up steps go on. Until then a stop has no effect; it is not forgotten. */
  loaded({ isCleanUp }: { isCleanUp: boolean }): void {
    this.#isCleanUp = isCleanUp;
    if (this.#isStopped) this.halt('stop');
  }

  /** Its plan was cancelled, or stopped by a failure or a timeout. */
  halt(kind: Halt['kind']): void {
    this.#isStopped = true;
    if (kind === 'cancel' || this.#isCleanUp === false) this.abort('halt');
  }

  /** Calls `callback` once when the step is told to abort, at once when it was already. One callback at a time. */
  whenAborted(callback: (() => void) | null): void {
    this.#onAbort = callback;
    if (this.#cause !== null) callback?.();
  }

  /** Aborts the tool; the first cause counts. */
  abort(cause: AbortCause): void {
    if (this.#cause !== null) return;
    this.#cause = cause;
    this.#controller?.abort(new StepAbortedError(cause));
    this.#onAbort?.();
  }

  /** Lets go of it: the step has been recorded. */
  release(): void {
    this.#steps.delete(this);
  }
}

export interface StepsInHand {
  take(planId: string): StepInHand;
  plans(): string[];
  halt(halt: Halt): void;
  abortAll(cause: AbortCause): void;
}

export function stepsInHand(): StepsInHand {
  const byPlan = new Map<string, Set<StepInHand>>();
  return {
    take(planId) {
      const steps = byPlan.get(planId) ?? new Set();
      byPlan.set(planId, steps);
      return new StepInHand(steps);
    },
    plans() {
      for (const [planId, steps] of byPlan) if (steps.size === 0) byPlan.delete(planId);
      return [...byPlan.keys()];
    },
    halt: ({ planId, kind }) => {
      for (const step of byPlan.get(planId) ?? []) step.halt(kind);
    },
    abortAll: (cause) => {
      for (const steps of byPlan.values()) for (const step of steps) step.abort(cause);
    },
  };
}
