import { isObject, type JsonObject, planDraftSchema } from '@countersign/shared';
import { expect, test } from 'vitest';
import { MCP_TOOLS } from './tools.ts';

const definitions = MCP_TOOLS.map(({ definition }) => definition);
const argumentsOf = (name: string): string[] =>
  Object.keys(definitions.find((definition) => definition.name === name)?.inputSchema.properties ?? {}).sort();

test('the tools are these, each once', () => {
  const names = definitions.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect([...names].sort()).toEqual([
    ...['approve_plan', 'approve_step', 'cancel_plan', 'get_plan', 'get_task', 'get_tool', 'list_approvals', 'list_plans'],
    ...[
      'list_templates',
      'list_tools',
      'reject_plan',
      'reject_step',
      'revise_plan',
      'submit_plan',
      'submit_task',
      'validate_plan',
      'watch_plan',
    ],
  ]);
});

test('each takes what its operation takes, and names the resource beside it', () => {
  expect(argumentsOf('submit_plan')).toEqual([...Object.keys(planDraftSchema.shape), 'draft', 'idempotencyKey'].sort());
  expect(argumentsOf('submit_task')).toEqual(['idempotencyKey', 'input', 'objective', 'options', 'template', 'tools']);
  expect(argumentsOf('validate_plan')).toEqual([...Object.keys(planDraftSchema.shape), 'draft'].sort());
  expect(argumentsOf('approve_plan')).toEqual(['comment', 'digest', 'idempotencyKey', 'planId']);
  expect(argumentsOf('reject_plan')).toEqual(['digest', 'idempotencyKey', 'planId', 'reason']);
  for (const name of ['approve_step', 'reject_step'])
    expect(argumentsOf(name)).toEqual(['comment', 'data', 'idempotencyKey', 'planId', 'stepId']);
  expect(argumentsOf('revise_plan')).toEqual(['feedback', 'idempotencyKey', 'planId']);
  expect(argumentsOf('cancel_plan')).toEqual(['idempotencyKey', 'planId', 'reason']);
});

test('the schemas need no resolving: no references, and an object at the top', () => {
  const keys = (value: unknown): string[] =>
    Array.isArray(value)
      ? value.flatMap(keys)
      : isObject(value)
        ? Object.entries(value).flatMap(([key, member]) => [key, ...keys(member)])
        : [];
  for (const { name, inputSchema, outputSchema } of definitions) {
    for (const schema of [inputSchema, outputSchema] as JsonObject[]) {
      expect(schema.type, name).toBe('object');
      expect(
        keys(schema).filter((key) => key.startsWith('$')),
        name,
      ).toEqual([]);
    }
    expect(Object.keys(inputSchema), name).not.toContain('anyOf');
  }
});

test('what must be given is said to be required', () => {
  const required = Object.fromEntries(definitions.map(({ name, inputSchema }) => [name, inputSchema.required ?? []]));
  expect(required).toMatchObject({
    submit_plan: ['objective', 'steps'],
    submit_task: [],
    approve_plan: ['planId', 'digest'],
    reject_plan: ['planId', 'digest', 'reason'],
    revise_plan: ['planId', 'feedback'],
    watch_plan: ['planId'],
    list_plans: [],
  });
});
