import { describe, expect, test } from 'vitest';
import { content, context, contract, issues, messages, steps } from '../test/validating.ts';
import type { JsonObject } from './json.ts';
import { validateInputSecrets } from './validate.ts';

const A = { $secret: 'A' };
const withInput = (input: JsonObject, ...list: object[]) => ({ ...steps(...list), input });

describe('a secret in the input of a step', () => {
  test('stays as it is written', () => {
    expect(content(steps({ id: 'a', tool: 'any', input: { x: [A], y: '{{input.x}}' } })).steps[0]?.input).toEqual({
      x: [A],
      y: '{{input.x}}',
    });
  });

  test.each<[string, unknown, string]>([
    ['a number', { $secret: 1 }, 'got a number for the name'],
    ['a name in small letters', { $secret: 'token' }, 'capital letters'],
    ['a name that is too long', { $secret: 'A'.repeat(65) }, 'at most 64'],
    ['another key', { $secret: 'A', default: 'x' }, '"default" too'],
    ['a reference', { $secret: '{{input.name}}' }, 'no template'],
    ['an object', { $secret: { $secret: 'A' } }, 'got an object'],
  ])('with %s is an issue at its path', (_, value, message) => {
    const plan = steps({ id: 'a', tool: 'any', input: { deep: [{ x: value }] } });
    expect(issues(plan)).toEqual(['steps[0].input.deep[0].x bad_input']);
    expect(messages(plan)).toEqual([expect.stringContaining(message)]);
  });

  test('is a value, not the whole input', () => {
    expect(messages(steps({ id: 'a', tool: 'any', input: A }))).toEqual([expect.stringContaining('an input is an object of values')]);
  });

  test('is a text that is not known yet to the schema of its tool', () => {
    expect(issues(steps({ id: 'a', tool: 'get', input: { url: A } }))).toEqual([]);
    expect(issues(steps({ id: 'a', tool: 'get', input: { url: 'xyz', times: A } }))).toEqual(['steps[0].input.times bad_input']);
    expect(issues(steps({ id: 'a', tool: 'get', input: { url: 'xyz', other: A } }))).toEqual(['steps[0].input.other bad_input']);
    expect(issues(steps({ id: 'a', tool: 'either', input: { a: A } }))).toEqual([]);
    const bounded = contract('bounded', { properties: { x: { type: 'string', minLength: 100, pattern: '^z' } } });
    const tools = new Map([...context.tools, ['bounded', bounded]]);
    expect(issues(steps({ id: 'a', tool: 'bounded', input: { x: A } }), { tools })).toEqual([]);
  });

  test.each([
    ['condition', { expression: A }],
    ['human.input', { question: A }],
    ['human.input', { question: 'Which?', schema: { type: 'string', default: A } }],
  ])('is not for %s', (tool, input) => {
    expect(issues(steps({ id: 'a', tool, input })).filter((issue) => issue.endsWith('bad_input')).length).toBeGreaterThan(0);
    expect(messages(steps({ id: 'a', tool, input })).join()).toContain(`\`${tool}\` takes no secrets`);
  });
});

describe('a secret in the input of the plan', () => {
  test('can be handed on by a lone placeholder', () => {
    expect(
      issues(withInput({ t: A, o: { t: A } }, { id: 'a', tool: 'any', input: { x: '{{input.t}}', y: ['{{input.o}}', '{{input}}'] } })),
    ).toEqual([]);
  });

  test.each(['Bearer {{input.t}}', '{{input.t}} ', '{{input.t}}{{input.n}}', 'all: {{input}}', '{"auth": "{{input.o}}"}'])(
    'is no part of the text %j',
    (text) => {
      const plan = withInput({ t: A, o: { t: A }, n: 1 }, { id: 'a', tool: 'any', input: { x: [text] } });
      expect(issues(plan)).toEqual(['steps[0].input.x[0] bad_input']);
      expect(messages(plan)).toEqual([expect.stringContaining("can't be a part of a longer text")]);
    },
  );

  test('can be asked about by a condition, which sees its name', () => {
    const step = { id: 'a', tool: 'any', when: '{{input.t}} != null' };
    expect(issues(withInput({ t: A }, step, { id: 'b', tool: 'condition', input: { expression: '{{input.t}} == null' } }))).toEqual([]);
  });

  test.each(['llm.generate', 'data.query', 'template.render', 'wait', 'human.input'])('is not for %s', (tool) => {
    const tools = new Map([...context.tools, [tool, contract(tool, {})]]);
    expect(issues(withInput({ t: A }, { id: 'a', tool, input: { question: 'x', data: { x: '{{input.t}}' } } }), { tools })).toEqual([
      'steps[0].input.data.x bad_input',
    ]);
  });

  test.each<[string, unknown]>([
    ['a list with one', [A]],
    ['a list that refers to one', ['{{input.t}}']],
    ['a list of the input that holds one', '{{input.list}}'],
  ])('does not go through forEach: %s', (_, forEach) => {
    const plan = withInput({ t: A, list: [{ key: A }] }, { id: 'a', tool: 'any', forEach, input: { x: '{{item}}' } });
    expect(issues(plan)).toEqual(['steps[0].forEach bad_input']);
    expect(messages(plan)).toEqual([expect.stringContaining('its elements are data')]);
  });

  test('that is malformed is an issue at its path, for a plan and for a task', () => {
    const input = { x: [{ $secret: 'a' }] };
    expect(issues(withInput(input, { id: 'a', tool: 'any' }))).toEqual(['input.x[0] bad_input']);
    expect(validateInputSecrets(input)).toMatchObject([{ path: 'input.x[0]', code: 'bad_input' }]);
    expect(validateInputSecrets({ x: A })).toEqual([]);
  });

  test('is one of at most 100', () => {
    const many = (count: number) => withInput({ all: Array(count).fill(A) }, { id: 'a', tool: 'any', input: { x: '{{input.all}}' } });
    expect(issues(many(100))).toEqual([]);
    expect(issues(many(101))).toEqual(['input limit_exceeded']);
  });
});
