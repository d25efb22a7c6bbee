import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { expect, test } from 'vitest';
import { keepingExporter } from './kept-attributes.ts';

const exporter = new InMemorySpanExporter();
const tracer = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(keepingExporter(exporter))] }).getTracer('test');

function sent(kind: SpanKind) {
  exporter.reset();
  const span = tracer.startSpan('GET', {
    kind,
    attributes: {
      'http.request.method': 'GET',
      'url.full': 'http://ada:hunter2@example.com/hunter2?q=hunter2',
      'url.query': '?q=hunter2',
      'user_agent.original': 'hunter2',
      'server.address': 'example.com',
      'http.request.header.authorization': ['hunter2'],
      'countersign.plan.id': 'pln_1',
      'error.type': 'said hunter2',
    },
  });
  span.recordException(new TypeError('cannot reach hunter2'));
  span.addEvent('retry', { 'countersign.retry.delay_ms': 5, said: 'hunter2' });
  span.addLink({ context: { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 }, attributes: { why: 'hunter2' } });
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'hunter2' });
  span.end();
  const [found] = exporter.getFinishedSpans();
  if (found === undefined) throw new Error('no span was sent');
  return found;
}

test('of a span goes what is on the list; texts of errors, URLs and headers stay', () => {
  const span = sent(SpanKind.CLIENT);
  const { attributes, events, links, status } = span;
  expect(attributes).toEqual({ 'http.request.method': 'GET', 'server.address': 'example.com', 'countersign.plan.id': 'pln_1' });
  expect(events.map(({ name, attributes: of }) => [name, of])).toEqual([
    ['exception', { 'exception.type': 'TypeError' }],
    ['retry', { 'countersign.retry.delay_ms': 5 }],
  ]);
  expect([status, links.length]).toEqual([{ code: SpanStatusCode.ERROR }, 1]);
  expect(JSON.stringify([attributes, events, links, status, span.name])).not.toContain('hunter2');
});

test('of a request that came in, the address is what its caller wrote', () => {
  expect(sent(SpanKind.SERVER).attributes).toEqual({ 'http.request.method': 'GET', 'countersign.plan.id': 'pln_1' });
});
