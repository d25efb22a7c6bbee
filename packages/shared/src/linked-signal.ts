/** Signals made of others, for calls that several things can end. */

export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** whether it was the time that ended it */
  readonly timedOut: boolean;
  /** Lets go of the others and of the timer. Without it they are held until one of them ends it. */
  release(): void;
}

/**
 * A signal that aborts with the first of `signals`, for the same reason, or after `limitMs` milliseconds with a `TimeoutError`.
 *
 * Not AbortSignal.any: there a timeout that nobody else holds is collected as garbage before its time, and never comes
 * (nodejs/node#57736); and what is given to thousands of calls has to be let go after each.
 */
export function linkSignals(signals: readonly AbortSignal[], limitMs?: number): LinkedSignal {
  const own = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timedOut = false;
  const release = (): void => {
    clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener('abort', follow);
  };
  const end = (reason: unknown): void => {
    release();
    own.abort(reason);
  };
  function follow(): void {
    end(signals.find(({ aborted }) => aborted)?.reason);
  }
  for (const signal of signals) signal.addEventListener('abort', follow, { once: true });
  if (signals.some(({ aborted }) => aborted)) follow();
  else if (limitMs !== undefined)
    timer = setTimeout(() => {
      timedOut = true;
      end(new DOMException(`not done within ${limitMs} ms`, 'TimeoutError'));
    }, limitMs);
  return {
    signal: own.signal,
    get timedOut() {
      return timedOut;
    },
    release,
  };
}
