/**
 * Starts OpenTelemetry's SDK. Only a process that traces imports this.
 *
 * Requests over HTTP get their spans by instrumentations, in both directions. All else that a trace shows services say
 * themselves (spans.ts): what a library can see of Redis or of a queue is not whose work it is.
 */
import { ClientRequest } from 'node:http';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { DiagLogLevel, diag, type Span } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { detectResources, envDetector, resourceFromAttributes, serviceInstanceIdDetector } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { Logger } from '../logger.ts';
import { keepingExporter } from './kept-attributes.ts';
import { isInToolCall, recording } from './recording.ts';
import { tracingStarted } from './spans.ts';
import { headersOfContext, incomingTraces } from './trace-context.ts';
import type { TracingSettings } from './tracing-settings.ts';

/** ms that the last spans get when the process ends */
const FLUSH_LIMIT_MS = 3_000;
/** ms between two warnings that spans cannot be handed over */
const WARN_EVERY_MS = 60_000;
/** Asked every few seconds by whatever watches a process. */
const UNTRACED: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

export interface Tracing {
  /** Hands over what there is, within a limit. */
  close(): Promise<void>;
}

/** What the SDK has to say of itself becomes a warning now and then. */
function listenToSdk(logger: Logger): void {
  let silentUntil = 0;
  const warn = (message: string): void => {
    if (performance.now() < silentUntil) return;
    silentUntil = performance.now() + WARN_EVERY_MS;
    logger.warn({ reason: message.slice(0, 500) }, 'there is a problem with traces; work goes on without them');
  };
  const silent = (): void => {};
  diag.setLogger({ error: warn, warn, info: silent, debug: silent, verbose: silent }, DiagLogLevel.WARN);
}

/** Whether a host (with its port where it has one of its own) is among those of the setting. */
export function isToldTraces(host: string, allowed: readonly string[]): boolean {
  const full = host.toLowerCase();
  const name = full.replace(/:\d+$/, '');
  return allowed.some(
    (each) => each === full || each === name || (each.startsWith('*.') && (name.endsWith(each.slice(1)) || full.endsWith(each.slice(1)))),
  );
}

/** Where a request of a tool goes belongs to its input. */
const hostHidden = (): Record<string, undefined> => (isInToolCall() ? { 'server.address': undefined, 'server.port': undefined } : {});

const hasPath = (url = ''): string => url.split('?')[0] ?? '';

function instrumentHttp(told: readonly string[]): void {
  new HttpInstrumentation({
    ignoreIncomingRequestHook: ({ url }) => UNTRACED.has(hasPath(url)),
    requireParentforOutgoingSpans: true,
    startOutgoingSpanHook: hostHidden as () => Record<string, never>,
    requestHook: (span, request) => {
      if (!(request instanceof ClientRequest) || !isToldTraces(request.getHeader('host')?.toString() ?? request.host, told)) return;
      for (const [name, value] of Object.entries(headersOfContext(span.spanContext()))) request.setHeader(name, value);
    },
  });
  // What patches modules waits for them to be required. They were imported long ago, and imports are told of it by this.
  const require = createRequire(import.meta.url);
  for (const name of ['node:http', 'node:https']) require(name);
  syncBuiltinESMExports();
}

function instrumentFetch(told: readonly string[]): void {
  new UndiciInstrumentation({
    requireParentforSpans: true,
    startSpanHook: hostHidden as () => Record<string, never>,
    requestHook: (span: Span, request) => {
      if (!isToldTraces(new URL(request.origin).host, told)) return;
      for (const [name, value] of Object.entries(headersOfContext(span.spanContext()))) request.addHeader(name, value);
    },
  });
}

/** Everything that has been read from files, for a library that reads the environment alone. Headers are handed over. */
function fillEnvironment(settings: TracingSettings): void {
  const { OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_TRACES_HEADERS, TRACE_HEADERS_TO, ...plain } = settings;
  for (const [name, value] of Object.entries(plain)) if (value !== undefined) process.env[name] ??= String(value);
}

/** `service` is the service's name, such as `api`. */
export function startTracing(settings: TracingSettings, { service, logger }: { service: string; logger: Logger }): Tracing {
  listenToSdk(logger);
  fillEnvironment(settings);
  const headers = { ...settings.OTEL_EXPORTER_OTLP_HEADERS, ...settings.OTEL_EXPORTER_OTLP_TRACES_HEADERS };
  const exporter = new OTLPTraceExporter({ headers });
  const detected = detectResources({ detectors: [envDetector, serviceInstanceIdDetector] });
  const provider = new NodeTracerProvider({
    // What the environment says goes before what is said here.
    resource: resourceFromAttributes({ 'service.name': `countersign-${service}` }).merge(detected),
    spanProcessors: [new BatchSpanProcessor(keepingExporter(exporter))],
  });
  provider.register({ propagator: incomingTraces });
  const told = settings.TRACE_HEADERS_TO ?? [];
  instrumentHttp(told);
  instrumentFetch(told);
  tracingStarted(recording);
  return {
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, FLUSH_LIMIT_MS);
      });
      // A receiver that is away has been warned of.
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
    },
  };
}
