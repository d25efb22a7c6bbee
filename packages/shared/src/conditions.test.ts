import { describe, expect, test } from 'vitest';
import { conditionReferences, evaluateCondition, type NamedCondition, parseCondition } from './conditions.ts';
import type { Json } from './json.ts';
import type { ReferenceScope } from './references.ts';

const scope = (input: Json, steps: ReferenceScope['steps'] = new Map()): ReferenceScope => ({
  input,
  task: { id: 'tsk_1', objective: 'Audit' },
  steps,
});

/** true, false, or the message of a parse error or a failed evaluation. */
function outcome(source: string, input: Json = {}, registry?: ReadonlyMap<string, NamedCondition>): boolean | string {
  const parsed = parseCondition(source, registry);
  if (!parsed.ok) return `column ${parsed.position}: ${parsed.message}`;
  const result = evaluateCondition(parsed.condition, scope(input), registry);
  return result.ok ? result.value : `failed: ${result.message}`;
}

describe('numbers', () => {
  test.each([
    ['9007199254740993 == 9007199254740992', false],
    ['9007199254740993 > 9007199254740992', true],
    ['100000000000000000000000000000001 != 100000000000000000000000000000002', true],
    ['0.1 == 0.10', true],
    ['0.1000000000000000055 == 0.1', false],
    ['1e2 == 100', true],
    ['1E+2 <= 100.0', true],
    ['-0 == 0', true],
    ['-1 < 0', true],
    ['-10 < -9', true],
    ['-0.5 > -0.51', true],
    ['0.09 < 0.1', true],
    ['10 > 9', true],
    ['1e99999999999999999999 > 1e99999999999999999998', true],
  ])('%s is %s', (source, expected) => expect(outcome(source)).toBe(expected));

  test('a value compares with a literal as its JSON text reads', () => {
    expect(outcome('{{input.n}} == 0.1', { n: 0.1 })).toBe(true);
    expect(outcome('{{input.n}} == 1180591620717411303424', { n: 2 ** 70 })).toBe(false);
    expect(outcome('{{input.n}} == 1.1805916207174113e+21', { n: 2 ** 70 })).toBe(true);
    expect(outcome('{{input.n}} == 9007199254740993', { n: 9007199254740992 })).toBe(false);
  });
});

describe('text', () => {
  test.each([
    [`{{input.name}} == 'Ann'`, true],
    [`'{{input.name}}' == "Ann"`, true],
    [`'{{input.name}} {{input.more["a'b"]}}!' == 'Ann Smith!'`, true],
    [`'{{input.n}}' == '3'`, true],
    [`{{input.n}} == '3'`, false],
    [`'a' < 'b'`, true],
    [`'B' < 'a'`, true],
    [`'it\\'s' == "it's"`, true],
    [`'{{' contains '{'`, true],
    [`'{{' == '{{'`, true],
    [`'\\{{input.name}}' == '{{input.name}}'`, false],
    [`'C:\\temp' contains 'temp'`, true],
    [`'x{{input.gone}}y' == 'xy'`, true],
  ])('%s is %s', (source, expected) => expect(outcome(source, { name: 'Ann', n: 3, more: { "a'b": 'Smith' } })).toBe(expected));
});

test('a value can never bring in an operator, a quote or a placeholder', () => {
  const input = { x: `a' == 'a' or 'b`, y: '{{input.secret}}', secret: 's' };
  expect(outcome(`'{{input.x}}' == 'b'`, input)).toBe(false);
  expect(outcome(`{{input.x}} == 'b'`, input)).toBe(false);
  expect(outcome(`{{input.y}} == 's'`, input)).toBe(false);
  expect(outcome(`{{input.y}} == '\\{{input.secret}}'`, input)).toBe(true);
});

