/** Plans that the API takes: every tool that there is, with inputs from its own schema. */
import type { Random } from '../random.ts';
import { oddCondition, oddQuery, oddTemplate, oddUrl } from './oddities.ts';
import { fittingValue, type Schema } from './schema-values.ts';

export interface KnownTool {
  name: string;
  inputSchema: Schema;
}

type Draft = Record<string, unknown>;

const CONDITIONS = ['1 == 1', '{{input.total}} > 2', "{{input.name}} contains 'x' or not false", 'null == {{input.none}}', "'a' < 'b'"];
const REASONS = ['', 'x', 'why not', '{{input.a}} is text here'];

/** Inputs that do something, where a value from the schema alone would mostly fail. */
const INPUTS: Readonly<Record<string, (random: Random) => Draft>> = {
  'template.render': (random) => ({ template: random.chance(0.7) ? 'for {{input.name}}' : oddTemplate(random), data: { a: 1 } }),
  'data.query': (random) => ({ query: random.chance(0.8) ? '$count($)' : oddQuery(random), data: [1, 2, '{{input.total}}'] }),
  wait: (random) => ({ ms: random.between(0, 20) }),
  condition: (random) => ({ expression: random.chance(0.8) ? random.pick(CONDITIONS) : oddCondition(random) }),
  'fs.write': (random) => ({ path: `out/${random.between(1, 9)}.txt`, text: 'for {{input.name}}', overwrite: true }),
  'fs.read': () => ({ path: 'README.md' }),
  // Nothing is to leave this machine.
  'http.request': (random) => ({ url: random.chance(0.5) ? 'http://127.0.0.1:1/' : oddUrl(random) }),
  'human.input': (random) => ({ question: 'Which one?', ...(random.chance(0.5) && { schema: { type: 'string' } }) }),
};

function inputOf({ name, inputSchema }: KnownTool, random: Random): unknown {
  const prepared = INPUTS[name];
  return prepared === undefined ? fittingValue(inputSchema, { random, resolve: () => ({}), text: () => undefined }) : prepared(random);
}

function stepDraft(at: number, tools: readonly KnownTool[], random: Random): Draft {
  const before = Array.from({ length: at }, (_, each) => `s${each}`);
  const tool = random.pick(tools);
  const or = (probability: number, member: Draft): Draft => (random.chance(probability) ? member : {});
  return {
    id: `s${at}`,
    tool: tool.name,
    input: inputOf(tool, random),
    ...or(0.5, { dependsOn: before.filter(() => random.chance(0.3)) }),
    ...or(0.2, { when: random.pick(CONDITIONS) }),
    ...or(0.2, { runIf: random.pick(['none_failed_min_one_success', 'all_success', 'none_failed', 'all_done']) }),
    ...or(0.2, { onError: random.pick(['stop', 'continue']) }),
    ...or(0.2, { retry: { maxAttempts: 2, delayMs: random.between(0, 20), backoff: 'fixed' } }),
    ...or(0.1, { approval: { message: 'Go on with {{input.name}}?', quorum: 1 } }),
    ...or(0.1, tool.name === 'human.input' ? {} : { forEach: random.pick<unknown>(['{{input.list}}', [1, 'two', null]]), maxItems: 5 }),
    ...or(0.3, { description: 'one step' }),
  };
}

export function planDraft(tools: readonly KnownTool[], random: Random): Draft {
  const count = random.weighted([
    [10, random.between(1, 4)],
    [4, random.between(5, 12)],
    [1, 60],
  ]);
  return {
    objective: 'see what becomes of it',
    steps: Array.from({ length: count }, (_, at) => stepDraft(at, tools, random)),
    ...planMembers(random),
  };
}

/** A plan that is wrong in a way that only plans can be. */
export function twistedDraft(tools: readonly KnownTool[], random: Random): Draft {
  const draft = planDraft(tools, random) as { steps: Draft[] };
  const { steps } = draft;
  const [one, other] = [random.pick(steps), random.pick(steps)];
  const ways: readonly (() => void)[] = [
    () => Object.assign(one, { dependsOn: steps.map(({ id }) => id) }),
    () => Object.assign(one, { id: other.id }),
    () => Object.assign(one, { id: random.pick(['input', 'item', 'task', '1st', 'a.b', 'a[0]', '__proto__']) }),
    () => Object.assign(one, { tool: random.pick(['no.such', 'constructor', 'fs', '', 'FS.LIST']) }),
    () => Object.assign(one, { tool: 'condition', input: { expression: '1 == 1' }, ifTrue: [one.id], ifFalse: [other.id, other.id] }),
    () => Object.assign(one, { input: { [oddTemplate(random)]: [oddTemplate(random), { deep: oddTemplate(random) }] } }),
    () => Object.assign(one, { when: oddCondition(random), forEach: oddTemplate(random) }),
    () => Object.assign(one, { dependsOn: ['ghost', one.id, one.id], runIf: 'never', retry: { maxAttempts: 0, jitter: 2 } }),
    () => Object.assign(one, { approval: { quorum: random.pick([0, -1, 1.5, 1e9]) }, timeoutMs: random.pick([0, -1, 2 ** 31]) }),
    () => Object.assign(draft, { steps: steps.map((step, at) => ({ ...step, dependsOn: [`s${(at + 1) % steps.length}`] })) }),
    () => Object.assign(draft, { steps: Object.fromEntries(steps.entries()) }),
    () => Object.assign(draft, { options: { maxParallelSteps: 0, startAt: '2026-02-30T00:00:00Z', priority: 1e9 } }),
  ];
  random.pick(ways)();
  return draft as unknown as Draft;
}

/** All that a plan may have besides its objective and its steps. */
export function planMembers(random: Random): Draft {
  return {
    input: { name: 'ada', total: 3, list: [1, 2, 3], a: { b: [true] } },
    options: {
      requireApproval: random.chance(0.6),
      // Queries without end are among the inputs.
      stepTimeoutMs: 1_000,
      planTimeoutMs: 20_000,
      maxParallelSteps: random.between(1, 5),
      stopOnError: random.chance(0.5),
      ...(random.chance(0.2) && { approvalTimeoutMs: random.between(200, 5_000) }),
      ...(random.chance(0.2) && { replan: { maxRevisions: 1 } }),
      ...(random.chance(0.2) && { summarize: true }),
      ...(random.chance(0.2) && { priority: random.between(-3, 3) }),
    },
    ...(random.chance(0.3) && { description: random.pick(REASONS) }),
  };
}
