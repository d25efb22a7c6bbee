import { describe, expect, test } from 'vitest';
import { type StepDraft, validatePlan } from '../index.ts';
import { isPlainlyLinear, withLinearPatterns } from './linear-patterns.ts';

describe('a pattern', () => {
  test.each(['^[a-z]+$', 'abc', '^\\d{4}-\\d{2}$', '^(?:a|b)$', '^sha256:[0-9a-f]{64}$', '^[^/]*$', '\\.md$'])('%s is run', (pattern) => {
    expect(isPlainlyLinear(pattern)).toBe(true);
  });
  test.each([
    '^(a+)+$',
    '^(a|aa)+$',
    '(x+x+)+y',
    '^(\\w+\\s?)*$',
    'a*a*a*b',
    '^a+a+$',
    '[a-z]+$',
    '(a)\\1',
    '(?<n>a)\\k<n>',
    '^(?=a+)b',
    '^(?:a{1,9}){1,9}$',
    'x|^a+$',
    `^${'a?'.repeat(30)}b$`,
    `^${'(?:a|a)'.repeat(30)}b$`,
    '^a{1,90000}a{1,90000}$',
  ])('%s is left to the executor', (pattern) => {
    expect(isPlainlyLinear(pattern)).toBe(false);
  });
});

test('a schema loses such patterns wherever they stand, and nothing else', () => {
  const slow = { type: 'string', pattern: '^(a+)+$', maxLength: 9 };
  const without = { type: 'string', maxLength: 9 };
  const schema = (text: object) => ({
    type: 'object',
    properties: { pattern: text, list: { type: 'array', items: text }, either: { anyOf: [text, { const: { pattern: '(a+)+' } }] } },
    additionalProperties: text,
    default: { pattern: '(a+)+' },
  });
  expect(withLinearPatterns(schema(slow) as never)).toEqual(schema(without));
});

test('a schema that would mean something else without them is left to the executor as a whole', () => {
  expect(withLinearPatterns({ properties: { a: { type: 'object', patternProperties: { '^(a+)+$': {} } } } })).toBeNull();
});

test('a pattern of a tool that would take for ever holds up no validation', () => {
  const tool = {
    name: 'other.tool',
    description: 'A tool of somebody else.',
    risk: 'read' as const,
    idempotent: true,
    inputSchema: { type: 'object', properties: { text: { type: 'string', pattern: '^(a+)+$' }, count: { type: 'integer' } } },
    outputSchema: null,
    timeoutMs: null,
    retry: null,
    queue: null,
    examples: [],
  };
  const step: StepDraft = { id: 'a', tool: tool.name, input: { text: `${'a'.repeat(40)}!`, count: 'many' } };
  const result = validatePlan({ objective: 'x', steps: [step] }, { tools: new Map([[tool.name, tool]]) });
  expect(result.issues.map(({ path }) => path)).toEqual(['steps[0].input.count']);
});