describe('types', () => {
  test.each([
    ['true == true', true],
    ['true == false', false],
    [`true == 'true'`, false],
    ['1 == true', false],
    ['null == null', true],
    [`null == ''`, false],
    ['null == 0', false],
    ['null == false', false],
    ['{{input.list}} == {{input.same}}', true],
    ['{{input.list}} == {{input.other}}', false],
    ['{{input.object}} == {{input.turned}}', true],
    [`1 != 'one'`, true],
  ])('%s is %s', (source, expected) => {
    const input = { list: [1, { a: 2 }], same: [1, { a: 2 }], other: [1, { a: 3 }], object: { a: 1, b: 2 }, turned: { b: 2, a: 1 } };
    expect(outcome(source, input)).toBe(expected);
  });

  test('values that are nested deeper than the stack compare', () => {
    const nested = (inner: Json): Json => {
      let value = inner;
      for (let level = 0; level < 100_000; level++) value = level % 2 === 0 ? [value] : { a: value };
      return value;
    };
    expect(outcome('{{input.a}} == {{input.b}}', { a: nested(1), b: nested(1) })).toBe(true);
    expect(outcome('{{input.a}} == {{input.b}}', { a: nested(1), b: nested(2) })).toBe(false);
  });

  test.each([`1 < '2'`, 'true < false', 'null >= null', '{{input.list}} > 0', `null contains 'a'`, `'12' contains 1`])(
    '%s fails: there is no such order',
    (source) => expect(outcome(source, { list: [] })).toMatch(/^failed: /),
  );

  test('a failed order names the operator, its column and both types', () => {
    expect(outcome(`{{input.n}} > 'a'`, { n: 1 })).toBe(
      'failed: > at column 13 puts two numbers or two texts in order, not a number and text',
    );
  });
});

test.each([
  [`'haystack' contains 'st'`, true],
  [`'haystack' contains ''`, true],
  [`{{input.list}} contains 2`, true],
  [`{{input.list}} contains '2'`, false],
  [`{{input.list}} contains 'b'`, true],
  [`{{input.list}} contains null`, false],
  [`{{input.gone}} contains 1`, false],
])('%s is %s', (source, expected) => expect(outcome(source, { list: [1, 2, 'b'] })).toBe(expected));

describe('a missing value', () => {
  test.each([
    ['{{input.gone}} == null', true],
    [`{{input.gone}} == ''`, true],
    [`'' == {{input.gone}}`, true],
    ['{{input.gone}} == 0', false],
    ['{{input.gone}} == false', false],
    ['{{input.gone}} != 5', true],
    ['{{input.gone}} > 5', false],
    ['{{input.gone}} <= 5', false],
    [`'a' >= {{input.gone}}`, false],
    ['{{input.gone}} < {{input.away}}', false],
    ['not {{input.gone}}', true],
  ])('%s is %s', (source, expected) => expect(outcome(source)).toBe(expected));
});

describe('and, or, not', () => {
  test.each([
    ['true or false and false', true],
    ['(true or false) and false', false],
    ['not false and false', false],
    ['not (false and false)', true],
    ['not 1 == 2', true],
    ['not not true', true],
    ['not true or true', true],
    ['false or false or true', true],
    ['((1 == 1))', true],
    ['( 1 == 1 and(2 == 2) )', true],
    ['not(true)', false],
    ['{{input.yes}}', true],
    ['\n  {{ input.yes }}\tand\n1 == 1 ', true],
  ])('%s is %s', (source, expected) => expect(outcome(source, { yes: true })).toBe(expected));

  test('the first term that decides is the last one looked at', () => {
    expect(outcome(`false and 1 < 'a'`)).toBe(false);
    expect(outcome(`true or 1 < 'a'`)).toBe(true);
    expect(outcome(`true and 1 < 'a'`)).toMatch(/^failed/);
  });

  test('a value alone must be a boolean', () => {
    expect(outcome('{{input.n}}', { n: 1 })).toBe('failed: the value at column 1 stands alone and must be true or false, not a number');
    expect(outcome(`true and 'yes'`)).toContain('column 10');
    expect(outcome('{{input.n}}', { n: null })).toContain('not null');
  });
});

