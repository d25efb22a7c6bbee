import { describe, expect, test } from 'vitest';
import { content, context, contract, issues, messages, steps } from '../test/validating.ts';
import type { JsonObject } from './json.ts';

const a = { id: 'a', tool: 'any' };
const gate = { ...a, approval: {} };

test.each([
  ['{{a.output.x}}', true],
  ['{{a.output}}', true],
  ['{{a.status}}', true],
  ['{{a.error.code}}', true],
  ['{{a.approval.data.x}}', true],
  ['{{input.anything}}', true],
  ['{{input}}', true],
  ['{{task.id}}{{task.objective}}', true],
  ['\\{{nope}} and {{unclosed', true],
  ['{{a}}', false],
  ['{{a.status.x}}', false],
  ['{{a.error.stack}}', false],
  ['{{a.error.code.x}}', false],
  ['{{a.approval}}', false],
  ['{{a.approval.votes}}', false],
  ['{{a.result}}', false],
  ['{{nobody.output}}', false],
  ['{{task.owner}}', false],
  ['{{task.id.x}}', false],
  ['{{task}}', false],
  ['{{item}}', false],
  ['{{index}}', false],
  ['{{}}', false],
])('reference %s: %s', (text, valid) => {
  expect(issues(steps(gate, { id: 'b', tool: 'any', input: { deep: [{ x: text }] } }))).toEqual(
    valid ? [] : ['steps[1].input.deep[0].x unknown_reference'],
  );
});

describe('a reference counts wherever it stands', () => {
  test.each([
    [{ input: { x: '{{nope.output}}' } }, 'input.x'],
    [{ when: `{{nope.output}} == 1` }, 'when'],
    [{ forEach: '{{nope.output}}' }, 'forEach'],
    [{ forEach: [1, { x: '{{nope.output}}' }] }, 'forEach[1].x'],
    [{ approval: { message: 'Send {{nope.output}}?' } }, 'approval.message'],
    [{ tool: 'condition', input: { expression: '{{nope.output}} == 1' } }, 'input.expression'],
    [{ tool: 'human.input', input: { question: '{{nope.output}}?' } }, 'input.question'],
  ])('%j', (fields, path) => {
    expect(issues(steps({ id: 's', tool: 'any', ...fields }))).toEqual([`steps[0].${path} unknown_reference`]);
  });

  test('each adds its dependency, in this order, behind those that are written', () => {
    const others = ['by-hand', 'in-input', 'in-when', 'in-list', 'in-message'].map((id) => ({ id, tool: 'any' }));
    const step = {
      id: 's',
      tool: 'any',
      dependsOn: ['by-hand'],
      approval: { message: '{{in-message.output}} {{in-when.output}}' },
      forEach: '{{in-list.output}}',
      when: '{{in-when.output}} == 1',
      input: { x: '{{in-input.output}}' },
    };
    expect(content(steps(...others, step)).steps.at(-1)?.dependsOn).toEqual(others.map(({ id }) => id));
  });

  test('and may close a cycle', () => {
    const waiting = { id: 'b', tool: 'any', dependsOn: ['a'] };
    for (const fields of [{ when: '{{b.output}} == 1' }, { forEach: '{{b.output}}' }, { approval: { message: '{{b.output}}' } }]) {
      expect(messages(steps({ ...a, ...fields }, waiting))).toEqual(['these steps wait for each other: a -> b -> a']);
    }
  });

  test('one that cannot be read is an issue where it stands', () => {
    expect(issues(steps({ ...a, forEach: '{{b..c}}', approval: { message: '{{}}' } }))).toEqual([
      'steps[0].forEach unknown_reference',
      'steps[0].approval.message unknown_reference',
    ]);
  });
});

