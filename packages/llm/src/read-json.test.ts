import { describe, expect, test } from 'vitest';
import { readJson } from './read-json.ts';

const CUT_OFF = { kind: 'cut_off' };
const found = (value: object) => ({ kind: 'found', value });
const PLAN = { steps: [{ id: 'a', input: { text: 'x: {y} [z]' } }, { id: 'b' }, { id: 'c' }] };
const PLAN_TEXT = JSON.stringify(PLAN);

describe('JSON is found', () => {
  test.each([
    ['alone', '{"n": 3}'],
    ['after a byte order mark and blank lines', '\ufeff\n\n{"n": 3}\n'],
    ['in a fence within prose', 'Here you are:\n\n```json\n{"n": 3}\n```\nAnything else?'],
    ['in a fence that is never closed', '```json\n{"n": 3}\n'],
    ['in prose with braces', 'The set {1, 2} and {input} have {"n": 3} members, {don\'t they}?'],
    ['after a shorter example', 'Not {"a":1} but {"n": 3   }'],
    ['before a shorter example', '{"n": 3   } rather than {"a":1}'],
    ["after a model's thoughts", '<think>perhaps {"n": 4, "sure": false}?</think>{"n": 3}'],
    ['as the text of a text', JSON.stringify('{"n": 3}')],
    ['in doubled braces', '{{"n": 3}}'],
  ])('%s', (_, text) => {
    expect(readJson(text)).toEqual(found({ n: 3 }));
  });

  test('with braces, fences and quotes inside its strings', () => {
    const value = { text: '```json\n{"n": 3}\n``` } ] \\" \\', steps: [{ a: "it's }" }] };
    expect(readJson(`So:\n${JSON.stringify(value)}\nthat is all`)).toEqual(found(value));
  });
});

describe('nearly JSON is mended', () => {
  test.each([
    ['trailing commas', '{"steps": ["a", "b",], "n": 3,}'],
    ['single quotes', "{'steps': ['a', 'b'], 'n': 3}"],
    ['curly quotes', '{“steps”: [“a”, “b”], “n”: 3}'],
    ['keys without quotes', '{steps: ["a", "b"], n: 3}'],
    ['comments', '{"steps": [ // both\n"a", /* and { */ "b"], "n": 3}'],
    ['a missing comma', '{"steps": ["a" "b"]\n"n": 3}'],
    ['a fence around it', '```\n{"steps": ["a", "b",], "n": 3}\n```'],
    ['prose around it', "The plan: {'steps': ['a', 'b'], 'n': 3}. It's short."],
    ['a line break in a text', '{"steps": ["a", "b"], "n": 3, "text": "one\ntwo"}'],
  ])('with %s', (_, text) => {
    expect(readJson(text)).toMatchObject(found({ steps: ['a', 'b'], n: 3 }));
  });

  test("with Python's literals", () => {
    expect(readJson("{'a': True, 'b': False, 'c': None, 'd': 'None'}")).toEqual(found({ a: true, b: false, c: null, d: 'None' }));
  });
});

describe('what was cut off is never mended', () => {
  const opened = PLAN_TEXT.length;

  test('wherever the cut is, alone, in a fence and in prose', () => {
    for (let length = 1; length < opened; length++) {
      const cut = PLAN_TEXT.slice(0, length);
      expect(readJson(cut), cut).toEqual(CUT_OFF);
      expect(readJson(`Here:\n\`\`\`json\n${cut}`), cut).toEqual(CUT_OFF);
    }
    expect(readJson(PLAN_TEXT)).toEqual(found(PLAN));
  });

  test('also where the fence is closed or prose follows', () => {
    for (let length = 12; length < opened; length++) {
      const cut = PLAN_TEXT.slice(0, length);
      for (const end of ['\n```', '\n\nThis is the plan.']) expect(readJson(cut + end), cut + end).not.toMatchObject({ kind: 'found' });
    }
  });

  test('also where it has other faults that could be mended', () => {
    const loose = "{'steps': [{'id': 'a',}, {'id': 'b', 'n': None}, // last\n{'id': 'c'},],}";
    expect(readJson(loose)).toEqual(found({ steps: [{ id: 'a' }, { id: 'b', n: null }, { id: 'c' }] }));
    for (let length = 3; length < loose.length; length++) {
      expect(readJson(loose.slice(0, length)), loose.slice(0, length)).toEqual(CUT_OFF);
    }
  });

  test('also where a shorter object before it is whole', () => {
    expect(readJson('Like {"steps": [], "note": "an example that is quite long"}: {"steps": [{"id": "a"}')).toEqual(CUT_OFF);
  });
});

