import { describe, expect, test } from 'vitest';
import type { Json } from './json.ts';
import { resolveReferences } from './references.ts';
import { secretName, secretNames, secretPlaces, secretsByStep, signedInput, withMarkers, withSecrets } from './secrets.ts';

const marker = (name: string) => ({ $secret: name });

test.each([marker('A'), marker('GITHUB_TOKEN_2'), marker(`A${'B'.repeat(63)}`)])('%j is a marker', (value) => {
  expect(secretName(value)).toBe(value.$secret);
});

test.each<[unknown]>([
  [{ $secret: 1 }],
  [{ $secret: 'a' }],
  [{ $secret: '_A' }],
  [{ $secret: '' }],
  [{ $secret: 'A-B' }],
  [{ $secret: 'A\n' }],
  [{ $secret: `A${'B'.repeat(64)}` }],
  [{ $secret: 'A', more: 1 }],
  [{}],
  ['A'],
  [null],
  [[marker('A')]],
  [Object.create(marker('A'))],
])('%j is no marker', (value) => expect(secretName(value)).toBeNull());

describe('the places of signed markers', () => {
  const planInput: Json = {
    token: marker('TOKEN'),
    auth: { user: 'ada', keys: [marker('KEY'), 'x'] },
    written: '{"$secret": "TEXT"}',
    again: '{{input.token}}',
    __proto__x: marker('ODD'),
  };
  const places = (input: Json): string[] =>
    secretPlaces(input, signedInput(planInput)).map(({ path, name }) => `${path.join('.')} ${name}`);

  test.each<[string, Json, string[]]>([
    ['written at any depth', { a: marker('A'), b: [{ c: marker('B') }, marker('A')] }, ['a A', 'b.0.c B', 'b.1 A']],
    ['behind a lone placeholder of the input', { a: '{{input.token}}', b: ['{{ input["token"] }}'] }, ['a TOKEN', 'b.0 TOKEN']],
    ['inside an object that one brings', { a: '{{input.auth}}' }, ['a.keys.0 KEY']],
    ['inside a list that one brings', { a: '{{input.auth.keys}}' }, ['a.0 KEY']],
    ['not in a longer text', { a: 'Bearer {{input.token}}', b: ' {{input.token}}' }, []],
    ['not behind two braces that are text', { a: '\\{{input.token}}' }, []],
    ['not in a text that looks like one', { a: '{{input.written}}', b: '{"$secret": "A"}' }, []],
    ['not behind what the input itself refers to', { a: '{{input.again}}' }, []],
    ['not below a marker', { a: '{{input.token.$secret}}' }, []],
    [
      'not out of what steps give',
      { a: '{{s.output}}', b: '{{item}}', c: '{{s.approval.data}}', d: '{{s.error}}', e: '{{task.objective}}' },
      [],
    ],
  ])('%s', (_, input, expected) => expect(places(input)).toEqual(expected));

  test('names are told once, in order', () => {
    expect(secretNames({ a: marker('B'), b: marker('A'), c: [marker('B')] })).toEqual(['A', 'B']);
    const input = { token: '{{input.token}}' };
    const steps = [
      { id: 'send', tool: 'http.request', input },
      { id: 'ask', tool: 'llm.generate', input },
      { id: 'list', tool: 'fs.list', input: {} },
    ];
    expect([...secretsByStep({ steps, input: planInput })]).toEqual([['send', ['TOKEN']]]);
  });

  test('ten thousand steps that refer to a large input search it once', () => {
    const large = { token: marker('TOKEN'), rows: Array.from({ length: 50_000 }, (_, at) => ({ at })) };
    const steps = Array.from({ length: 10_000 }, (_, at) => ({ id: `s${at}`, tool: 'any', input: { all: '{{input}}' } }));
    expect(secretsByStep({ steps, input: large }).size).toBe(10_000);
  });
});

describe('an input with its secrets', () => {
  const signed = signedInput({ auth: { key: marker('KEY') } });
  const written: Json = { own: marker('OWN'), auth: '{{input.auth}}', given: '{{s.output}}' };
  const scope = {
    input: { auth: { key: marker('KEY') } },
    task: { id: null, objective: '' },
    steps: new Map([['s', { output: { stolen: marker('STOLEN'), own: marker('OWN') } as Json }]]),
  };

  test('has values in the signed places, and markers that came from elsewhere as data', () => {
    const resolved = resolveReferences(written, scope);
    const filled = withSecrets(resolved, secretPlaces(written, signed), (name) => `value of ${name}`);
    expect(filled).toEqual({
      own: 'value of OWN',
      auth: { key: 'value of KEY' },
      given: { stolen: marker('STOLEN'), own: marker('OWN') },
    });
    expect(scope.input).toEqual({ auth: { key: marker('KEY') } });
    expect(withMarkers(filled, secretPlaces(written, signed))).toEqual(resolved);
  });

  test('is refused where a place holds another value', () => {
    const places = secretPlaces(written, signed);
    expect(() => withSecrets({ own: marker('OTHER'), auth: { key: marker('KEY') } }, places, () => 'x')).toThrow('OWN is not in its place');
    expect(() => withSecrets({ own: marker('OWN'), auth: null }, places, () => 'x')).toThrow('there is no "key"');
  });

  test('has them in each place of a value that is referred to twice', () => {
    const twice: Json = { a: '{{input.auth}}', b: ['{{input.auth}}', '{{input.auth.key}}'] };
    const filled = withSecrets(resolveReferences(twice, scope), secretPlaces(twice, signed), () => 'x');
    expect(filled).toEqual({ a: { key: 'x' }, b: [{ key: 'x' }, 'x'] });
  });

  test('keeps odd keys', () => {
    const odd = JSON.parse('{"__proto__": {"$secret": "A"}, "constructor": 1}') as Json;
    expect(JSON.stringify(withSecrets(odd, secretPlaces(odd), () => 'x'))).toBe('{"__proto__":"x","constructor":1}');
  });
});
