/** Content is a plan that can be written again: what is read from a revision, sent back, is the same revision. */
import { expect, test } from 'vitest';
import { content, issues, steps } from '../test/validating.ts';
import { digestOf } from './json.ts';
import type { PlanContent } from './plan.ts';
import { asksAtOnce, stepReferences } from './step-references.ts';

const everything = {
  objective: 'Audit',
  description: 'everything at once',
  input: { n: 1, files: ['x'] },
  options: { maxParallelSteps: 2, planTimeoutMs: 1_000, startAt: '2020-01-01T00:00:00+01:00', retry: { maxAttempts: 2 }, priority: 1 },
  steps: [
    { id: 'plain', tool: 'slow' },
    { id: 'check', tool: 'condition', input: { expression: '{{plain.status}} == null' }, ifTrue: ['gate', 'gate'], ifFalse: ['each'] },
    { id: 'gate', tool: 'any', approval: {}, input: { own: '{{gate.approval.data.x}}' }, onError: 'continue' },
    { id: 'each', tool: 'any', forEach: '{{input.files}}', maxItems: 5, input: { x: '{{item}}{{index}}' }, runIf: 'all_done' },
    { id: 'list', tool: 'any', forEach: ['{{plain.output}}', null, {}], retry: { delayMs: 1 }, timeoutMs: 5 },
    { id: 'none', tool: 'any', forEach: [] },
    { id: 'ask', tool: 'human.input', input: { question: 'Is {{gate.output}} right?', schema: { type: 'boolean' } } },
    { id: 'two', tool: 'human.input', input: { question: 'Which?' }, approval: { quorum: 2 }, when: '{{ask.output}} == true' },
  ],
};

const draftOf = ({ tools: _tools, ...draft }: PlanContent) => draft;

test('content as a draft normalises to itself', async () => {
  const first = content(everything);
  const second = content(JSON.parse(JSON.stringify(draftOf(first))));
  expect(second).toEqual(first);
  expect(await digestOf(second)).toBe(await digestOf(first));
});

test('a field that is null or empty counts as left out', () => {
  const absent = { when: null, runIf: null, approval: null, forEach: null, maxItems: null, ifTrue: [], ifFalse: null, dependsOn: [] };
  expect(content(steps({ id: 'a', tool: 'any', ...absent }))).toEqual(content(steps({ id: 'a', tool: 'any' })));
  expect(issues(steps({ id: 'a', tool: 'nope', ifTrue: [], ifFalse: [] }))).toEqual(['steps[0].tool unknown_tool']);
});

test('the references of a step are found when it names a condition registered in code', () => {
  const plan = content(steps({ id: 'a', tool: 'any' }, { id: 'b', tool: 'any', when: 'weekend and {{a.output.x}} == 1' }), {
    conditions: new Set(['weekend']),
  });
  const step = plan.steps[1] as PlanContent['steps'][number];
  expect(stepReferences(step).map(({ text }) => text)).toEqual(['a.output.x']);
  expect(asksAtOnce(step)).toBe(false);
});
