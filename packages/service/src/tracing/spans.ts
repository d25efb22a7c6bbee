/**
 * What services say to traces. While nothing is traced all of it does nothing, and nothing of OpenTelemetry is loaded:
 * recording.ts has what it does else.
 *
 * Of what a plan is about nothing stands in a span: no input, no output, no prompt, no text of an error. What a span may
 * have is in kept-attributes.ts; what failed has the code of its error.
 */

export type SpanAttributes = Record<string, string | number | boolean | undefined>;

export interface SpanOptions {
  /** context of the span that it is a child of, as it was kept; null: it has none; absent: the span that is active */
  parent?: string | null;
  kind?: 'internal' | 'consumer' | 'client';
  attributes?: SpanAttributes;
  /** ms since 1970; absent: now */
  startedAt?: number;
  /** contexts of spans that it has to do with */
  links?: readonly (string | null)[];
}

export interface TracedSpan {
  /** to be kept with what comes of it; null while nothing is traced */
  readonly context: string | null;
  set(attributes: SpanAttributes): void;
  event(name: string, attributes?: SpanAttributes): void;
  /** What it stands for failed; `code` is a word. */
  fail(code: string): void;
  link(to: string | null): void;
  /** What is done in `work` belongs to this span. */
  run<Value>(work: () => Value): Value;
  end(): void;
}

/** A Lua command of the store, or a plain one. */
interface StoreCommand {
  name: string;
  durationMs: number;
  ok: boolean;
}

/** What is done with all this where something is traced. */
export interface Recording {
  openSpan(name: string, options: SpanOptions): TracedSpan;
  activeSpan(): TracedSpan | null;
  nameRequest(method: string, route: string): void;
  inToolCall<Value>(call: () => Value): Value;
  noteStoreCommand(command: StoreCommand): void;
  logFields(): Record<string, string>;
}

let recording: Recording | null = null;

/** Said once, by what has started the SDK. */
export function tracingStarted(to: Recording): void {
  recording = to;
}

export const isTracing = (): boolean => recording !== null;

const NO_SPAN: TracedSpan = {
  context: null,
  set() {},
  event() {},
  fail() {},
  link() {},
  run: (work) => work(),
  end() {},
};

/** Opens a span that whoever opens it ends. */
export const openSpan = (name: string, options: SpanOptions = {}): TracedSpan => recording?.openSpan(name, options) ?? NO_SPAN;

/** Does the work in a span. Where it throws, the span has the name of the error, and nothing of what it says. */
export async function inSpan<Value>(name: string, options: SpanOptions, work: (span: TracedSpan) => Promise<Value>): Promise<Value> {
  if (recording === null) return work(NO_SPAN);
  const span = openSpan(name, options);
  try {
    return await span.run(() => work(span));
  } catch (error) {
    span.fail(error instanceof Error ? error.name : 'unknown');
    throw error;
  } finally {
    span.end();
  }
}

/** The span that is active; what it has and where it stands can be added to. */
export const activeSpan = (): TracedSpan => recording?.activeSpan() ?? NO_SPAN;

/** Names the span of the request in hand, once it is known which route it takes. */
export const nameRequest = (method: string, route: string): void => recording?.nameRequest(method, route);

/** The call of a tool: where the requests go that it makes belongs to its input, and stands in no span. */
export const inToolCall = <Value>(call: () => Value): Value => (recording === null ? call() : recording.inToolCall(call));

/** Reads a context that was kept, while anything is traced. A trace is never a reason to fail. */
export const keptContext = async (read: () => Promise<string | null>): Promise<string | null> =>
  recording === null ? null : read().catch(() => null);

/**
 * A command of the store, under the span that is active. One that no span asked for belongs to no trace. Plain reads have no
 * names to tell them apart, and some are repeated for as long as something is waited for: they are shown where they fail.
 */
export const noteStoreCommand = (command: StoreCommand): void => recording?.noteStoreCommand(command);

/** For every line of the log: where it stands in a trace. */
export const logFieldsOfSpan = (): Record<string, string> => recording?.logFields() ?? {};
