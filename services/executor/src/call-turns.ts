/**
 * A tool that computes without a pause holds up its whole process. Calls that became ready together would do so one right
 * after the other, and between them no lock would be renewed, no cancel heard and no result sent. So after such a call the
 * next ones wait for a moment: what has to be borne is one tool's block, not the sum of all.
 */
import { setTimeout as delay } from 'node:timers/promises';

/** ms without a pause from which on the process has something to catch up on */
const LONG_MS = 100;
/** ms that it gets for that: timers fire, what was kept is sent, answers are read */
const REST_MS = 20;

export interface CallTurns {
  /** what a call has to wait for; null: nothing, as long as the loop does not turn */
  readonly rest: Promise<void> | null;
  /** Calls, and has others wait where that held the process up. */
  take<Value>(call: () => Value): Value;
}

export function callTurns(): CallTurns {
  let rest: Promise<void> | null = null;
  return {
    get rest() {
      return rest;
    },
    take(call) {
      const startedAt = performance.now();
      try {
        return call();
      } finally {
        if (performance.now() - startedAt > LONG_MS)
          rest = delay(REST_MS).then(() => {
            rest = null;
          });
      }
    },
  };
}
