/** What the API counts and measures: its own calls, and, for everybody, what there is in the store. */
import type { MetricDefinition, Metrics } from '@countersign/service';
import type { Totals } from '@countersign/store';
import { remembering } from './remembering.ts';

export const API_METRICS = {
  requests: {
    kind: 'histogram',
    name: 'countersign_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer, event streams left out.',
    labels: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  eventStreams: {
    kind: 'gauge',
    name: 'countersign_http_event_streams',
    help: 'Event streams that this process has open.',
    labels: [],
  },
  plans: { kind: 'gauge', name: 'countersign_plans', help: 'Plans, by status.', labels: ['status'] },
  tasks: { kind: 'gauge', name: 'countersign_tasks', help: 'Tasks, by status.', labels: ['status'] },
  approvals: {
    kind: 'gauge',
    name: 'countersign_approvals_waiting',
    help: 'What waits for a person: plans, and gates of plans under way.',
    labels: ['kind'],
  },
  approvalAge: {
    kind: 'gauge',
    name: 'countersign_approvals_oldest_seconds',
    help: 'How long the oldest of what waits for a person has waited; 0 where nothing does.',
    labels: ['kind'],
  },
  jobs: { kind: 'gauge', name: 'countersign_queue_jobs', help: 'Jobs, by queue and state.', labels: ['queue', 'state'] },
  jobAge: {
    kind: 'gauge',
    name: 'countersign_queue_oldest_waiting_seconds',
    help: 'How long the oldest job of a queue has waited for a worker; 0 where none waits.',
    labels: ['queue'],
  },
  events: {
    kind: 'counter',
    name: 'countersign_events_total',
    help: 'Events appended since the store began, by type; without the routine of steps.',
    labels: ['type'],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export interface ApiMeters {
  request(request: { method: string; route: string; status: number; durationMs: number }): void;
  /** An event stream was opened; call what it gives when it has ended. */
  streamOpened(): () => void;
}

export interface WatchedStore {
  /** `queues`: those that tools name */
  readTotals(queues: readonly string[]): Promise<Totals>;
}

/** ms for which what is read of the store is shown again: several may scrape, and some scrape often. */
const REMEMBERED_MS = 1_000;

export function apiMeters(metrics: Metrics, { store, queues }: { store: WatchedStore; queues(): Promise<string[]> }): ApiMeters {
  const { requests, eventStreams, ...global } = metrics.add(API_METRICS);
  let open = 0;
  eventStreams.set({}, open);
  const read = remembering(async () => store.readTotals(await queues()), { forMs: REMEMBERED_MS });
  const show = ({ plans, tasks, approvals, queues: queued, events }: Totals): void => {
    for (const [status, count] of Object.entries(plans)) global.plans.set({ status }, count);
    for (const [status, count] of Object.entries(tasks)) global.tasks.set({ status }, count);
    for (const [kind, { count, oldestMs }] of Object.entries(approvals)) {
      global.approvals.set({ kind }, count);
      global.approvalAge.set({ kind }, oldestMs / 1_000);
    }
    for (const { queue, jobs, oldestWaitingMs } of queued) {
      for (const [state, count] of Object.entries(jobs)) global.jobs.set({ queue, state }, count);
      global.jobAge.set({ queue }, oldestWaitingMs / 1_000);
    }
    for (const [type, count] of Object.entries(events)) global.events.add({ type }, count);
  };
  metrics.onScrape(async () => {
    // Redis is away: that is told by countersign_store_up. Old numbers would look like new ones.
    const totals = await read().catch(() => null);
    for (const gauge of Object.values(global)) gauge.clear();
    if (totals !== null) show(totals);
  });
  return {
    request: ({ method, route, status, durationMs }) => requests.observe({ method, route, status: String(status) }, durationMs / 1_000),
    streamOpened() {
      eventStreams.set({}, ++open);
      return () => eventStreams.set({}, --open);
    },
  };
}
