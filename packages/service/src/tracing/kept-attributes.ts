/**
 * What leaves the process of a span. Libraries put into spans what they find: whole URLs, headers, texts of errors, stacks.
 * Any of it can be the input of a step, or a secret. So this is a list of what may stay, and all the rest goes.
 */
import { type Attributes, SpanKind, type SpanStatus } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';

const KEPT: ReadonlySet<string> = new Set([
  ...['http.request.method', 'http.response.status_code', 'http.route', 'url.scheme', 'network.protocol.version'],
  ...['db.system.name', 'db.operation.name'],
  ...['messaging.system', 'messaging.destination.name', 'messaging.operation.type'],
  ...['gen_ai.operation.name', 'gen_ai.request.model', 'gen_ai.usage.input_tokens', 'gen_ai.usage.output_tokens'],
]);
const OWN = 'countersign.';
/** Of requests that go out; of those that come in they are whatever the caller wrote. */
const OUTGOING: ReadonlySet<string> = new Set(['server.address', 'server.port']);

/** Kinds of errors are words: of whatever else stands there nobody knows where it is from. */
const WORDS: ReadonlySet<string> = new Set(['error.type', 'exception.type']);
const WORD = /^[\w.:-]{1,100}$/;

const isKept = (name: string, value: unknown, kind: SpanKind): boolean => {
  if (WORDS.has(name)) return WORD.test(String(value));
  return KEPT.has(name) || name.startsWith(OWN) || (kind === SpanKind.CLIENT && OUTGOING.has(name));
};

const keptOf = (attributes: Attributes = {}, kind: SpanKind): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([name, value]) => isKept(name, value, kind)));

const withoutMessage = ({ code }: SpanStatus): SpanStatus => ({ code });

const keptSpan = (span: ReadableSpan): ReadableSpan => ({
  name: span.name,
  kind: span.kind,
  spanContext: () => span.spanContext(),
  ...(span.parentSpanContext === undefined ? {} : { parentSpanContext: span.parentSpanContext }),
  startTime: span.startTime,
  endTime: span.endTime,
  status: withoutMessage(span.status),
  attributes: keptOf(span.attributes, span.kind),
  links: span.links.map(({ context }) => ({ context })),
  events: span.events.map((event) => ({ ...event, attributes: keptOf(event.attributes, span.kind) })),
  duration: span.duration,
  ended: span.ended,
  resource: span.resource,
  instrumentationScope: span.instrumentationScope,
  droppedAttributesCount: span.droppedAttributesCount,
  droppedEventsCount: span.droppedEventsCount,
  droppedLinksCount: span.droppedLinksCount,
});

/** Hands over what may leave the process. */
export const keepingExporter = (exporter: SpanExporter): SpanExporter => ({
  export: (spans, done) => exporter.export(spans.map(keptSpan), done),
  shutdown: () => exporter.shutdown(),
  forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
});