describe('a step of itself', () => {
  test('reads the data of its gate, and does not wait for itself', () => {
    expect(content(steps({ ...gate, input: { x: '{{a.approval.data.ok}}' } })).steps[0]?.dependsOn).toEqual([]);
    expect(issues(steps({ ...gate, forEach: '{{a.approval.data}}' }))).toEqual([]);
    expect(issues(steps({ ...gate, tool: 'condition', input: { expression: '{{a.approval.data.ok}}' } }))).toEqual([]);
  });

  test.each([
    [{ ...a, input: { x: '{{a.approval.data}}' } }, 'steps[0].input.x unknown_reference'],
    [{ ...gate, when: '{{a.approval.data.ok}}' }, 'steps[0].when unknown_reference'],
    [{ ...a, approval: { message: '{{a.approval.data}}' } }, 'steps[0].approval.message unknown_reference'],
    [{ id: 'a', tool: 'human.input', input: { question: '{{a.approval.data}}' } }, 'steps[0].input.question unknown_reference'],
    [{ ...gate, input: { x: '{{a.output}}' } }, 'steps[0].input.x cycle'],
    [{ ...gate, input: { x: '{{a.status}}' } }, 'steps[0].input.x cycle'],
    [{ ...a, when: '{{a.error.code}} == 1' }, 'steps[0].when cycle'],
  ])('%#: nothing else', (step, issue) => expect(issues(steps(step))).toEqual([issue]));
});

test('only a gate has data of an approval', () => {
  const reader = { id: 'b', tool: 'any', input: { x: '{{a.approval.data}}' } };
  expect(messages(steps(a, reader))).toEqual(['{{a.approval.data}}: `a` is no gate, so nobody gives it data; give it an `approval`']);
  expect(issues(steps({ id: 'a', tool: 'human.input', input: { question: 'Which?' } }, reader))).toEqual([]);
});

describe('item and index', () => {
  const each = { ...a, forEach: [1, 2] };
  test.each([
    [{ ...each, input: { x: '{{item.name}} {{index}}' } }, []],
    [{ ...each, tool: 'condition', input: { expression: '{{item}} > {{index}}' } }, []],
    [{ ...each, input: { x: '{{index.x}}' } }, ['steps[0].input.x unknown_reference']],
    [{ ...each, when: '{{item}} == 1' }, ['steps[0].when unknown_reference']],
    [{ ...each, approval: { message: '{{item}}' } }, ['steps[0].approval.message unknown_reference']],
    [{ ...a, forEach: ['{{index}}'] }, ['steps[0].forEach[0] unknown_reference']],
    [{ ...a, forEach: null, input: { x: '{{item}}' } }, ['steps[0].input.x unknown_reference']],
  ])('%#: have a meaning in the input of a step with forEach, and nowhere else', (step, expected) =>
    expect(issues(steps(step))).toEqual(expected),
  );
});

