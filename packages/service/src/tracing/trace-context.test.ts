import { defaultTextMapGetter, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';
import { contextOfText, headersOfContext, incomingTraces, textOfContext } from './trace-context.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** What a request with these headers belongs to, as text. */
function extracted(headers: Record<string, string | string[]>): string | null {
  const spanContext = trace.getSpanContext(incomingTraces.extract(ROOT_CONTEXT, headers, defaultTextMapGetter));
  return spanContext === undefined ? null : textOfContext(spanContext);
}

/** What becomes of a text that is kept and read again. */
function readAgain(text: string): string | null {
  const spanContext = contextOfText(text);
  return spanContext === null ? null : textOfContext(spanContext);
}

test.each([PARENT, PARENT.replace(/01$/, '00'), `${PARENT} vendor=a,other=b c`])('what was kept is read again as it was: %s', (text) => {
  expect(readAgain(text)).toBe(text);
});

test.each([
  ['', 'nothing'],
  ['not a context', 'another text'],
  [PARENT.replace('00-', 'ff-'), 'a version that there will never be'],
  [`00-${'0'.repeat(32)}-b7ad6b7169203331-01`, 'a trace of zeros'],
  [`00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`, 'a span of zeros'],
  [PARENT.toUpperCase(), 'capitals'],
])('%j is no context: %s', (text) => {
  expect(contextOfText(text)).toBeNull();
});

test('a state that is longer than anybody has to pass on is left out', () => {
  const members = Array.from({ length: 30 }, (_, number) => `member${number}=${'x'.repeat(40)}`).join(',');
  expect(readAgain(`${PARENT} ${members}`)).toBe(PARENT);
});

describe('headers', () => {
  test('of a caller are gone on with, also of a version to come', () => {
    expect(extracted({ traceparent: PARENT, tracestate: 'vendor=a' })).toBe(`${PARENT} vendor=a`);
    expect(extracted({ traceparent: `${PARENT.replace('00-', '01-')}-more` })).toBe(PARENT);
    expect(extracted({ traceparent: PARENT, tracestate: ['vendor=a', 'other=b'] })).toBe(`${PARENT} vendor=a,other=b`);
  });

  test('that are none begin nothing', () => {
    expect(extracted({})).toBeNull();
    expect(extracted({ traceparent: 'rubbish', tracestate: 'vendor=a' })).toBeNull();
  });

  test('are those that the context came with', () => {
    const spanContext = contextOfText(`${PARENT} vendor=a`);
    expect(spanContext && headersOfContext(spanContext)).toEqual({ traceparent: PARENT, tracestate: 'vendor=a' });
    expect(headersOfContext({ traceId: '', spanId: '', traceFlags: 0 })).toEqual({});
  });
});
