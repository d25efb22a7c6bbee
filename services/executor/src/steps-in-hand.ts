/** The steps that this process runs right now, by plan, so that they can be told to abort. */

/** Why a running tool is told to abort. */
export type AbortCause = 'halt' | 'shutdown' | 'lock_lost' | 'timeout';

export interface StepInHand {
  signal: AbortSignal;
  /** Aborts the tool; the first cause counts. */
  abort(cause: AbortCause): void;
  /** Lets go of it: the step has been recorded. */
  release(): void;
}

export interface StepsInHand {
  take(planId: string): StepInHand;
  plans(): string[];
  abortPlan(planId: string): void;
  abortAll(cause: AbortCause): void;
}

export const causeOf = (signal: AbortSignal): AbortCause | null => (signal.aborted ? (signal.reason as AbortError).cause : null);

/** What tools see as the signal's reason. */
class AbortError extends Error {
  override readonly name = 'AbortError';
  override readonly cause: AbortCause;

  constructor(cause: AbortCause) {
    super(
      {
        halt: 'the plan was stopped',
        shutdown: 'the executor shuts down',
        lock_lost: 'the executor lost its hold on the step',
        timeout: 'the step took too long',
      }[cause],
    );
    this.cause = cause;
  }
}

export function stepsInHand(): StepsInHand {
  const byPlan = new Map<string, Set<StepInHand>>();
  return {
    take(planId) {
      const controller = new AbortController();
      const steps = byPlan.get(planId) ?? new Set();
      byPlan.set(planId, steps);
      const step: StepInHand = {
        signal: controller.signal,
        abort: (cause) => {
          if (!controller.signal.aborted) controller.abort(new AbortError(cause));
        },
        release: () => {
          steps.delete(step);
          if (steps.size === 0) byPlan.delete(planId);
        },
      };
      steps.add(step);
      return step;
    },
    plans: () => [...byPlan.keys()],
    abortPlan: (planId) => {
      for (const step of byPlan.get(planId) ?? []) step.abort('halt');
    },
    abortAll: (cause) => {
      for (const steps of byPlan.values()) for (const step of steps) step.abort(cause);
    },
  };
}
