import { evaluateCondition, type JsonObject, parseCondition, type ReferenceScope } from '@countersign/shared';
import { expect, test } from 'vitest';
import { runTool } from '../../test/run-tool.ts';
import { ToolError } from '../tool.ts';
import { condition } from './condition.ts';

const scope: ReferenceScope = { input: { n: 3, text: 'a' }, task: { id: null, objective: '' }, steps: new Map() };

function evaluate(expression: string): boolean {
  const parsed = parseCondition(expression);
  if (!parsed.ok) throw new ToolError('bad_condition', parsed.message);
  const result = evaluateCondition(parsed.condition, scope);
  if (!result.ok) throw new ToolError('bad_condition', result.message);
  return result.value;
}

test('its output is the boolean', async () => {
  expect(await runTool(condition, { expression: '{{input.n}} > 2' }, { evaluate })).toBe(true);
  expect(await runTool(condition, { expression: '{{input.n}} > 3' }, { evaluate })).toBe(false);
});

test('a condition that cannot be decided fails the step', async () => {
  await expect(runTool(condition, { expression: '{{input.n}} > {{input.text}}' }, { evaluate })).rejects.toMatchObject({
    code: 'bad_condition',
    retryable: false,
  });
});

test.each<JsonObject>([{}, { expression: '' }, { expression: true }])('%j is refused', (input) =>
  expect(condition.check(input)).toMatchObject({ ok: false }),
);

test('every example can be read', () => {
  for (const { input } of condition.contract.examples) expect(parseCondition(String(input.expression))).toMatchObject({ ok: true });
});
