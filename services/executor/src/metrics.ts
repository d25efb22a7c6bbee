/** What an executor counts and measures: steps, reviews, and the duties that it sees to. */
import type { MetricDefinition, Metrics } from '@countersign/service';
import type { Due, Mending } from '@countersign/store';

export const EXECUTOR_METRICS = {
  durations: {
    kind: 'histogram',
    name: 'countersign_step_duration_seconds',
    help: 'Time that one call of a tool took. outcome: `completed`, `failed`, `timed_out`, `handed_back` (aborted).',
    labels: ['tool', 'outcome'],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800],
  },
  failures: {
    kind: 'counter',
    name: 'countersign_step_failures_total',
    help: 'Attempts that failed, also before the tool was called, by the code of the error.',
    labels: ['tool', 'code'],
  },
  retries: {
    kind: 'counter',
    name: 'countersign_step_retries_total',
    help: 'Attempts after the first that were begun.',
    labels: ['tool'],
  },
  running: { kind: 'gauge', name: 'countersign_steps_running', help: 'Steps that this process has in hand.', labels: [] },
  handedOut: {
    kind: 'counter',
    name: 'countersign_step_deliveries_total',
    help: 'Steps that the queue handed to this process. outcome: `taken`, or why not, such as `stale_delivery` or `plan_not_executing`.',
    labels: ['outcome'],
  },
  lateResults: {
    kind: 'counter',
    name: 'countersign_late_results_total',
    help: 'Results that the store refused: the step was cancelled, or another executor has it.',
    labels: ['refusal'],
  },
  reviews: {
    kind: 'histogram',
    name: 'countersign_review_duration_seconds',
    help: 'Time that a look at what the steps of a plan will do took. outcome: `finished`, `failed` (tried again).',
    labels: ['outcome'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60],
  },
  deliveries: {
    kind: 'histogram',
    name: 'countersign_webhook_attempt_duration_seconds',
    help: 'One attempt of a delivery to a webhook. outcome: `delivered`, `retrying`, `dead` (given up).',
    labels: ['outcome'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
  lostHooks: {
    kind: 'counter',
    name: 'countersign_webhook_events_lost_total',
    help: 'Events that webhooks were not told of: too many were waiting, because no executor was up.',
    labels: [],
  },
  mendings: {
    kind: 'counter',
    name: 'countersign_reconciler_mendings_total',
    help: 'What the reconciler has put right, and why. On a healthy system it finds nothing.',
    labels: ['what', 'why'],
  },
  deadlines: {
    kind: 'counter',
    name: 'countersign_deadlines_total',
    help: 'What the clock has done because its time had come.',
    labels: ['what'],
  },
  duties: {
    kind: 'counter',
    name: 'countersign_duty_runs_total',
    help: 'Ticks of the duties `clock`, `reconcile`, `webhooks` and `retention` that this process took. outcome: `finished`, `failed`.',
    labels: ['duty', 'outcome'],
  },
  retention: {
    kind: 'counter',
    name: 'countersign_retention_removed_total',
    help: 'What this process has removed because it was kept long enough, or because nobody has it any more.',
    labels: ['what'],
  },
  recordFailures: {
    kind: 'counter',
    name: 'countersign_retention_record_failures_total',
    help: 'Records that could not be written to AUDIT_DIR. What they are of is kept.',
    labels: [],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export interface ExecutorMeters {
  delivered(outcome: string): void;
  /** A step was taken; call what it gives when it is out of hand. */
  taken(): () => void;
  /** An attempt after the first was begun. */
  retried(tool: string): void;
  called(call: { tool: string; outcome: 'completed' | 'failed' | 'timed_out' | 'handed_back'; durationMs: number }): void;
  failed(failure: { tool: string; code: string }): void;
  refused(refusal: string): void;
  reviewed(review: { outcome: 'finished' | 'failed'; durationMs: number }): void;
  /** An attempt of a delivery to a webhook. */
  sent(attempt: { outcome: string; durationMs: number }): void;
  /** Events that no webhook is told of any more. */
  hooksLost(count: number): void;
  mended(mending: { what: Mending['what'] | 'delivery_queued'; why: Mending['why'] }): void;
  wasDue(due: Pick<Due, 'what'>): void;
  dutyRun(duty: string, outcome: 'finished' | 'failed'): void;
  /** Retention has removed so many. */
  removed(what: 'plan' | 'task' | 'tool' | 'condition' | 'queue' | 'key', count: number): void;
  recordFailed(): void;
}

export function executorMeters(metrics: Metrics): ExecutorMeters {
  const meters = metrics.add(EXECUTOR_METRICS);
  let inHand = 0;
  meters.running.set({}, inHand);
  return {
    delivered: (outcome) => meters.handedOut.add({ outcome }),
    taken() {
      meters.running.set({}, ++inHand);
      return () => meters.running.set({}, --inHand);
    },
    retried: (tool) => meters.retries.add({ tool }),
    called: ({ tool, outcome, durationMs }) => meters.durations.observe({ tool, outcome }, durationMs / 1_000),
    failed: (failure) => meters.failures.add(failure),
    refused: (refusal) => meters.lateResults.add({ refusal }),
    reviewed: ({ outcome, durationMs }) => meters.reviews.observe({ outcome }, durationMs / 1_000),
    sent: ({ outcome, durationMs }) => meters.deliveries.observe({ outcome }, durationMs / 1_000),
    hooksLost: (count) => meters.lostHooks.add({}, count),
    mended: ({ what, why }) => meters.mendings.add({ what, why }),
    wasDue: ({ what }) => meters.deadlines.add({ what }),
    dutyRun: (duty, outcome) => meters.duties.add({ duty, outcome }),
    removed: (what, count) => meters.retention.add({ what }, count),
    recordFailed: () => meters.recordFailures.add({}),
  };
}
