/**
 * What services say to traces. While nothing is traced all of it does nothing, and nothing but the facade of OpenTelemetry
 * is loaded.
 *
 * Of what a plan is about nothing stands in a span: no input, no output, no prompt, no text of an error. What a span may
 * have is in kept-attributes.ts; what failed has the code of its error.
 */
import { type Context, context, createContextKey, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { contextOfText, textOfContext } from './trace-context.ts';

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

const KINDS = { internal: SpanKind.INTERNAL, consumer: SpanKind.CONSUMER, client: SpanKind.CLIENT } as const;
const tracer = trace.getTracer('countersign');
const IN_TOOL = createContextKey('the call of a tool');
let on = false;

/** Said once, by what has started the SDK. */
export function tracingStarted(): void {
  on = true;
}

export const isTracing = (): boolean => on;

const NO_SPAN: TracedSpan = {
  context: null,
  set() {},
  event() {},
  fail() {},
  link() {},
  run: (work) => work(),
  end() {},
};

function parentContext(parent: string | null | undefined): Context {
  if (parent === undefined) return context.active();
  const kept = parent === null ? null : contextOfText(parent);
  const outside = trace.deleteSpan(context.active());
  return kept === null ? outside : trace.setSpanContext(outside, kept);
}

const linksOf = (texts: readonly (string | null)[]) =>
  texts.flatMap((text) => {
    const to = text === null ? null : contextOfText(text);
    return to === null ? [] : [{ context: to }];
  });

function traced(span: Span, around: Context, startedAt: number | undefined): TracedSpan {
  const own = trace.setSpan(around, span);
  return {
    context: textOfContext(span.spanContext()),
    set: (attributes) => span.setAttributes(attributes),
    event: (name, attributes) => span.addEvent(name, attributes),
    fail: (code) => span.setAttribute('error.type', code).setStatus({ code: SpanStatusCode.ERROR }),
    link: (to) => span.addLinks(linksOf([to])),
    run: (work) => context.with(own, work),
    // A span that was given its beginning by the clock of the machine ends by that clock.
    end: () => span.end(startedAt === undefined ? undefined : Math.max(Date.now(), startedAt)),
  };
}

/** Opens a span that whoever opens it ends. */
export function openSpan(
  name: string,
  { parent, kind = 'internal', attributes = {}, startedAt, links = [] }: SpanOptions = {},
): TracedSpan {
  if (!on) return NO_SPAN;
  const around = parentContext(parent);
  const span = tracer.startSpan(name, { kind: KINDS[kind], attributes, startTime: startedAt, links: linksOf(links) }, around);
  return traced(span, around, startedAt);
}

/** Does the work in a span. Where it throws, the span has the name of the error, and nothing of what it says. */
export async function inSpan<Value>(name: string, options: SpanOptions, work: (span: TracedSpan) => Promise<Value>): Promise<Value> {
  if (!on) return work(NO_SPAN);
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
export function activeSpan(): TracedSpan {
  const span = on ? trace.getActiveSpan() : undefined;
  return span === undefined ? NO_SPAN : traced(span, context.active(), undefined);
}

/** Names the span of the request in hand, once it is known which route it takes. */
export function nameRequest(method: string, route: string): void {
  if (on) trace.getActiveSpan()?.updateName(`${method} ${route}`).setAttribute('http.route', route);
}

/** The call of a tool: where the requests go that it makes belongs to its input, and stands in no span. */
export const inToolCall = <Value>(call: () => Value): Value => (on ? context.with(context.active().setValue(IN_TOOL, true), call) : call());

export const isInToolCall = (): boolean => context.active().getValue(IN_TOOL) === true;

/** Reads a context that was kept, while anything is traced. A trace is never a reason to fail. */
export const keptContext = async (read: () => Promise<string | null>): Promise<string | null> => (on ? read().catch(() => null) : null);

/**
 * A Lua command of the store, under the span that is active. One that no span asked for belongs to no trace. Plain reads
 * have no names to tell them apart, and some are repeated for as long as something is waited for: they are shown where they fail.
 */
export function noteStoreCommand({ name, durationMs, ok }: { name: string; durationMs: number; ok: boolean }): void {
  if (!on || (ok && name === 'plain') || trace.getActiveSpan()?.isRecording() !== true) return;
  const endedAt = Date.now();
  const span = tracer.startSpan(`redis ${name}`, {
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': 'redis', 'db.operation.name': name },
    startTime: endedAt - durationMs,
  });
  if (!ok) span.setAttribute('error.type', 'unavailable').setStatus({ code: SpanStatusCode.ERROR });
  span.end(endedAt);
}

/** For every line of the log: where it stands in a trace. */
export function logFieldsOfSpan(): Record<string, string> {
  const spanContext = trace.getActiveSpan()?.spanContext();
  return spanContext === undefined ? {} : { trace_id: spanContext.traceId, span_id: spanContext.spanId };
}
