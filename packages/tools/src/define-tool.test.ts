import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { runTool } from '../test/run-tool.ts';
import { defineTool } from './define-tool.ts';
import { ToolError } from './tool.ts';

const base = { name: 'shop.price', description: 'Says what something costs.', risk: 'read' as const };

test('the contract says what the definition says, with the schemas as JSON Schema of what goes in', () => {
  const { contract } = defineTool({
    ...base,
    input: z.strictObject({ item: z.string(), count: z.int().default(1) }),
    output: z.object({ price: z.number() }),
    retry: { maxAttempts: 3 },
    queue: 'shop',
    examples: [{ text: 'what does tea cost', input: { item: 'tea' } }],
    run: () => ({ price: 1 }),
  });
  expect(contract).toMatchObject({
    ...base,
    inputSchema: { type: 'object', required: ['item'], properties: { count: { default: 1 } }, additionalProperties: false },
    outputSchema: { type: 'object', required: ['price'] },
    timeoutMs: null,
    retry: { maxAttempts: 3, backoff: 'exponential', delayMs: 500 },
    queue: 'shop',
    examples: [{ text: 'what does tea cost', input: { item: 'tea' } }],
  });
});

test('checking fills in defaults, or says what is wrong and where', () => {
  const tool = defineTool({ ...base, input: z.strictObject({ list: z.array(z.int()).default([1]) }), run: () => null });
  expect(tool.check({})).toEqual({ ok: true, value: { list: [1] } });
  expect(tool.check({ list: [1, 'two'], more: 1 })).toMatchObject({ ok: false, message: expect.stringMatching(/list\[1\]: .*; .*"more"/) });
  expect(tool.check([])).toMatchObject({ ok: false });
});

describe('what a tool returns', () => {
  const returning = (value: unknown, output: z.ZodType = z.unknown()) =>
    defineTool({ ...base, input: z.object({}), output, run: () => value });

  test.each([
    [undefined, null],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [{ a: undefined, b: Number.NaN }, { b: null }],
    ['text', 'text'],
  ])('%j becomes JSON', async (value, json) => expect(await runTool(returning(value), {})).toEqual(json));

  test.each([[10n], [() => 1], [Symbol('s')]])('that JSON cannot hold fails for good: %s', async (value) => {
    await expect(runTool(returning(value), {})).rejects.toMatchObject({
      code: 'tool_error',
      retryable: false,
      message: expect.stringContaining('shop.price'),
    });
  });

  test('that its contract rules out fails for good', async () => {
    const tool = returning({ price: 'high' }, z.object({ price: z.number() }));
    await expect(runTool(tool, {})).rejects.toMatchObject({
      code: 'tool_error',
      retryable: false,
      message: expect.stringContaining('price'),
    });
  });
});

test('what a tool throws comes through as it is', async () => {
  const mine = new ToolError('tool_error', 'sold out', { retryable: false });
  const tool = defineTool({
    ...base,
    input: z.object({}),
    run: () => {
      throw mine;
    },
  });
  await expect(runTool(tool, {})).rejects.toBe(mine);
});

test.each([
  [{ name: 'two words' }, 'name'],
  [{ description: '' }, 'description'],
  [{ timeoutMs: 0 }, 'timeoutMs'],
])('%j is no definition', (fields, message) => {
  expect(() => defineTool({ ...base, ...fields, input: z.object({}), run: () => null })).toThrow(message);
});

test('an error is worth another attempt when its code says so, unless it says otherwise', () => {
  expect(new ToolError('tool_error', 'x').retryable).toBe(true);
  expect(new ToolError('timeout', 'x').retryable).toBe(true);
  expect(new ToolError('invalid_input', 'x').retryable).toBe(false);
  expect(new ToolError('aborted', 'x').retryable).toBe(false);
  expect(new ToolError('tool_error', 'x', { retryable: false }).retryable).toBe(false);
});
