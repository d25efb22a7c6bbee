import { planOptionsSchema, type Step } from '@countersign/shared';
import { expect, test } from 'vitest';
import { mailStep } from '../test/mail-step.ts';
import { type LoadedStep, loadContent } from './revision-cache.ts';

function loaded(fields: Partial<Step>): LoadedStep {
  const steps = [...['list', 'head', 'other', 'unread'].map((id) => mailStep(id)), mailStep('send', fields)];
  const content = { objective: '', description: '', input: {}, steps, options: planOptionsSchema.parse({}), tools: {} };
  return loadContent(content).steps.get('send') as LoadedStep;
}

test('a step reads the outcomes that it names, each once, and no others', () => {
  const { reads } = loaded({
    input: { to: ['{{list.output[0]}}', '{{list.status}}', '{{input.list}}'] },
    when: '{{head.output}} == {{list.output}}',
    dependsOn: ['list', 'head', 'unread'],
  });
  expect(reads).toEqual(['list', 'head']);
});

test('a gate reads its own outcome, and a condition in code all that its step waits for', () => {
  expect(loaded({ approval: { message: '{{other.output}}', quorum: 1 } }).reads).toEqual(['other', 'send']);
  expect(loaded({ when: 'not urgent', dependsOn: ['list', 'unread'] }).reads).toEqual(['list', 'unread']);
});

test('a child of a forEach step reads what its input names, not the list, the condition or the question', () => {
  const { reads, childReads } = loaded({
    forEach: '{{list.output}}',
    input: { to: '{{item}}', head: '{{head.output}}' },
    when: '{{other.status}} == null',
    dependsOn: ['list', 'head', 'other'],
  });
  expect(reads).toEqual(['head', 'other', 'list']);
  expect(childReads).toEqual(['head']);
  expect(loaded({ forEach: '{{list.output}}', approval: { message: '{{other.output}}', quorum: 1 } }).childReads).toEqual(['send']);
});

test('an input is a template when resolving can change it; a condition never is one', () => {
  const isTemplate = (fields: Partial<Step>): boolean => loaded(fields).inputIsTemplate;
  expect([isTemplate({ input: { a: 1 } }), isTemplate({ input: { a: ['{{input.x}}'] } }), isTemplate({ input: { a: '\\{{' } })]).toEqual([
    false,
    true,
    true,
  ]);
  expect(isTemplate({ tool: 'condition', input: { expression: '{{input.x}} == 1' } })).toBe(false);
});
