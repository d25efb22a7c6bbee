import type { Json, JsonObject } from '@countersign/shared';
import { expect, test } from 'vitest';
import { runTool } from '../../test/run-tool.ts';
import { humanInput } from './human-input.ts';

const answered = (input: JsonObject, approvalData?: Json) => runTool(humanInput, { question: 'Where to?', ...input }, { approvalData });

test.each<[Json]>([['staging'], [7], [false], [null], [{ region: ['eu', 'us'] }]])('the answer %j is the output', async (answer) =>
  expect(await answered({}, answer)).toEqual(answer),
);

test('an approval without an answer fails the step for good, and names the question', async () => {
  await expect(answered({})).rejects.toMatchObject({
    code: 'invalid_input',
    retryable: false,
    message: expect.stringContaining('nobody answered "Where to?"'),
  });
});

test('an answer must fit the schema where there is one, and gets nothing added', async () => {
  const schema = { type: 'object', properties: { count: { type: 'integer', default: 1 }, why: { type: 'string', pattern: '^[a-z]+$' } } };
  expect(await answered({ schema }, { why: 'because' })).toEqual({ why: 'because' });
  await expect(answered({ schema }, { count: 'two', why: 'SO' })).rejects.toMatchObject({
    code: 'invalid_input',
    retryable: false,
    message: expect.stringMatching(/does not fit.*count: must be integer.*why: must match pattern/),
  });
});

test('a pattern that would take a backtracking matcher for ever is decided at once', async () => {
  const schema = { type: 'string', pattern: '^(a+)+$' };
  expect(await answered({ schema }, 'a'.repeat(5_000))).toHaveLength(5_000);
  await expect(answered({ schema }, `${'a'.repeat(5_000)}!`)).rejects.toMatchObject({ code: 'invalid_input' });
});

test.each<[JsonObject, RegExp]>([
  [{ schema: { type: 'colour' } }, /schema: .*not a JSON Schema that can be checked/],
  [{ schema: { pattern: '(?=a)b' } }, /schema: .*not a JSON Schema that can be checked/],
  [{ schema: { $async: true } }, /schema: .*not a JSON Schema that can be checked/],
  [{ schema: { $ref: 'https://example.com/answer.json' } }, /schema: .*not a JSON Schema that can be checked/],
  [{ schema: 'string' }, /schema/],
  [{ question: '' }, /question/],
  [{ answer: 1 }, /answer/],
])('nobody is asked %j', (input, message) =>
  expect(humanInput.check({ question: 'Where to?', ...input })).toEqual({ ok: false, message: expect.stringMatching(message) }),
);
