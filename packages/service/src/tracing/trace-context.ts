/**
 * Where something stands in a trace, as text: what the W3C calls `traceparent`, and behind a space `tracestate` where there
 * is one. So it is kept with tasks and plans, for as long as they are.
 */
import {
  createTraceState,
  defaultTextMapGetter,
  isSpanContextValid,
  type SpanContext,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
/** Characters of `tracestate` that are kept; a longer one is left out, as whoever passes it on may. */
const STATE_LENGTH = 512;

const HEADERS = { parent: 'traceparent', state: 'tracestate' } as const;

const parentOf = ({ traceId, spanId, traceFlags }: SpanContext): string =>
  `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;

function stateOf({ traceState }: SpanContext): string {
  const state = traceState?.serialize() ?? '';
  return state.length > STATE_LENGTH ? '' : state;
}

/** Null where it is the context of nothing. */
export function textOfContext(spanContext: SpanContext): string | null {
  if (!isSpanContextValid(spanContext)) return null;
  const state = stateOf(spanContext);
  return state === '' ? parentOf(spanContext) : `${parentOf(spanContext)} ${state}`;
}

/** As headers of a request that goes on with the trace. */
export function headersOfContext(spanContext: SpanContext): Record<string, string> {
  if (!isSpanContextValid(spanContext)) return {};
  const state = stateOf(spanContext);
  return { [HEADERS.parent]: parentOf(spanContext), ...(state === '' ? {} : { [HEADERS.state]: state }) };
}

/** Null where the text is no context. */
export function contextOfText(text: string): SpanContext | null {
  const [parent = '', ...state] = text.split(' ');
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(parent) ?? [];
  const spanContext: SpanContext = {
    ...{ traceId, spanId, isRemote: true },
    traceFlags: Number.parseInt(flags, 16),
    ...(state.length === 0 ? {} : { traceState: createTraceState(state.join(' ')) }),
  };
  return isSpanContextValid(spanContext) ? spanContext : null;
}

const lone = (value: string | string[] | undefined): string | undefined => (typeof value === 'string' ? value : value?.join(','));

/** Goes on with the traces of callers. What is sent to others is decided host by host, and not here. */
export const incomingTraces: TextMapPropagator = {
  inject() {},
  extract(context, carrier, getter = defaultTextMapGetter) {
    const parent = lone(getter.get(carrier, HEADERS.parent));
    if (parent === undefined) return context;
    const state = lone(getter.get(carrier, HEADERS.state));
    const spanContext = contextOfText(state === undefined ? parent.trim() : `${parent.trim()} ${state}`);
    return spanContext === null ? context : trace.setSpanContext(context, spanContext);
  },
  fields: () => Object.values(HEADERS),
};