describe('what cannot be read says where and what would be right', () => {
  test.each([
    ['', 1, 'empty'],
    ['   ', 1, 'empty'],
    ['{{input.x}}==1', 12, 'put spaces around the operator =='],
    ['{{input.x}} ==1', 13, 'put spaces around the operator =='],
    ['{{input.x}}>= 1', 12, 'put spaces around the operator >='],
    [`'a'contains 'b'`, 4, 'put spaces around the operator contains'],
    ['(1 == 1)== true', 9, 'put spaces around the operator =='],
    ['1 = 1', 3, 'write =='],
    ['1 <> 1', 3, 'write !='],
    ['true && true', 6, 'write and'],
    ['!true', 1, 'write not'],
    ['1 =! 1', 3, 'no operator =!'],
    ['1 ==', 5, 'missing at the end'],
    ['== 1', 1, 'a value must stand here, not =='],
    ['1 == == 1', 6, 'a value must stand here'],
    ['1 == 1 == 1', 8, 'one operator'],
    ['(1 == 1) == true', 10, 'no value to compare'],
    ['(1 == 1', 8, 'close the ( at column 1'],
    ['1 == 1)', 7, 'closes nothing'],
    ['()', 2, 'a value must stand here, not )'],
    ['1 == 1 2', 8, 'expected and, or, or the end'],
    ['1 == 1 and', 11, 'missing at the end'],
    ['and 1 == 1', 1, 'must stand before `and`'],
    ['{{input.x}} == yes', 16, "in quotes: 'yes'"],
    ['weekend', 1, 'no condition named `weekend`'],
    [`{{input.x}} == 'open`, 16, "never closed with '"],
    [`'ends with a backslash \\'`, 1, 'never closed'],
    ['{{input.x == 1', 1, 'never closed with }}'],
    ['{{}} == 1', 1, 'the placeholder is empty'],
    [`'{{input..x}}' == 1`, 1, "a name must follow the '.'"],
    ['{{input.x}}{{input.y}} == 1', 12, 'right behind a value'],
    ['1 == 007', 6, "007 is no number as JSON writes it, like 7, -0.5 or 1e3; text goes in quotes: '007'"],
    ['{{input.x}} == 0x10', 16, '0x10 is no number'],
    ['1 == 1.', 6, '1. is no number'],
    ['1 == .5', 6, '.5 is no number'],
    ['1 == +5', 6, '+5 is no number'],
    ['1 == 1_000', 6, '1_000 is no number'],
    ['not{{input.x}}', 4, 'put a space behind not'],
    ['{{input.x}}==y', 12, 'put spaces around the operator =='],
    ['{{input.x}} == NaN', 16, '`NaN` is no value'],
    ['1 == #', 6, 'text goes in quotes'],
  ])('%j: column %i', (source, position, message) => {
    const parsed = parseCondition(source);
    expect(parsed).toMatchObject({ ok: false, position, message: expect.stringContaining(message) });
  });

  test('depth and length are bounded, width is not', () => {
    expect(outcome(`${'('.repeat(64)}true${')'.repeat(64)}`)).toBe(true);
    expect(outcome(`${'('.repeat(5_000)}`)).toContain('column 65');
    expect(outcome(`${'not '.repeat(2_000)}true`)).toContain('64 deep');
    expect(outcome(Array(1_500).fill('true').join(' and '))).toContain('at most 10000 characters');
    expect(outcome(Array(1_000).fill('true').join(' and '))).toBe(true);
  });
});

describe('a condition registered in code', () => {
  const registry = new Map<string, NamedCondition>([['office-hours', (seen) => (seen.input as { hour: number }).hour < 17]]);

  test('a lone name calls it with the scope', () => {
    expect(outcome('office-hours and not {{input.dry}}', { hour: 9 }, registry)).toBe(true);
    expect(outcome('not office-hours', { hour: 9 }, registry)).toBe(false);
  });

  test('it is no operand', () => {
    expect(outcome('office-hours == true', {}, registry)).toContain('is no value');
  });

  test('evaluating without it fails', () => {
    const parsed = parseCondition('office-hours', new Set(['office-hours']));
    if (!parsed.ok) throw new Error(parsed.message);
    expect(evaluateCondition(parsed.condition, scope({}))).toMatchObject({ ok: false });
  });
});

test('every reference is found, in quotes and in branches that are not evaluated', () => {
  const parsed = parseCondition(`true or ({{a.output.x}} > 1 and not {{b.status}} == 'failed') or '{{c.output["}}"]}} {{task.id}}' == ''`);
  if (!parsed.ok) throw new Error(parsed.message);
  expect(conditionReferences(parsed.condition).map(({ text }) => text)).toEqual(['a.output.x', 'b.status', 'c.output["}}"]', 'task.id']);
});
