import { describe, expect, it } from 'vitest';
import type { RevisionContent } from './api.ts';
import { digestOf, type Json, type JsonObject } from './json.ts';
import { type PlanContent, planOptionsSchema, type Step } from './plan.ts';
import { diffRevisions } from './plan-diff.ts';
import { planDiffSchema } from './resources.ts';
import { retryPolicySchema } from './retry.ts';
import type { SignedToolContract } from './tool-contract.ts';

const step = (id: string, fields: Partial<Step> = {}): Step => ({
  id,
  tool: 'test.read',
  description: '',
  input: {},
  dependsOn: [],
  when: null,
  runIf: 'none_failed_min_one_success',
  retry: retryPolicySchema.parse({}),
  timeoutMs: 30_000,
  onError: 'stop',
  approval: null,
  forEach: null,
  maxItems: null,
  ifTrue: [],
  ifFalse: [],
  ...fields,
});

const contract = (name: string, fields: Partial<SignedToolContract> = {}): SignedToolContract => ({
  name,
  description: 'Reads.',
  risk: 'read',
  idempotent: true,
  inputSchema: { type: 'object' },
  outputSchema: null,
  timeoutMs: null,
  retry: null,
  queue: null,
  ...fields,
});

const content = (fields: Partial<PlanContent> = {}): PlanContent => ({
  objective: 'Copy a text',
  description: 'why',
  input: { root: '.', limits: { files: 3 } },
  steps: [step('a'), step('b', { dependsOn: ['a'] }), step('c', { dependsOn: ['a', 'b'] })],
  options: planOptionsSchema.parse({}),
  tools: { 'test.read': contract('test.read') },
  ...fields,
});

let revisions = 0;
async function revision(of: PlanContent): Promise<RevisionContent> {
  revisions++;
  const at = '2026-01-01T00:00:00.000Z';
  return {
    revision: revisions,
    digest: await digestOf(of),
    origin: 'manual',
    promptVersion: null,
    createdAt: at,
    createdBy: 'alice',
    content: of,
  };
}
const diff = async (before: Partial<PlanContent>, after: Partial<PlanContent>) =>
  diffRevisions(await revision(content(before)), await revision(content(after)));
const stepsWith = (id: string, fields: Partial<Step>): Step[] =>
  content().steps.map((each) => (each.id === id ? { ...each, ...fields } : each));

