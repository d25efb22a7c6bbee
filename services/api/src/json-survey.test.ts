import { describe, expect, it } from 'vitest';
import { surveyJson } from './json-survey.ts';

const survey = (text: string) => surveyJson(text, { depth: 3, values: 10 });
const positionOf = (text: string) => {
  const flaw = survey(text);
  return flaw?.kind === 'ambiguous' ? flaw.position : flaw?.kind;
};

describe('a body', () => {
  it.each([
    '{"a":[{"b":1}],"c":"a","d":{"a":1,"b":2}}',
    '[{"a":1},{"a":2}]',
    '{"a":"\\"a\\":1,\\"a\\":2","b":["a","a"],"c":"\\\\"}',
    '{"\\u0061":1,"b":"\\ud83d\\ude00 {[,:"}',
    '[1.5e10,-0,true,false,null,"","x"]',
    ' "{" ',
    '',
  ])('that can be read in one way only has no flaw: %s', (text) => {
    expect(survey(text)).toBeNull();
  });

  it.each([
    ['{"a":1,"a":2}', 7],
    ['{"a":{"b":[{"c":1}]},"a":2}', 'too deep'],
    ['{"b":{"a":1},"a":[],"b":2}', 20],
    ['{"x\\ny":1,"x\\u000ay":2}', 10],
    ['{"\\\\":1,"\\u005c":2}', 8],
    ['["\\ude00\\ud83d"]', 1],
    ['[1e400]', 1],
    ['[[[[]]]]', 'too deep'],
    [`[${'1,'.repeat(10)}1]`, 'too many values'],
    [`[${'"",'.repeat(10)}`, 'too many values'],
  ])('has its flaw found: %s', (text, position) => {
    expect(positionOf(text)).toBe(position);
  });

  it.each(['{"a', '{"a":1,"a', '}}}]]', '"\\', '{,,,}', '{"a"::}', '\\\\"', 'tru', '-', '{"a":1}{"a":2}'])(
    'that is no JSON is gone through: %s',
    (text) => {
      expect(() => survey(text)).not.toThrow();
    },
  );

  it('of a million quotes and backslashes takes no longer than another one', () => {
    for (const text of [`"${'\\'.repeat(2_000_000)}`, `[${'"\\\\",'.repeat(600_000)}`, `{"${'\\"'.repeat(1_000_000)}":1}`])
      expect(surveyJson(text, { depth: 64, values: 1_000_000 })).toBeNull();
  });
});
