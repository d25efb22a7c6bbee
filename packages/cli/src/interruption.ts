/** Ctrl-C and SIGTERM as an AbortSignal. */

/** Under `npm run` a Ctrl-C arrives twice, from the terminal and passed on by npm: signals this close are one. */
const SAME_SIGNAL_MS = 1_000;
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** The reason of the abort. */
export class Interruption extends Error {
  override readonly name = 'AbortError';
  readonly exitCode: number;

  constructor(signal: keyof typeof EXIT_CODES) {
    super(`interrupted by ${signal}`);
    this.exitCode = EXIT_CODES[signal];
  }
}

export interface InterruptionWatch {
  signal: AbortSignal;
  /** what a terminal in raw mode reports instead of a signal */
  interrupt(): void;
  stop(): void;
}

/** Aborts at the first SIGINT or SIGTERM; a later second one ends the process at once. */
export function watchInterruptions(): InterruptionWatch {
  const controller = new AbortController();
  let firstAt = 0;
  const receive = (name: keyof typeof EXIT_CODES): void => {
    if (!controller.signal.aborted) {
      firstAt = performance.now();
      controller.abort(new Interruption(name));
    } else if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(EXIT_CODES[name]);
  };
  const interrupt = (): void => receive('SIGINT');
  const terminate = (): void => receive('SIGTERM');
  process.on('SIGINT', interrupt).on('SIGTERM', terminate);
  return {
    signal: controller.signal,
    interrupt,
    stop() {
      process.off('SIGINT', interrupt).off('SIGTERM', terminate);
    },
  };
}