describe('what changed', () => {
  it('is nothing where the content is the same, however its members are ordered', async () => {
    const { changes, text } = await diff({}, { input: { limits: { files: 3 }, root: '.' } });
    expect(changes).toEqual([]);
    expect(text).toMatch(/^revision \d+ \(sha256:[0-9a-f]{12}\) -> revision \d+ \(sha256:[0-9a-f]{12}\)\nno changes\n$/);
  });

  it('in a step is told field by field, objects member by member', async () => {
    const input = { url: 'http://a', deep: { kept: 1, changed: [1, 2] }, gone: true };
    const now = { url: 'http://b', deep: { kept: 1, changed: [1, 3] }, 'a key': null };
    const retry = { ...retryPolicySchema.parse({}), maxAttempts: 3 };
    const { changes } = await diff({ steps: stepsWith('b', { input }) }, { steps: stepsWith('b', { input: now, retry, when: '1 == 1' }) });
    expect(changes).toEqual([
      {
        kind: 'changed',
        stepId: 'b',
        fields: [
          { path: 'input.url', from: 'http://a', to: 'http://b' },
          { path: 'input.deep.changed', from: [1, 2], to: [1, 3] },
          { path: 'input.gone', from: true, to: null },
          { path: 'input["a key"]', from: null, to: null },
          { path: 'when', from: null, to: '1 == 1' },
          { path: 'retry.maxAttempts', from: 1, to: 3 },
        ],
      },
    ]);
  });

  it('in the steps themselves is what came and what went, with all that they say', async () => {
    const fresh = step('d', { tool: 'test.write', input: { path: 'x' }, approval: { message: 'Sure?', quorum: 2 } });
    const { changes } = await diff({}, { steps: [...content().steps.slice(0, 2), fresh] });
    expect(changes.map(({ kind, stepId }) => [kind, stepId])).toEqual([
      ['added', 'd'],
      ['removed', 'c'],
    ]);
    expect(changes[0]?.fields).toContainEqual({ path: 'approval', from: null, to: { message: 'Sure?', quorum: 2 } });
    expect(changes[0]?.fields).toContainEqual({ path: 'tool', from: null, to: 'test.write' });
    expect(changes[1]?.fields).toContainEqual({ path: 'dependsOn', from: ['a', 'b'], to: null });
  });

  it('in the order is the steps that were moved, and only those', async () => {
    const [a, b, c] = content().steps as [Step, Step, Step];
    const { changes } = await diff({}, { steps: [c, a, b] });
    expect(changes).toEqual([{ kind: 'moved', stepId: 'c', fields: [{ path: 'position', from: 3, to: 1 }] }]);
    // One that is new or gone moves nobody.
    expect((await diff({}, { steps: [step('new'), a, c] })).changes.map(({ kind }) => kind)).toEqual(['added', 'removed']);
    // A step that changed tells its new place among its fields.
    const both = await diff({}, { steps: [{ ...c, onError: 'continue' }, a, b] });
    expect(both.changes).toMatchObject([{ kind: 'changed', stepId: 'c', fields: [{ path: 'onError' }, { path: 'position' }] }]);
  });

  it('beside the steps is told of the plan: description, input, options, contracts of tools', async () => {
    const { changes } = await diff(
      {},
      {
        description: 'why not',
        input: { root: 'src', limits: { files: 3 } },
        options: planOptionsSchema.parse({ maxParallelSteps: 5, replan: { maxRevisions: 2 } }),
        tools: { 'test.read': contract('test.read', { risk: 'destructive' }) },
      },
    );
    expect(changes).toEqual([
      {
        kind: 'plan',
        stepId: null,
        fields: [
          { path: 'description', from: 'why', to: 'why not' },
          { path: 'input.root', from: '.', to: 'src' },
          { path: 'options.maxParallelSteps', from: 3, to: 5 },
          { path: 'options.replan.maxRevisions', from: 0, to: 2 },
          { path: 'tools["test.read"].risk', from: 'read', to: 'destructive' },
        ],
      },
    ]);
  });

  it('in a list of dependencies is told with the whole lists, and says what came and went', async () => {
    const { changes, text } = await diff({}, { steps: stepsWith('c', { dependsOn: ['b', 'a', 'x'] }) });
    expect(changes[0]?.fields).toEqual([{ path: 'dependsOn', from: ['a', 'b'], to: ['b', 'a', 'x'] }]);
    expect(text).toContain('    dependsOn: ["a","b"] -> ["b","a","x"] (+x)\n');
    const reordered = await diff({}, { steps: stepsWith('c', { dependsOn: ['b', 'a'] }) });
    expect(reordered.text).toContain('(another order)');
  });

  it('is what the schema of the answer says', async () => {
    const made = await diff({}, { steps: [step('d')], description: '' });
    expect(planDiffSchema.parse(made)).toEqual(made);
  });
});

/** One change of every part of a content, and a few that people would not see. */
const MUTATIONS: [string, (base: PlanContent) => Partial<PlanContent>][] = [
  ['nothing', () => ({})],
  ['a copy', (base) => structuredClone(base)],
  ['the objective', () => ({ objective: 'x' })],
  ['the description', () => ({ description: '' })],
  ['an empty input', () => ({ input: {} })],
  ['null for nothing', (base) => ({ input: { ...base.input, nothing: null } })],
  ['an empty object for nothing', (base) => ({ input: { ...base.input, nothing: {} } })],
  ['an empty list for an empty object', (base) => ({ input: { ...base.input, limits: [] } })],
  ['a text for a number', (base) => ({ input: { ...base.input, limits: { files: '3' } } })],
  ['a key named like a member of objects', (base) => ({ input: { ...base.input, toString: 'x', constructor: null } })],
  ['a tool more', (base) => ({ tools: { ...base.tools, other: contract('other') } })],
  ['no tools', () => ({ tools: {} })],
  ['no steps', () => ({ steps: [] })],
  ['the order of steps', (base) => ({ steps: [...base.steps].reverse() })],
  ['the order of dependencies', () => ({ steps: stepsWith('c', { dependsOn: ['b', 'a'] }) })],
  ['a renamed step', (base) => ({ steps: base.steps.map((each) => (each.id === 'c' ? { ...each, id: 'd' } : each)) })],
  ...(
    [
      { tool: 'x' },
      { description: 'x' },
      { input: { a: [] } },
      { when: '1 == 1' },
      { runIf: 'all_done' },
      { retry: { ...retryPolicySchema.parse({}), jitter: 0.5 } },
      { timeoutMs: 1 },
      { onError: 'continue' },
      { approval: { message: '', quorum: 1 } },
      { forEach: [] },
      { maxItems: 1 },
      { ifTrue: ['c'] },
      { ifFalse: ['c'] },
    ] satisfies Partial<Step>[]
  ).map((fields): [string, () => Partial<PlanContent>] => [
    `the step's ${Object.keys(fields).join()}`,
    () => ({ steps: stepsWith('b', fields) }),
  ]),
];

