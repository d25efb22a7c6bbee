import { describe, expect, test } from 'vitest';
import { content, issues, messages, steps } from '../test/validating.ts';

const a = { id: 'a', tool: 'any' };
const check = { id: 'check', tool: 'condition', input: { expression: '{{input.n}} > 1' } };

describe('when', () => {
  test('is kept as it is written', () => {
    const when = `{{input.n}}  >  1 and '{{input.x}}' != ""`;
    expect(content(steps({ ...a, when })).steps[0]?.when).toBe(when);
  });

  test.each(['', '{{input.n}}>1', 'weekend', true, 7, ['true']])('%j is an issue', (when) =>
    expect(issues(steps({ ...a, when }))).toEqual(['steps[0].when bad_condition']),
  );

  test('what is wrong is said with its position', () => {
    expect(messages(steps({ ...a, when: '{{input.n}}>1' }))).toEqual(['put spaces around the operator > (at position 12)']);
  });

  test('may name a condition registered in code', () => {
    expect(issues(steps({ ...a, when: 'not weekend' }), { conditions: new Set(['weekend']) })).toEqual([]);
  });
});

test.each(['none_failed_min_one_success', 'all_success', 'none_failed', 'all_done'])('runIf may be %s', (runIf) => {
  expect(content(steps({ ...a, runIf })).steps[0]?.runIf).toBe(runIf);
});

test('another runIf is an issue that names those there are', () => {
  expect(issues(steps({ ...a, runIf: 'always' }))).toEqual(['steps[0].runIf bad_option']);
  expect(messages(steps({ ...a, runIf: ['all_done'] }))).toEqual([expect.stringContaining("'none_failed', 'all_done'")]);
});

describe('forEach', () => {
  test.each([['{{input.files}}'], [['x', { y: '{{input.z}}' }, null]], [[]]])('may be %j', (forEach) => {
    expect(content(steps({ ...a, forEach })).steps[0]).toMatchObject({ forEach, maxItems: null });
  });

  test.each([
    ['files', 'one placeholder alone'],
    ['', 'one placeholder alone'],
    ['{{input.x}} {{input.y}}', 'one placeholder alone'],
    ['\\{{input.x}}', 'one placeholder alone'],
    [7, 'got a number'],
    [{}, 'got an object'],
  ])('%j is an issue', (forEach, message) => {
    const plan = steps({ ...a, forEach });
    expect(issues(plan)).toEqual(['steps[0].forEach bad_input']);
    expect(messages(plan)).toEqual([expect.stringContaining(message)]);
  });

  test.each([1, 10_000])('at most %i elements may be asked for', (maxItems) => {
    expect(content(steps({ ...a, forEach: '{{input.x}}', maxItems })).steps[0]?.maxItems).toBe(maxItems);
  });

  test.each([0, -1, 1.5, 10_001, '5', true])('maxItems %j is an issue', (maxItems) =>
    expect(issues(steps({ ...a, forEach: [], maxItems }))).toEqual(['steps[0].maxItems bad_option']),
  );

  test('a list that is longer than it may be is seen at once', () => {
    expect(issues(steps({ ...a, forEach: [1, 2, 3], maxItems: 2 }))).toEqual(['steps[0].forEach limit_exceeded']);
    expect(issues(steps({ ...a, forEach: Array(10_001).fill(0) }))).toEqual(['steps[0].forEach limit_exceeded']);
    expect(issues(steps({ ...a, forEach: Array(10_000).fill(0) }))).toEqual([]);
  });

  test('its list counts among the inputs', () => {
    expect(issues(steps({ ...a, forEach: ['x'.repeat(600_000)], input: { x: 'x'.repeat(500_000) } }))).toEqual(['steps limit_exceeded']);
  });
});

describe('branches', () => {
  const b = { id: 'b', tool: 'any' };

  test('the targets wait for the condition, each once, behind what they wait for already', () => {
    const plan = content(
      steps(
        a,
        { ...check, ifTrue: ['b', 'c', 'b'], ifFalse: ['d'] },
        { ...b, input: { x: '{{a.output}}' } },
        { id: 'c', tool: 'any', dependsOn: ['check', 'a'] },
        { id: 'd', tool: 'any', input: { x: '{{check.output}}' } },
      ),
    );
    expect(plan.steps.map(({ dependsOn }) => dependsOn)).toEqual([[], [], ['a', 'check'], ['check', 'a'], ['check']]);
    expect(plan.steps[1]).toMatchObject({ ifTrue: ['b', 'c'], ifFalse: ['d'] });
  });

  test('a step may hang on several conditions', () => {
    const other = { ...check, id: 'other' };
    expect(content(steps({ ...check, ifTrue: ['b'] }, { ...other, ifFalse: ['b'] }, b)).steps[2]?.dependsOn).toEqual(['check', 'other']);
  });

  test('a condition may hang on a condition', () => {
    const inner = { ...check, id: 'inner', ifTrue: ['b'] };
    expect(content(steps({ ...check, ifTrue: ['inner'] }, inner, b)).steps.map(({ dependsOn }) => dependsOn)).toEqual([
      [],
      ['check'],
      ['inner'],
    ]);
  });

  test.each([
    [{ ...check, ifTrue: ['b', 'nope'] }, 'steps[0].ifTrue[1] unknown_step'],
    [{ ...check, ifFalse: [7] }, 'steps[0].ifFalse[0] unknown_step'],
    [{ ...check, ifFalse: 'b' }, 'steps[0].ifFalse unknown_step'],
    [{ ...check, ifTrue: ['b'], ifFalse: ['b'] }, 'steps[0].ifFalse[0] bad_input'],
    [{ ...check, ifTrue: ['b'], forEach: [1] }, 'steps[0].ifTrue bad_input'],
    [{ ...a, ifTrue: ['b'] }, 'steps[0].ifTrue unknown_field'],
    [{ ...a, ifFalse: ['nope'] }, 'steps[0].ifFalse unknown_field'],
    [{ ...check, ifTrue: ['check'] }, 'steps[0].dependsOn cycle'],
  ])('%#: what makes no branch is an issue', (step, issue) => expect(issues(steps(step, b))).toEqual([issue]));

  test('a cycle that a branch closes is named', () => {
    const plan = steps(
      { ...check, input: { expression: '{{b.output}} == 1' }, ifTrue: ['c'] },
      { ...b, dependsOn: ['c'] },
      { id: 'c', tool: 'any' },
    );
    expect(messages(plan)).toEqual(['these steps wait for each other: check -> b -> c -> check']);
  });

  test('a condition with thousands of steps on it is read in little time', () => {
    const targets = Array.from({ length: 9_999 }, (_, at) => ({ id: `s${at}`, tool: 'any' }));
    const plan = content(steps(...targets, { ...check, ifTrue: targets.map(({ id }) => id) }));
    expect(plan.steps[5_000]?.dependsOn).toEqual(['check']);
  });
});
