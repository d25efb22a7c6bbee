import { expect, test } from 'vitest';
import { content } from '../test/validating.ts';
import { pinnedSteps } from './pinning.ts';

const any = (id: string, more: object = {}) => ({ id, tool: 'any', ...more });
const plan = (steps: object[], more: object = {}) => content({ objective: 'pin', steps, ...more }, { conditions: new Set(['weekend']) });
const all = new Set(['a', 'b', 'c', 'd']);
const chain = [any('a'), any('b', { dependsOn: ['a'] }), any('c', { dependsOn: ['b'] }), any('d')];

test('completed steps that are the same stay, others run', () => {
  expect(pinnedSteps(plan(chain), plan([...chain, any('e')]), all)).toEqual(['a', 'b', 'c', 'd']);
  expect(pinnedSteps(plan(chain), plan(chain), new Set(['a', 'd']))).toEqual(['a', 'd']);
});

test('a changed step runs again, with all that stands behind it', () => {
  const changed = chain.map((step) => (step.id === 'b' ? { ...step, input: { x: 1 } } : step));
  expect(pinnedSteps(plan(chain), plan(changed), all)).toEqual(['a', 'd']);
});

test('a step behind another step than before runs again', () => {
  const moved = chain.map((step) => (step.id === 'c' ? { ...step, dependsOn: ['d'] } : step));
  expect(pinnedSteps(plan(chain), plan(moved), all)).toEqual(['a', 'b', 'd']);
});

test('the order of the array, options and descriptions of the plan change nothing', () => {
  const other = plan([...chain].reverse(), { description: 'otherwise', options: { maxParallelSteps: 9 } });
  expect(pinnedSteps(plan(chain), other, all).sort()).toEqual(['a', 'b', 'c', 'd']);
});

test("a change of the plan's input is a change of what reads it: input, condition, forEach, question, condition in code", () => {
  const readers = [
    any('a', { input: { x: '{{input.x}}' } }),
    any('b', { when: '{{input.x}} == 1' }),
    any('c', { forEach: '{{input.x}}' }),
    any('d', { approval: { message: 'with {{input.x}}?' } }),
    any('e', { when: 'not (weekend or {{d.status}} == 1)' }),
    { id: 'f', tool: 'condition', input: { expression: 'weekend' } },
    any('g'),
  ];
  const ids = new Set(readers.map(({ id }) => id));
  const before = plan(readers, { input: { x: 1 } });
  expect(pinnedSteps(before, plan(readers, { input: { x: 2 } }), ids)).toEqual(['g']);
  expect(pinnedSteps(before, plan(readers, { input: { x: 1 } }), ids)).toEqual([...ids]);
});

test("a step runs again when its tool's contract is another one", () => {
  const before = plan(chain);
  const after = { ...before, tools: { any: { ...before.tools.any, description: 'does something else' } } } as typeof before;
  expect(pinnedSteps(before, after, all)).toEqual([]);
});