describe('a difference', () => {
  it.each(MUTATIONS)('there is exactly where the digests differ: %s', async (_name, mutate) => {
    const base = content();
    const [before, after] = [await revision(base), await revision({ ...base, ...mutate(base) })];
    for (const [one, other] of [
      [before, after],
      [after, before],
    ] as const) {
      const { changes, text } = diffRevisions(one, other);
      expect(changes.length === 0).toBe(one.digest === other.digest);
      expect(text.includes('no changes')).toBe(one.digest === other.digest);
    }
  });

  it('there is exactly where the digests differ, for contents that were shuffled together', async () => {
    // A small generator of its own, so that a failure comes again.
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const values: Json[] = [null, 0, 1, '', 'a', [], ['a'], {}, { a: 1 }, { a: { b: null } }, false];
    const value = (): Json => values[random(values.length)] as Json;
    const draw = (): PlanContent => {
      const ids = ['a', 'b', 'c', 'd'].filter(() => random(4) > 0).sort(() => random(3) - 1);
      return content({
        input: { x: value() } as JsonObject,
        steps: ids.map((id) => step(id, { input: { y: value() }, dependsOn: ids.filter(() => random(6) === 0) })),
      });
    };
    let equal = 0;
    for (let trial = 0; trial < 500; trial++) {
      const before = await revision(draw());
      const after = await revision(random(10) === 0 ? structuredClone(before.content) : draw());
      expect(diffRevisions(before, after).changes.length === 0, JSON.stringify([before.content, after.content])).toBe(
        before.digest === after.digest,
      );
      if (before.digest === after.digest) equal++;
    }
    expect(equal).toBeGreaterThan(20);
  });
});

describe('the text for people', () => {
  const lines = async (before: Partial<PlanContent>, after: Partial<PlanContent>): Promise<string[]> =>
    (await diff(before, after)).text.trimEnd().split('\n').slice(1);

  it('has a line for each step and below it one for each field', async () => {
    const { steps } = content();
    const [a, b] = steps as [Step, Step];
    const fetch = step('fetch', { tool: 'http.request', input: { url: 'http://a' }, when: '{{a.output}} > 1' });
    expect(await lines({}, { description: 'because', steps: [fetch, a, { ...b, input: { path: 'x' } }] })).toEqual([
      '~ plan',
      '    description: "why" -> "because"',
      '+ fetch (http.request)',
      '    input: {"url":"http://a"}',
      '    when: "{{a.output}} > 1"',
      '~ b (test.read)',
      '    input.path: nothing -> "x"',
      '- c (test.read)',
      '    dependsOn: ["a","b"]',
    ]);
  });

  it('says that a step was moved', async () => {
    const [a, b, c] = content().steps as [Step, Step, Step];
    expect(await lines({}, { steps: [c, a, b] })).toEqual(['~ c (test.read) moved', '    position: 3 -> 1']);
  });

  it('cuts long values around the place where they differ, and the changes keep them whole', async () => {
    const [old, fresh] = ['x', 'y'].map((middle) => `${'same '.repeat(200)}${middle}${'s'.repeat(5_000)}`) as [string, string];
    const { text, changes } = await diff({ input: { text: old } }, { input: { text: fresh } });
    expect(changes[0]?.fields).toEqual([{ path: 'input.text', from: old, to: fresh }]);
    expect(text.length).toBeLessThan(800);
    expect(text).toMatch(/same xsss+… -> …/);
    expect(text).toMatch(/same ysss+…\n/);
  });

  it('cuts no character in half', async () => {
    const emojis = '😀'.repeat(400);
    for (const [from, to] of [
      [`${emojis}!`, `${emojis}?`],
      [`${emojis}a!`, `${emojis}a?`],
      [`x${emojis}`, `x${emojis.slice(0, -2)}😁`],
    ] as const) {
      const { text } = await diff({ input: { text: from } }, { input: { text: to } });
      expect(() => encodeURIComponent(text)).not.toThrow();
    }
  });

  it('lets nobody’s text draw on the terminal, break a line or turn it around', async () => {
    const hostile = 'a\u001b[2Jb\u009b31m\u2028c\u202ed\r\ne';
    const { text } = await diff({}, { description: hostile, input: { [hostile]: hostile }, steps: stepsWith('b', { tool: hostile }) });
    expect(text).not.toMatch(/[^\P{Cc}\n]|[\p{Zl}\u202e]/u);
    expect(text.trimEnd().split('\n')).toHaveLength(8);
  });
});
