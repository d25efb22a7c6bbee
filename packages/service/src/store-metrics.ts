/** What every service shows of its store. */
import { STORE_FINDINGS } from '@countersign/shared';
import type { MetricDefinition, Metrics } from './metrics.ts';
import { noteStoreCommand } from './tracing/spans.ts';

export const STORE_METRICS = {
  up: {
    kind: 'gauge',
    name: 'countersign_store_up',
    help: 'Whether this process can use its store: Redis answers in time, takes writes, and holds the store and the layout that it should. 1 or 0.',
    labels: [],
  },
  unfit: {
    kind: 'gauge',
    name: 'countersign_store_unfit',
    help: 'What is wrong with Redis, as this process last saw it: 1 for what is, 0 for what is not.',
    labels: ['finding'],
  },
  commands: {
    kind: 'histogram',
    name: 'countersign_redis_command_duration_seconds',
    help: "Time from a command of the store to Redis's reply. A Lua command has its own name, all others are `plain`.",
    labels: ['command', 'outcome'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

/** ms that Redis may take to answer before a scrape counts it as away; Prometheus itself gives up after ten seconds. */
const ANSWER_LIMIT_MS = 2_000;

/** What those who watch a process ask its store; never rejects. */
export interface WatchedStore {
  readiness(): Promise<{ ready: true } | { ready: false; reason: string }>;
  findings(): readonly { code: string }[];
}

export interface StoreMeters {
  /** For the store's option of that name; also shows it in the trace of whoever asked. */
  onCommand(command: { name: string; durationMs: number; ok: boolean }): void;
  /** Has every scrape ask whether the store can be used. */
  watch(store: WatchedStore): void;
}

async function isReadyInTime(store: WatchedStore): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ANSWER_LIMIT_MS);
  });
  const isReady = await Promise.race([store.readiness().then(({ ready }) => ready), late]);
  clearTimeout(timer);
  return isReady;
}

export function storeMeters(metrics: Metrics): StoreMeters {
  const { up, unfit, commands } = metrics.add(STORE_METRICS);
  return {
    onCommand(command) {
      const { name, durationMs, ok } = command;
      commands.observe({ command: name, outcome: ok ? 'ok' : 'failed' }, durationMs / 1_000);
      noteStoreCommand(command);
    },
    watch: (store) =>
      metrics.onScrape(async () => {
        up.set({}, (await isReadyInTime(store)) ? 1 : 0);
        unfit.clear();
        for (const finding of STORE_FINDINGS) unfit.set({ finding }, 0);
        for (const { code: finding } of store.findings()) unfit.set({ finding }, 1);
      }),
  };
}
