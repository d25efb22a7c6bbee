/** What is done with what services say to traces (spans.ts), in a process that traces. Only such a process imports this. */
import { type Context, context, createContextKey, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Recording, TracedSpan } from './spans.ts';
import { contextOfText, textOfContext } from './trace-context.ts';

const KINDS = { internal: SpanKind.INTERNAL, consumer: SpanKind.CONSUMER, client: SpanKind.CLIENT } as const;
const tracer = trace.getTracer('countersign');
const IN_TOOL = createContextKey('the call of a tool');

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

export const isInToolCall = (): boolean => context.active().getValue(IN_TOOL) === true;

export const recording: Recording = {
  openSpan(name, { parent, kind = 'internal', attributes = {}, startedAt, links = [] }) {
    const around = parentContext(parent);
    const span = tracer.startSpan(name, { kind: KINDS[kind], attributes, startTime: startedAt, links: linksOf(links) }, around);
    return traced(span, around, startedAt);
  },

  activeSpan() {
    const span = trace.getActiveSpan();
    return span === undefined ? null : traced(span, context.active(), undefined);
  },

  nameRequest: (method, route) => void trace.getActiveSpan()?.updateName(`${method} ${route}`).setAttribute('http.route', route),

  inToolCall: (call) => context.with(context.active().setValue(IN_TOOL, true), call),

  noteStoreCommand({ name, durationMs, ok }) {
    if ((ok && name === 'plain') || trace.getActiveSpan()?.isRecording() !== true) return;
    const endedAt = Date.now();
    const span = tracer.startSpan(`redis ${name}`, {
      kind: SpanKind.CLIENT,
      attributes: { 'db.system.name': 'redis', 'db.operation.name': name },
      startTime: endedAt - durationMs,
    });
    if (!ok) span.setAttribute('error.type', 'unavailable').setStatus({ code: SpanStatusCode.ERROR });
    span.end(endedAt);
  },

  logFields(): Record<string, string> {
    const spanContext = trace.getActiveSpan()?.spanContext();
    return spanContext === undefined ? {} : { trace_id: spanContext.traceId, span_id: spanContext.spanId };
  },
};
