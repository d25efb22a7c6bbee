/**
 * What a process counts and measures, for Prometheus to fetch.
 *
 * - **definition**: one metric as data: its name, what it is, its labels. Each service has its definitions in one place.
 * - **meter**: what the code of a service counts with. Labels are checked by the compiler.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface MetricDefinition {
  kind: 'counter' | 'gauge' | 'histogram';
  /** `countersign_...`, in base units (seconds, bytes); a counter ends in `_total` */
  name: string;
  help: string;
  /** never of one plan or one person: each combination of values is a series that Prometheus keeps */
  labels: readonly string[];
  /** upper bounds of a histogram's buckets, rising */
  buckets?: readonly number[];
}

type LabelsOf<Definition extends MetricDefinition> = Readonly<Record<Definition['labels'][number], string>>;

interface CounterMeter<Labels> {
  add(labels: Labels, by?: number): void;
  /** Forgets all values: for what is counted elsewhere and only shown here. */
  clear(): void;
}

interface GaugeMeter<Labels> {
  set(labels: Labels, value: number): void;
  /** Forgets all values: a gauge that is not known is not there. */
  clear(): void;
}

interface HistogramMeter<Labels> {
  observe(labels: Labels, value: number): void;
}

interface MeterKinds<Labels> {
  counter: CounterMeter<Labels>;
  gauge: GaugeMeter<Labels>;
  histogram: HistogramMeter<Labels>;
}

export type Meters<Definitions extends Readonly<Record<string, MetricDefinition>>> = {
  readonly [Name in keyof Definitions]: MeterKinds<LabelsOf<Definitions[Name]>>[Definitions[Name]['kind']];
};

/**
 * Values that one label may take in one process. Names of tools come from outside, and a server that keeps inventing them
 * must not fill the memory of whoever keeps the series: what comes after these counts under `other`.
 */
const MOST_VALUES = 100;

const boundedLabels = (): ((labels: Readonly<Record<string, string>>) => Record<string, string>) => {
  const seen = new Map<string, Set<string>>();
  return (labels) => {
    const bounded: Record<string, string> = {};
    for (const [name, value] of Object.entries(labels)) {
      const values = seen.get(name) ?? new Set();
      seen.set(name, values);
      if (values.size < MOST_VALUES) values.add(value);
      bounded[name] = values.has(value) ? value : 'other';
    }
    return bounded;
  };
};

/** The metrics of one process. Owns their registry; nothing of it is global. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #onScrape: (() => Promise<void>)[] = [];

  /** of what `text` gives */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Also shows the process itself: processor, memory, event loop, collections of garbage. Once per process. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Adds the metrics of a part of the service. Throws where a name is taken. */
  add<const Definitions extends Readonly<Record<string, MetricDefinition>>>(definitions: Definitions): Meters<Definitions> {
    const meters = Object.entries(definitions).map(([key, definition]) => [key, this.#meter(definition)]);
    return Object.fromEntries(meters) as Meters<Definitions>;
  }

  #meter({ kind, name, help, labels, buckets }: MetricDefinition): MeterKinds<Readonly<Record<string, string>>>[MetricDefinition['kind']] {
    const bounded = boundedLabels();
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (kind === 'counter') {
      const counter = new Counter(options);
      return { add: (values, by = 1) => counter.inc(bounded(values), by), clear: () => counter.reset() };
    }
    if (kind === 'histogram') {
      const histogram = new Histogram({ ...options, ...(buckets !== undefined && { buckets: [...buckets] }) });
      return { observe: (values, value) => histogram.observe(bounded(values), value) };
    }
    const gauge = new Gauge(options);
    return { set: (values, value) => gauge.set(bounded(values), value), clear: () => gauge.reset() };
  }

  /** Has `read` called before each answer, to set what is only looked at when somebody asks. It must not throw. */
  onScrape(read: () => Promise<void>): void {
    this.#onScrape.push(read);
  }

  /** All metrics in Prometheus's text format. */
  async text(): Promise<string> {
    await Promise.all(this.#onScrape.map((read) => read()));
    return this.#registry.metrics();
  }
}
