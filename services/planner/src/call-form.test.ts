import type { JsonObject, ToolContract } from '@countersign/shared';
import { describe, expect, test } from 'vitest';
import { callForm } from './call-form.ts';
import { replySchema } from './reply.ts';
import { isWithin, STRICT_LIMITS, sizeOf } from './schema-size.ts';

const tool = (name: string, inputSchema: JsonObject): ToolContract => ({
  name,
  description: `the tool ${name}`,
  risk: 'read',
  idempotent: true,
  inputSchema,
  outputSchema: null,
  timeoutMs: null,
  retry: null,
  queue: null,
  examples: [],
});
const fields = (count: number, name = 'f'): JsonObject => ({
  type: 'object',
  properties: Object.fromEntries(Array.from({ length: count }, (_, at) => [`${name}${at}`, { type: 'string' }])),
  additionalProperties: false,
});
const within = (schema: JsonObject, depth: number): JsonObject =>
  depth === 0 ? schema : { type: 'object', properties: { a: within(schema, depth - 1) }, required: ['a'] };

const structuredOf = (tools: readonly ToolContract[]): string[] => {
  const calls = callForm(tools);
  const { schema } = replySchema(calls, { revising: true });
  expect(isWithin(sizeOf(schema), STRICT_LIMITS)).toBe(true);
  return tools.map(({ name }) => name).filter((name) => calls.isStructured(name));
};

describe('a call', () => {
  test('is the tool and its input: as an object where it can be said, else as JSON text', () => {
    const { schema } = callForm([tool('free', { type: 'object' }), tool('plain', fields(1)), tool('other', { type: 'object' })]);
    const [plain, others] = schema.anyOf as JsonObject[];
    expect(plain).toMatchObject({
      properties: { tool: { enum: ['plain'] }, input: { type: 'object', required: ['f0'] } },
      required: ['tool', 'input'],
      additionalProperties: false,
    });
    expect(others).toMatchObject({ properties: { tool: { enum: ['free', 'other'] }, input: { type: 'string' } } });
  });

  test('of one tool is no choice', () => {
    expect(callForm([tool('plain', fields(1))]).schema).toMatchObject({ type: 'object', properties: { tool: { enum: ['plain'] } } });
  });
});

test('a secret that is written as text in a place for text is its marker again, and other texts stay', () => {
  const calls = callForm([tool('plain', fields(4)), tool('free', { type: 'object' })]);
  const marker = { $secret: 'MAIL_KEY' };
  const texts = { f0: '{"$secret": "MAIL_KEY"}', f1: '{"$secret": "mail"}', f2: 'x {"$secret": "MAIL_KEY"}', f3: '{"$secret"' };
  expect(calls.read('plain', texts)).toEqual({ ...texts, f0: marker });
  expect(calls.read('free', { headers: { authorization: marker } })).toEqual({ headers: { authorization: marker } });
});

describe('the limits of strict mode', () => {
  test('leave the largest inputs to JSON text, where all together have too many properties', () => {
    expect(structuredOf([tool('large', fields(3_000)), tool('small', fields(10)), tool('middle', fields(2_500))])).toEqual([
      'small',
      'middle',
    ]);
  });

  test('leave a tool to JSON text whose input is nested too deep, or alone too long', () => {
    const long = { type: 'object', properties: { a: { enum: Array.from({ length: 300 }, (_, at) => `${'x'.repeat(60)}${at}`) } } };
    expect(structuredOf([tool('deep', within(fields(1), 6)), tool('less', within(fields(1), 5)), tool('long', long)])).toEqual(['less']);
  });

  test('leave all inputs to JSON text where the names alone are too many, and do not list them', () => {
    const tools = Array.from({ length: 1_001 }, (_, at) => tool(`t${at}`, fields(1)));
    expect(structuredOf(tools)).toEqual([]);
    expect(callForm(tools).schema).toMatchObject({ properties: { tool: { type: 'string' } } });
    expect(JSON.stringify(callForm(tools).schema)).not.toContain('t7');
  });

  test('count names, values of choices, and levels', () => {
    expect(
      sizeOf({
        type: 'object',
        properties: { ab: { type: 'array', items: { anyOf: [{ type: 'object', properties: { c: { enum: ['x', 'yz'] } } }] } } },
      }),
    ).toEqual({ properties: 2, enumValues: 2, characters: 6, depth: 3 });
  });
});