describe('a path that an output can never have', () => {
  const closed = {
    type: 'object',
    additionalProperties: false,
    properties: {
      files: { type: 'array', items: { type: 'object', properties: { path: { type: 'string' } }, additionalProperties: false } },
      total: { type: 'integer' },
      'any key': { type: ['string', 'null'] },
      maybe: { type: ['object', 'null'], properties: { x: { type: 'boolean' } }, additionalProperties: false },
      counts: { type: 'object', additionalProperties: { type: 'number' } },
      matched: { type: 'object', properties: {}, patternProperties: { '^x': {} }, additionalProperties: false },
      pair: { type: 'array', prefixItems: [{ type: 'string' }], items: { type: 'object' } },
      named: { type: 'object', properties: { x: {} } },
      open: { type: 'object' },
      body: {},
      either: { anyOf: [{ type: 'string' }, { type: 'number' }] },
      shared: { $ref: '#/$defs/shared', type: 'string' },
      nothing: { type: 'null' },
      empty: { type: 'object', additionalProperties: false },
    },
  };
  const found = (reference: string, outputSchema: JsonObject = closed, fields: object = {}): string[] =>
    messages(steps({ id: 'list', tool: 'any', ...fields }, { id: 'b', tool: 'any', input: { x: `{{${reference}}}` } }), {
      tools: new Map([...context.tools, ['any', contract('any', {}, { outputSchema })]]),
    });

  test.each([
    'list.output',
    'list.output.files[0].path',
    'list.output.files.0.path',
    'list.output["any key"]',
    'list.output.maybe.x',
    'list.output.counts.anything',
    'list.output.counts.404',
    'list.output.matched.xyz',
    'list.output.pair[1].x',
    'list.output.named.y',
    'list.output.open.x.y',
    'list.output.open[0]',
    'list.output.body[0].x',
    'list.output.either.x',
    'list.output.shared.x',
  ])('%s is possible', (reference) => expect(found(reference)).toEqual([]));

  test.each([
    ['list.output.fils', '`list.output` has no `fils`; it has `files`, `total`'],
    ['list.output[0]', '`list.output` has no `0`'],
    ['list.output.files.path', '`list.output.files` is a list: read an element by its number, like [0]'],
    ['list.output.files.length', 'is a list'],
    ['list.output.files[0].size', '`list.output.files[0]` has no `size`; it has `path`'],
    ['list.output.files[0].path.x', '`list.output.files[0].path` is text'],
    ['list.output.total.x', '`list.output.total` is a number'],
    ['list.output["any key"][0]', '`list.output["any key"]` is text'],
    ['list.output.maybe.y', '`list.output.maybe` has no `y`'],
    ['list.output.counts.x.y', '`list.output.counts.x` is a number'],
    ['list.output.pair[0].x', '`list.output.pair[0]` is text'],
    ['list.output.named[0]', '`list.output.named` is an object, read by name: it has `x`'],
    ['list.output.nothing.x', '`list.output.nothing` is null'],
    ['list.output.empty.x', 'it has no members'],
  ])('%s is not', (reference, message) => expect(found(reference)).toEqual([expect.stringContaining(message)]));

  test('a step with forEach gives a list of such outputs', () => {
    const each = { forEach: [1] };
    expect(found('list.output[0].total', closed, each)).toEqual([]);
    expect(found('list.output.total', closed, each)).toEqual([expect.stringContaining('`list.output` is a list')]);
    expect(found('list.output[0].nope', closed, each)).toEqual([expect.stringContaining('`list.output[0]` has no `nope`')]);
  });

  test('a condition gives a boolean, and a question what its schema says', () => {
    const condition = { id: 'c', tool: 'condition', input: { expression: 'true' } };
    const question = (schema?: unknown) => ({
      id: 'c',
      tool: 'human.input',
      input: { question: 'Which?', ...(schema !== undefined && { schema }) },
    });
    const reader = { id: 'b', tool: 'any', input: { x: '{{c.output.name}}' } };
    expect(messages(steps(condition, reader))).toEqual([expect.stringContaining('`c.output` is a boolean')]);
    expect(messages(steps(question({ type: 'string' }), reader))).toEqual([expect.stringContaining('`c.output` is text')]);
    expect(messages(steps(question({ type: 'object' }), reader))).toEqual([]);
    expect(messages(steps(question(), reader))).toEqual([]);
  });
});

describe('where the schema of the input is known', () => {
  const inputSchema: JsonObject = {
    type: 'object',
    properties: { root: { type: 'string' }, files: { type: 'array', items: { type: 'object', additionalProperties: true } } },
    additionalProperties: false,
  };

  test.each([
    ['{{input}}', true],
    ['{{input.root}}', true],
    ['{{input.files[0].path}}', true],
    ['{{input.rot}}', false],
    ['{{input.root.x}}', false],
    ['{{input.files.path}}', false],
  ])('%s: %s', (text, valid) => {
    expect(issues(steps({ ...a, input: { x: text } }), { inputSchema })).toEqual(valid ? [] : ['steps[0].input.x unknown_reference']);
  });

  test('the message names what there is', () => {
    expect(messages(steps({ ...a, when: '{{input.rot}} == 1' }), { inputSchema })).toEqual([
      '{{input.rot}}: `input` has no `rot`; it has `root`, `files`',
    ]);
  });

  test('an open schema lets every name through', () => {
    expect(issues(steps({ ...a, input: { x: '{{input.any}}' } }), { inputSchema: { ...inputSchema, additionalProperties: true } })).toEqual(
      [],
    );
  });
});