describe('what would lose something is not taken', () => {
  test.each([
    ['steps left out with dots', '{"steps": [{"id": "a"}, ...]}'],
    ['steps left out with an ellipsis', '{"steps": [{"id": "a"}, …]}'],
    ['steps left out in a comment', '{"steps": [{"id": "a"} // ... and so on\n]}'],
    ['a bracket too many in the middle', '{"steps": [{"id": "a"}]}, {"id": "b"}]}'],
    ['a brace too many in the middle', '{"a": {"id": "a"}}, "b": {"id": "b"}}'],
    ['brackets that do not match', '{"steps": [{"id": "a"}}, {"id": "b"}]}'],
    ['a brace that is missing in the middle and one too many at the end', '{"steps": [{"id": "a", {"id": "b"}}]}'],
    ['a quote that is not escaped', '{"text": "he said "}" and left", "n": 3}'],
    ['an apostrophe in single quotes', "{'text': 'it's fine', 'n': 3}"],
    ['a list of objects', '[{"id": "a"}, {"id": "b", "longer": true}]'],
    ['a list of objects in prose', 'The steps: [{"id": "a"}, {"id": "b", "longer": true}].'],
    ['the longest that is broken, before a shorter one that is not', '{"steps": [{"id": "a"}, ...]} like {"steps": []}'],
  ])('%s', (_, text) => {
    expect(readJson(text)).toMatchObject({ kind: 'none', problem: expect.any(String) });
  });

  test.each(['', 'Three.', '[1, 2]', '3', '"three"', 'null', 'a set like {1, 2}'])('no object at all: %s', (text) => {
    expect(readJson(text)).toMatchObject({ kind: 'none' });
  });
});

describe('a text of a megabyte', () => {
  const MEGABYTE = 1_000_000;
  const long = (piece: string): string => piece.repeat(Math.ceil(MEGABYTE / piece.length));

  // Each of these takes minutes where time grows with the square of the length, and the test ends after one.
  test.each([
    ['of an open brace', long('{')],
    ['of open braces with a key', long('{"a":')],
    ['of open brackets', long('[')],
    ['of objects', long('{"a":1} ')],
    ['of braces and blanks', long('{          ')],
    ['of quotes', `{"a": "${long('"')}`],
    ['of slashes', `{"a": ${long('/')}`],
    ['of closing brackets', `{"a": 1${long(']')}`],
    ['of thoughts', `<think>${long('<think>')}`],
    ['of trailing commas', `{"a": [${long('[1,],')}]}`],
    ['of quotes in quotes', `{"a": ["${long('[x"] ')}"]}`],
    ['of strings that go on', `{"a": [${long('"x" y, ')}]}`],
  ])('%s is read soon', (_, text) => {
    expect(readJson(text)).toMatchObject({ kind: expect.stringMatching(/^(found|none|cut_off)$/) });
  });

  test('of JSON in prose is found', () => {
    const value = { items: Array.from({ length: 50_000 }, (__, index) => ({ id: `item-${index}` })) };
    expect(readJson(`Here: ${JSON.stringify(value)} is all`)).toEqual(found(value));
  });
});
