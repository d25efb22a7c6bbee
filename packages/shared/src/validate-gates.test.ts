import { describe, expect, test } from 'vitest';
import { content, issues, messages, steps } from '../test/validating.ts';

const a = { id: 'a', tool: 'any' };
const approvalOf = (step: object) => content(steps(step)).steps[0]?.approval;

describe('approval', () => {
  test.each([
    [undefined, null],
    [null, null],
    [{}, { message: '', quorum: 1 }],
    [{ message: 'Publish {{input.x}}?' }, { message: 'Publish {{input.x}}?', quorum: 1 }],
    [{ quorum: 20 }, { message: '', quorum: 20 }],
  ])('%j becomes %j', (approval, expected) => expect(approvalOf({ ...a, approval })).toEqual(expected));

  test.each([
    [true, 'approval bad_input'],
    ['Publish?', 'approval bad_input'],
    [[], 'approval bad_input'],
    [{ quorum: 0 }, 'approval.quorum bad_option'],
    [{ quorum: 21 }, 'approval.quorum bad_option'],
    [{ quorum: 1.5 }, 'approval.quorum bad_option'],
    [{ quorum: '2' }, 'approval.quorum bad_option'],
    [{ message: 7 }, 'approval.message bad_input'],
    [{ message: 'x'.repeat(10_001) }, 'approval.message limit_exceeded'],
    [{ text: 'Publish?' }, 'approval.text unknown_field'],
  ])('%#: anything else is an issue', (approval, issue) => expect(issues(steps({ ...a, approval }))).toEqual([`steps[0].${issue}`]));
});

describe('human.input', () => {
  const ask = (input: object, fields: object = {}) => ({ id: 'ask', tool: 'human.input', input, ...fields });

  test.each([
    [{}, { message: 'Which?', quorum: 1 }],
    [{ approval: null }, { message: 'Which?', quorum: 1 }],
    [{ approval: { quorum: 2 } }, { message: 'Which?', quorum: 2 }],
    [{ approval: { message: '', quorum: 3 } }, { message: 'Which?', quorum: 3 }],
    [{ approval: { message: 'Pick one.' } }, { message: 'Pick one.', quorum: 1 }],
  ])('is a gate without being told: %j', (fields, expected) => expect(approvalOf(ask({ question: 'Which?' }, fields))).toEqual(expected));

  test('asks its question once', () => {
    expect(issues(steps(ask({ question: 'Which?' }, { forEach: [1, 2] })))).toEqual(['steps[0].forEach bad_input']);
  });

  test('without a question is an issue of its input alone', () => {
    expect(issues(steps(ask({})))).toEqual(['steps[0].input.question bad_input']);
    expect(issues(steps(ask({ question: 7 })))).toEqual(['steps[0].input.question bad_input']);
    expect(issues(steps(ask({ question: 'x'.repeat(10_001) })))).toEqual(['steps[0].input.question limit_exceeded']);
  });

  test('a question may hold references, and waits for what they name', () => {
    const plan = content(steps(a, ask({ question: 'Use {{a.output.x}}?' })));
    expect(plan.steps[1]).toMatchObject({ dependsOn: ['a'], approval: { message: 'Use {{a.output.x}}?' } });
  });

  test('what is wrong with its question is said once, also where the message repeats it', () => {
    const question = '{{nope.output}}?';
    expect(issues(steps(ask({ question }, { approval: { message: question } })))).toEqual(['steps[0].input.question unknown_reference']);
  });

  test.each([
    { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
    { enum: ['a', 'b'] },
    { $ref: '#/$defs/name', $defs: { name: { type: 'string' } } },
    { type: 'array', items: { $ref: '#/$defs/name' }, $defs: { name: { type: 'string' } } },
    { type: 'string', description: 'like {{input.x}}' },
    {},
  ])('%j is a schema for the answer', (schema) => expect(issues(steps(ask({ question: 'Which?', schema })))).toEqual([]));

  test.each([
    [{ type: 'strin' }, '', 'Unsupported type: strin'],
    [{ type: 'object', properties: { n: { type: 'nummer' } } }, '.properties.n', 'nummer'],
    [{ type: 'array', items: { type: 'string', pattern: '(' } }, '.items', 'Unterminated group'],
    [{ anyOf: [{ type: 'string' }, 5] }, '.anyOf[1]', 'a JSON Schema is an object, got a number'],
    [{ type: 'object', properties: { 'a b': { $ref: '#/$defs/x' } } }, '.properties["a b"]', 'Reference not found'],
  ])('%j is none, and is told where', (schema, path, message) => {
    const plan = steps(ask({ question: 'Which?', schema }));
    expect(issues(plan)).toEqual([`steps[0].input.schema${path} bad_input`]);
    expect(messages(plan)).toEqual([expect.stringContaining(message)]);
  });

  test('a large schema that is none is not searched to its end', () => {
    const entries = <Value>(value: (at: number) => Value) =>
      Object.fromEntries(Array.from({ length: 3_000 }, (_, at) => [`d${at}`, value(at)]));
    const properties = { ...entries((at) => ({ $ref: `#/$defs/d${at}` })), last: { type: 'nummer' } };
    const schema = { type: 'object', properties, $defs: entries(() => ({ type: 'string' })) };
    expect(issues(steps(ask({ question: 'Which?', schema })))).toEqual(['steps[0].input.schema bad_input']);
  });

  test('a schema that a reference gives is known only later', () => {
    expect(issues(steps(ask({ question: 'Which?', schema: { type: '{{input.type}}' } })))).toEqual([]);
  });
});
