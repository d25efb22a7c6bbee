/** Passes a tool's progress on, at most twice a second: what is in between is of no use to anybody. */
import type { RecordReply } from '@countersign/store';
import type { StepLog } from './step-log.ts';

const INTERVAL_MS = 500;

interface Report {
  fraction: number | null;
  message: string | null;
}

export interface ProgressReporter {
  report(fraction: number | null, message?: string): void;
  stop(): void;
}

export function progressReporter(send: (report: Report) => Promise<RecordReply>, log: StepLog): ProgressReporter {
  let latest: Report | null = null;
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    timer = null;
    if (latest === null) return;
    const report = latest;
    latest = null;
    timer = setTimeout(flush, INTERVAL_MS);
    // Progress is a courtesy: a step never fails because its report did not arrive.
    send(report).then(
      (reply) => reply.ok || log('debug', 'progress refused', { refusal: reply.refusal }),
      (error: Error) => log('debug', 'progress not reported', { error: error.message }),
    );
  };
  return {
    report(fraction, message) {
      const known = typeof fraction === 'number' && Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : null;
      latest = { fraction: known, message: message === undefined ? null : String(message).slice(0, 500) };
      if (timer === null) flush();
    },
    stop() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}
