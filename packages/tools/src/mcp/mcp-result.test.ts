import { describe, expect, test } from 'vitest';
import { outputOf } from './mcp-result.ts';

const named = { server: 's', tool: 't', output: null };
const text = (written: string) => ({ type: 'text' as const, text: written });
const image = (length: number) => ({ type: 'image' as const, mimeType: 'image/png', data: 'A'.repeat(length) });

test('texts are joined by line ends; other blocks stand beside them, and only then', () => {
  expect(outputOf({ content: [text('one'), text('two')] }, named)).toEqual({ text: 'one\ntwo' });
  expect(outputOf({ content: [] }, named)).toEqual({ text: '' });
  const link = { type: 'resource_link' as const, uri: 'a:b', name: 'b', _meta: { hidden: true } };
  expect(outputOf({ content: [link, text('see there')] }, named)).toEqual({
    text: 'see there',
    content: [{ type: 'resource_link', uri: 'a:b', name: 'b' }],
  });
});

test('structured content is the output as it is, whatever else there is', () => {
  for (const structuredContent of [{ a: [1] }, [], 0, null, false])
    expect(outputOf({ content: [text('one')], structuredContent }, named)).toEqual(structuredContent);
});

describe('data beyond what an output keeps', () => {
  test('is left out of its block, which says so; what still fits is kept', () => {
    expect(outputOf({ content: [image(400_000), image(200_000), image(100_000)] }, named)).toEqual({
      text: '',
      content: [
        image(400_000),
        { type: 'image', mimeType: 'image/png', leftOut: '200000 characters of base64: an output keeps 500000' },
        image(100_000),
      ],
    });
  });

  test('is left out of embedded resources, too', () => {
    const resource = { uri: 'a:b', mimeType: 'application/zip', blob: 'A'.repeat(500_001) };
    expect(outputOf({ content: [{ type: 'resource', resource }] }, named)).toEqual({
      text: '',
      content: [
        {
          type: 'resource',
          resource: { uri: 'a:b', mimeType: 'application/zip', leftOut: '500001 characters of base64: an output keeps 500000' },
        },
      ],
    });
  });
});

test('an answer that is an error fails with its text, cut', () => {
  const failing = (content: ReturnType<typeof text>[]) => () => outputOf({ content, isError: true }, named);
  expect(failing([text('no'), text('way')])).toThrow(expect.objectContaining({ code: 'tool_error', retryable: true, message: 'no\nway' }));
  expect(failing([text('x'.repeat(20_000))])).toThrow(expect.objectContaining({ message: 'x'.repeat(10_000) }));
  expect(failing([])).toThrow('`t` of the MCP server `s` failed and did not say why');
});
