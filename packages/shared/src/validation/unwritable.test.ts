import { expect, test } from 'vitest';
import { validatePlan } from '../index.ts';

test('what no JSON text can hold everywhere is an issue where it stands, whoever wrote the plan', () => {
  const input = { half: ['\ud800'], number: Number.POSITIVE_INFINITY, 'key \udfff': 1, whole: '\u{1f600}' };
  const { valid, issues } = validatePlan(
    { objective: 'x', steps: [{ id: 'a', tool: 't', input, description: 'a\ud800' }] },
    { tools: new Map() },
  );
  expect(valid).toBe(false);
  expect(issues.map(({ path, code }) => [path, code])).toEqual([
    ['steps[0].input.half[0]', 'bad_input'],
    ['steps[0].input.number', 'bad_input'],
    ['steps[0].input["key \\udfff"]', 'bad_input'],
    ['steps[0].description', 'bad_input'],
  ]);
});
