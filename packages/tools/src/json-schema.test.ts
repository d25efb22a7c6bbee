import type { Json, JsonObject } from '@countersign/shared';
import { describe, expect, it, vi } from 'vitest';
import { compileSchema, schemaIssues } from './json-schema.ts';

const check = (schema: JsonObject) => compileSchema(schema, { field: 'schema', untrusted: true });
const issues = (schema: JsonObject, value: Json): string[] =>
  check(schema)
    .issues(value, 'data')
    .map(({ path, code, message }) => `${path} ${code}: ${message}`);

describe('the issues of a value', () => {
  it('are none where it fits', () => {
    expect(issues({ type: 'array', items: { type: 'integer' } }, [1, 2])).toEqual([]);
    expect(issues({}, null)).toEqual([]);
  });

  it('come all at once, each at its own path', () => {
    const schema: JsonObject = {
      type: 'object',
      properties: {
        list: { type: 'array', items: { type: 'object', required: ['name'] } },
        '0': { type: 'string' },
        'a/b~c': { const: 1 },
      },
      required: ['missing one'],
      additionalProperties: false,
    };
    expect(issues(schema, { list: [{ name: 1 }, {}], '0': 1, 'a/b~c': 2, more: 1 }).sort()).toEqual([
      'data.list[1].name bad_input: is missing',
      'data.more unknown_field: is not asked for',
      'data["0"] bad_input: must be string',
      'data["a/b~c"] bad_input: must be equal to constant: 1',
      'data["missing one"] bad_input: is missing',
    ]);
  });

  it('name the values that are allowed', () => {
    expect(issues({ enum: ['staging', 'production', 3] }, 'test')).toEqual([
      'data bad_input: must be equal to one of the allowed values: "staging", "production", 3',
    ]);
  });

  it('leave the value as it is', () => {
    const value = {};
    check({ type: 'object', properties: { a: { default: 1 } } }).issues(value, 'data');
    expect(value).toEqual({});
  });
});

describe('a schema', () => {
  it.each<JsonObject>([{ type: 'nosuch' }, { $ref: '#/nowhere' }, { pattern: '(' }, { $async: true }])(
    '%j cannot be used, and the error names where it stands',
    (schema) => {
      expect(() => check(schema)).toThrow(/^schema is not a JSON Schema that can be checked: /);
    },
  );

  it.each([undefined, 'https://json-schema.org/draft/2020-12/schema', 'http://json-schema.org/draft-07/schema#'])(
    'of a dialect that was used before (%s) has nothing compiled but itself',
    ($schema) => {
      const schemaOf = (name: string): JsonObject => ({
        ...($schema !== undefined && { $schema }),
        properties: { [name]: { type: 'string' } },
      });
      check(schemaOf('first'));
      const compiled = vi.spyOn(globalThis, 'Function');
      try {
        expect(check(schemaOf('second')).problem({ second: 1 })).toBe('second: must be string');
        expect(compiled).toHaveBeenCalledTimes(1);
      } finally {
        compiled.mockRestore();
      }
    },
  );

  it('stays by itself: another one may have the same name, and knows nothing of the first', () => {
    const $id = 'https://example.com/one';
    expect(check({ $id, type: 'string' }).problem(1)).toBe('must be string');
    expect(check({ $id, type: 'integer' }).problem(1)).toBeNull();
    expect(() => check({ $ref: $id })).toThrow(/can't resolve reference/);
  });

  it('of a dialect that there is not cannot be used', () => {
    expect(() => check({ $schema: 'https://example.com/mine' })).toThrow(/no schema with key or ref "https:\/\/example.com\/mine"/);
  });

  it('from a plan cannot take forever over a text', () => {
    expect(issues({ pattern: '^(a+)+$' }, `${'a'.repeat(50_000)}!`)).toHaveLength(1);
  });
});

describe('the issues of a schema itself', () => {
  const found = (schema: JsonObject): string[] => schemaIssues(schema, 'schema').map(({ path, message }) => `${path}: ${message}`);

  it('are none where it can be used', () => {
    expect(found({ type: 'object', properties: { a: { type: 'string', default: 'x' } } })).toEqual([]);
    expect(found({ $schema: 'http://json-schema.org/draft-07/schema#', type: 'string' })).toEqual([]);
  });

  it('stand at their places, one for each', () => {
    expect(found({ type: 'object', properties: { a: { type: 'strin' }, b: { minimum: 'x', required: 'y' } } })).toEqual([
      expect.stringMatching(/^schema\.properties\.a\.type: must be equal to one of the allowed values: .*"string"/),
      'schema.properties.b.minimum: must be number',
      'schema.properties.b.required: must be array',
    ]);
  });

  it.each<[JsonObject, RegExp]>([
    [{ properties: { a: { $ref: '#/$defs/nowhere' } } }, /nowhere/],
    [{ properties: { a: { pattern: '(' } } }, /regular expression/i],
    [{ $schema: 'https://nowhere.example/schema' }, /nowhere\.example/],
    [{ $async: true }, /\$async/],
  ])('of %j are of the whole', (schema, message) => {
    expect(schemaIssues(schema, 'schema')).toEqual([{ path: 'schema', code: 'bad_input', message: expect.stringMatching(message) }]);
  });
});
