import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { toolContractSchema, validatePlan } from '@countersign/shared';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { reviewContext, runTool } from '../test/run-tool.ts';
import { loadTools, type Toolbox } from './load-tools.ts';
import type { Tool } from './tool.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tools-'));
  await mkdir(join(folder, 'workspace'));
  await mkdir(join(folder, 'tools'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function loadAll(modules: Record<string, string>): Promise<Toolbox> {
  for (const [name, text] of Object.entries(modules)) {
    await mkdir(dirname(join(folder, 'tools', name)), { recursive: true });
    await writeFile(join(folder, 'tools', name), text);
  }
  return loadTools({ workspaceRoot: join(folder, 'workspace'), toolsDir: join(folder, 'tools') });
}
const load = async (modules: Record<string, string> = {}): Promise<ReadonlyMap<string, Tool>> => (await loadAll(modules)).tools;
async function tool(name: string, modules: Record<string, string>): Promise<Tool> {
  const found = (await load(modules)).get(name);
  if (found === undefined) throw new Error(`no tool ${name}`);
  return found;
}

const PLAIN = (name: string, more = '') =>
  `{ name: '${name}', description: 'says hello', risk: 'read',
     inputSchema: { type: 'object', properties: { who: { type: 'string' }, times: { type: 'integer', default: 2 } }, required: ['who'], additionalProperties: false },
     run: ({ who, times }, ctx) => ({ text: 'hello ' + who + ' x' + times, key: ctx.idempotencyKey }), ${more} }`;

describe('the built-in tools', () => {
  test('are there without a tools folder', async () => {
    const { tools, conditions } = await loadTools({ workspaceRoot: join(folder, 'workspace') });
    expect(conditions.size).toBe(0);
    expect([...tools.keys()].sort()).toEqual([
      'condition',
      'data.query',
      'fs.list',
      'fs.read',
      'fs.search',
      'fs.stats',
      'fs.write',
      'http.request',
      'human.input',
      'template.render',
      'wait',
    ]);
  });

  test('each have a contract that can be published, and say in people’s words what they are for', async () => {
    for (const [name, { contract }] of await load()) {
      expect(toolContractSchema.parse(JSON.parse(JSON.stringify(contract)))).toEqual(contract);
      expect(contract.inputSchema, name).toMatchObject({ type: 'object', additionalProperties: false });
      expect(contract.examples.length, name).toBeGreaterThanOrEqual(3);
      expect(contract.timeoutMs, name).toBeGreaterThan(0);
    }
  });

  test('accept every example that they give, as a step of a plan', async () => {
    const tools = await load();
    const contracts = new Map([...tools].map(([name, { contract }]) => [name, contract]));
    for (const [name, { contract }] of tools) {
      for (const { text, input } of contract.examples) {
        const sources = ['list', 'count', 'report'].map((id) => ({ id, tool: 'data.query', input: { query: '$', data: 0 } }));
        const plan = { objective: text, steps: [...sources, { id: 'step', tool: name, input }] };
        expect(validatePlan(plan, { tools: contracts }).issues, `${name}: ${text}`).toEqual([]);
      }
    }
  });

  test('need a workspace that is a folder', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(loadTools({ workspaceRoot: join(folder, 'file') })).rejects.toThrow('is not a folder');
    await expect(loadTools({ workspaceRoot: join(folder, 'gone') })).rejects.toThrow('gone');
  });

  test('refuse an allowed network that cannot be read', async () => {
    await expect(loadTools({ workspaceRoot: folder, allowPrivateNetworks: ['10.0.0.0/40'] })).rejects.toThrow(
      '"10.0.0.0/40" is not a network',
    );
  });
});

describe('a module in the tools folder', () => {
  test('exports a plain object by default or by name', async () => {
    const tools = await load({
      'one.mjs': `export default ${PLAIN('hello.one')}; export const two = ${PLAIN('hello.two')};`,
      'three.mjs': `const three = ${PLAIN('hello.three')}; export { three };`,
      'notes.txt': 'not a module',
    });
    expect([...tools.keys()]).toEqual(expect.arrayContaining(['hello.one', 'hello.two', 'hello.three']));
  });

  test('may be a CommonJS module', async () => {
    const tools = await load({
      'package.json': '{"type": "commonjs"}',
      'main.js': `module.exports = ${PLAIN('cjs.main')};`,
      'named.js': `exports.first = ${PLAIN('cjs.first')}; exports.second = ${PLAIN('cjs.second')};`,
    });
    expect([...tools.keys()]).toEqual(expect.arrayContaining(['cjs.main', 'cjs.first', 'cjs.second']));
  });

  test('imports what lies beside it and sees the environment', async () => {
    const loaded = await tool('env', {
      'env.mjs': `import { name } from './lib/name.mjs'; export default { ...${PLAIN('x')}, name, run: () => process.env.PATH === undefined };`,
      'lib/name.mjs': `export const name = 'env';`,
    });
    expect(await runTool(loaded, { who: 'x' })).toBe(false);
  });

  test('holds a tool whose input is checked, with defaults filled in, and which gets its context', async () => {
    const hello = await tool('hello', { 'hello.mjs': `export default ${PLAIN('hello', 'timeoutMs: 5, retry: { maxAttempts: 3 }')}` });
    expect(hello.contract).toMatchObject({
      timeoutMs: 5,
      retry: { maxAttempts: 3, backoff: 'exponential' },
      queue: null,
      outputSchema: null,
    });
    expect(await runTool(hello, { who: 'Ann' })).toEqual({ text: 'hello Ann x2', key: 'pln_1.step.1' });
    expect(hello.check({ who: 7 })).toEqual({ ok: false, message: 'who: must be string' });
    expect(hello.check({ extra: 1 })).toMatchObject({ ok: false, message: expect.stringMatching(/required property 'who'.*"extra"/) });
    const input = { who: 'Ann' };
    hello.check(input);
    expect(input).toEqual({ who: 'Ann' });
  });

  test('may use an older dialect of JSON Schema, and formats', async () => {
    const schema = `{ $schema: 'http://json-schema.org/draft-07/schema#', type: 'object', properties: { mail: { type: 'string', format: 'email' } } }`;
    const old = await tool('old', { 'old.mjs': `export default { ...${PLAIN('old')}, inputSchema: ${schema} }` });
    expect(old.check({ mail: 'a@example.com' })).toMatchObject({ ok: true });
    expect(old.check({ mail: 1 })).toMatchObject({ ok: false });
  });

  test('holds a tool whose output is held to its schema', async () => {
    const more = `outputSchema: { type: 'object', properties: { text: { type: 'number' } } }`;
    const hello = await tool('hello', { 'hello.mjs': `export default ${PLAIN('hello', more)}` });
    await expect(runTool(hello, { who: 'Ann' })).rejects.toMatchObject({
      code: 'tool_error',
      retryable: false,
      message: expect.stringContaining('text: must be number'),
    });
  });

  test('may say what a call will do, try it dry, and that it is idempotent', async () => {
    const more = `idempotent: true, risk: 'write',
      effects({ who }) { return this.name + ' greets ' + who; },
      async dryRun({ who, times }, ctx) { return { would: who.repeat(times), step: ctx.stepId, at: undefined }; }`;
    const hello = await tool('hello', { 'hello.mjs': `export default ${PLAIN('hello', more)}` });
    expect(hello.contract).toMatchObject({ risk: 'write', idempotent: true });
    expect(await hello.effects?.({ who: '{{ask.output}}' }, reviewContext())).toBe('hello greets {{ask.output}}');
    const checked = hello.check({ who: 'Ann' });
    expect(checked.ok && (await hello.dryRun?.(checked.value, reviewContext()))).toEqual({ would: 'AnnAnn', step: 'step' });
  });

  test('is idempotent where it only reads and says nothing else, and has neither words nor dry run unless it brings them', async () => {
    const tools = await load({
      'two.mjs': `export const reads = ${PLAIN('reads')}; export const writes = { ...${PLAIN('writes')}, risk: 'write' };`,
    });
    expect([tools.get('reads'), tools.get('writes')].map((each) => each?.contract.idempotent)).toEqual([true, false]);
    expect(tools.get('reads')).not.toHaveProperty('effects');
    expect(tools.get('reads')).not.toHaveProperty('dryRun');
  });

  test('whose words fail lets them fail, and its dry run gives only JSON', async () => {
    const more = `effects: () => { throw new Error('no words'); }, dryRun: () => 10n`;
    const hello = await tool('hello', { 'hello.mjs': `export default ${PLAIN('hello', more)}` });
    await expect(hello.effects?.({}, reviewContext())).rejects.toThrow('no words');
    await expect(hello.dryRun?.({}, reviewContext())).rejects.toMatchObject({ code: 'tool_error', retryable: false });
  });

  test('may be made with defineTool', async () => {
    const source = new URL('./define-tool.ts', import.meta.url).href;
    const zod = import.meta.resolve('zod');
    const made = await tool('made', {
      'made.mjs': `import { defineTool } from '${source}'; import { z } from '${zod}';
        export const made = defineTool({ name: 'made', description: 'd', risk: 'write', input: z.strictObject({ n: z.number() }), run: ({ n }) => n * 2 });`,
    });
    expect(await runTool(made, { n: 21 })).toBe(42);
  });
});

const CONDITION = (name: string, body = 'true') => `{ name: '${name}', description: 'holds', evaluate: (scope) => ${body} }`;

describe('a condition in the tools folder', () => {
  const scope = { input: { amount: 3 }, task: { id: null, objective: '' }, steps: new Map([['list', { output: [1] }]]) };
  const holds = async (body: string) => {
    // A module is imported once: each has a name of its own.
    const file = `${encodeURIComponent(body)}.mjs`;
    const { conditions } = await loadAll({ [file]: `export const c = ${CONDITION('c', body)}` });
    await rm(join(folder, 'tools', file));
    return conditions.get('c')?.(scope);
  };

  test('stands beside tools, by default or by name, as CommonJS too, or is made with defineCondition', async () => {
    const source = new URL('./define-condition.ts', import.meta.url).href;
    const { tools, conditions } = await loadAll({
      'both.mjs': `export const tool = ${PLAIN('greet')}; export const always = ${CONDITION('always')};`,
      'common.js': `module.exports = ${CONDITION('common')};`,
      'made.mjs': `import { defineCondition } from '${source}'; export default defineCondition(${CONDITION('made')});`,
      'package.json': '{"type": "commonjs"}',
      'same.mjs': `export const greet = ${CONDITION('greet')};`,
    });
    expect([...conditions.keys()]).toEqual(['always', 'common', 'made', 'greet']);
    expect(tools.has('greet')).toBe(true);
  });

  test('sees the input, the task and the steps, and can change none of them', async () => {
    expect(await holds('scope.input.amount > 2 && scope.steps.get("list").output.length === 1')).toBe(true);
    expect(await holds('scope.task.id !== null')).toBe(false);
    expect(await holds('(scope.input.amount = 9) && scope.steps.clear() === undefined')).toBe(true);
    expect(scope).toMatchObject({ input: { amount: 3 }, steps: new Map([['list', {}]]) });
  });

  test.each([
    ['is asynchronous', '(async () => true)()', '`c` returned a promise'],
    ['is asynchronous and fails', 'Promise.reject(new Error("late"))', '`c` returned a promise'],
    ['gives something else', '1', '`c` must return true or false, it returned a number'],
    ['throws', 'scope.input.owner.name === ""', '`c` threw: Cannot read'],
  ])('that %s cannot be decided', async (_what, body, message) => {
    await expect(holds(body)).rejects.toMatchObject({ code: 'bad_condition', retryable: false, message: expect.stringContaining(message) });
  });
});

describe('a wrong module stops the start, naming file and export', () => {
  test.each([
    ['a syntax error', 'export default {', /bad\.mjs can't be loaded/],
    ['one that throws', `throw new Error('no key set')`, /bad\.mjs can't be loaded: no key set/],
    ['a missing import', `import './gone.mjs'`, /bad\.mjs can't be loaded.*gone\.mjs/],
    ['no export', 'const x = 1', /bad\.mjs exports nothing.*subfolder/],
    ['an export that is no tool', `export const version = '1.0'`, /bad\.mjs, export "version": must be a tool.*not a string/],
    ['a list', `export default []`, /bad\.mjs, export "default": must be a tool.*not a list/],
    ['missing fields', `export const x = { name: 'x' }`, /export "x": description.*risk.*inputSchema.*run/],
    ['an unknown field', `export const x = ${PLAIN('x', 'colour: 1')}`, /export "x": .*colour/],
    ['a bad name', `export const x = ${PLAIN('two words')}`, /export "x": the tool "two words" is wrong: name/],
    ['a bad risk', `export const x = { ...${PLAIN('x')}, risk: 'none' }`, /export "x": .*risk/],
    [
      'a bad schema',
      `export const x = { ...${PLAIN('x')}, inputSchema: { type: 'thing' } }`,
      /export "x": inputSchema is not a JSON Schema/,
    ],
    ['words that are no function', `export const x = ${PLAIN('x', "effects: 'writes'")}`, /export "x": effects: must be a function/],
    ['a dry run that is no function', `export const x = ${PLAIN('x', 'dryRun: {}')}`, /export "x": dryRun: must be a function/],
    ['a bad idempotent', `export const x = ${PLAIN('x', "idempotent: 'yes'")}`, /export "x": idempotent/],
    ['no function', `export const x = { ...${PLAIN('x')}, run: 1 }`, /export "x": run: must be a function/],
    ['a built-in name', `export default ${PLAIN('fs.read')}`, /export "default": the name `fs\.read` is taken by a built-in tool/],
    ['a queue that no executor can serve', `export const x = ${PLAIN('x', "queue: 'Mail room'")}`, /export "x": .*queue/],
    ['a queue of our own', `export const x = ${PLAIN('x', "queue: 'planning'")}`, /export "x": .*queue/],
    ['a condition without a function', `export const c = { name: 'c', description: 'd', evaluate: 1 }`, /export "c": .*evaluate: must be/],
    ['a condition with more fields', `export const c = { ...${CONDITION('c')}, colour: 1 }`, /export "c": .*colour/],
    ['a condition with a dot', `export const c = ${CONDITION('is.urgent')}`, /export "c": .*name: must be letters/],
    ['a condition named like a word', `export const c = ${CONDITION('contains')}`, /export "c": .*name: must not be one of/],
    [
      'a condition twice',
      `export const a = ${CONDITION('c')}; export const b = ${CONDITION('c')}`,
      /export "b": the name `c` is taken by .*bad\.mjs, export "a"/,
    ],
    ['what is a tool and a condition', `export const x = ${PLAIN('x', 'evaluate: () => true')}`, /export "x": .*evaluate/],
    [
      'a name twice',
      `export const a = ${PLAIN('x')}; export const b = ${PLAIN('x')}`,
      /export "b": the name `x` is taken by .*bad\.mjs, export "a"/,
    ],
  ])('%s', async (_what, text, message) => {
    await expect(load({ 'bad.mjs': text })).rejects.toThrow(message);
  });

  test('a folder that is not there', async () => {
    await expect(loadTools({ workspaceRoot: folder, toolsDir: join(folder, 'gone') })).rejects.toThrow(/tools folder .*gone can't be read/);
  });
});
