import {
  canonicalJson,
  type Json,
  type NamedCondition,
  type PlanContent,
  planOptionsSchema,
  type Step,
  signedContract,
} from '@countersign/shared';
import type { StepOutcome } from '@countersign/store';
import { defineTool } from '@countersign/tools';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { mailStep } from '../test/mail-step.ts';
import { type Equipment, type Move, nextMove } from './next-move.ts';
import { loadContent } from './revision-cache.ts';

const mail = defineTool({
  name: 'mail.send',
  description: 'Sends a letter.',
  risk: 'write',
  input: z.strictObject({ to: z.unknown(), text: z.string().optional() }),
  run: () => null,
});
const condition = defineTool({
  name: 'condition',
  description: 'Says whether a condition holds.',
  risk: 'read',
  input: z.strictObject({ expression: z.string() }),
  run: ({ expression }, ctx) => ctx.evaluate(expression),
});
const tools = new Map([mail, condition].map((tool) => [tool.contract.name, tool]));
const contracts = new Map([...tools].map(([name, { contract }]) => [name, canonicalJson(signedContract(contract))]));
const conditions = new Map<string, NamedCondition>([
  ['many', ({ steps }) => steps.get('list')?.output === 3],
  ['never', () => false],
]);
const equipment: Equipment = { tools, contracts, conditions, secretRules: null };

const outcome = (fields: Partial<StepOutcome> = {}): StepOutcome => ({
  status: 'completed',
  output: null,
  error: null,
  gate: null,
  item: null,
  ...fields,
});
const approved = (data: Json | undefined = undefined) =>
  outcome({ status: 'running', gate: { decision: 'approved', data: data === undefined ? null : JSON.stringify(data) } });

const plainStep = (fields: Partial<Step>): Step => mailStep('send', { input: { to: 'ann' }, ...fields });

interface Seen {
  /** by step id; asked for are only those that the step is said to read */
  outcomes?: Record<string, StepOutcome>;
  stepId?: string;
  attempt?: number;
  equipment?: Equipment;
  unreached?: string;
}

/** What the step `send`, behind `list`, does next, and what it asked for to decide that. */
function decide(
  fields: Partial<Step>,
  { outcomes = {}, stepId = 'send', attempt = 1, equipment: brought = equipment, unreached }: Seen = {},
) {
  const steps = [plainStep({ id: 'list' }), plainStep({ dependsOn: ['list'], ...fields })];
  const content: PlanContent = {
    objective: 'write letters',
    description: '',
    input: { urgent: true, tags: ['a', 'b'], name: 'text' },
    steps,
    options: planOptionsSchema.parse({}),
    tools: Object.fromEntries([...tools].map(([name, { contract }]) => [name, signedContract(contract)])),
  };
  const revision = loadContent(content);
  const loaded = revision.steps.get('send');
  if (loaded === undefined) throw new Error('the plan has no step send');
  const reads = stepId === 'send' ? loaded.reads : [...loaded.childReads, stepId];
  const read = new Map(reads.map((id) => [id, outcomes[id] ?? outcome({ status: 'pending' })]));
  return {
    reads,
    move: nextMove({ stepId, attempt, taskId: 'tsk_1', revision, loaded, outcomes: read, unreached: unreached ?? null }, brought),
  };
}
const move = (fields: Partial<Step>, seen?: Seen): Move => decide(fields, seen).move;
const list = (value: Json) => ({ list: outcome({ output: JSON.stringify(value) }) });
const gate = { message: 'Send it?', quorum: 1 };

test('a plain step is called at once, and nothing is read for it', () => {
  const { reads, move: decided } = decide({});
  expect(reads).toEqual([]);
  expect(decided).toMatchObject({ do: 'call', call: { input: { to: 'ann' }, resolvedInput: null } });
});

describe('a tool', () => {
  test('that is another one than people signed fails the step for good, and says what has changed', () => {
    const other = defineTool({
      name: 'mail.send',
      description: 'Sends a letter, and a copy to eve.',
      risk: 'destructive',
      input: z.strictObject({ to: z.unknown(), text: z.string().optional() }),
      run: () => null,
    });
    const changed = { ...equipment, tools: new Map([['mail.send', other]]), contracts: new Map([['mail.send', 'another text']]) };
    expect(move({}, { equipment: changed })).toEqual({
      do: 'fail',
      error: { code: 'tool_changed', message: expect.stringMatching(/mail\.send .*its description, risk changed since/), retryable: false },
    });
  });

  test('that is not there fails the step for good; where its server cannot be asked, another attempt may find it', () => {
    expect(move({ tool: 'gone.send' })).toMatchObject({ do: 'fail', error: { code: 'unknown_tool', retryable: false } });
    expect(move({ tool: 'gone.send' }, { unreached: 'the server is away' })).toEqual({
      do: 'fail',
      error: { code: 'tool_error', message: 'the server is away', retryable: true },
    });
  });
});

describe('a condition', () => {
  test('that is false declines the step before its tool, its gate and its list are looked at', () => {
    const when = '{{list.output.total}} > 0';
    expect(move({ when, tool: 'gone', approval: gate, forEach: '{{list.output}}' }, { outcomes: list({ total: 0 }) })).toEqual({
      do: 'decline',
    });
    expect(move({ when }, { outcomes: list({ total: 1 }) })).toMatchObject({ do: 'call' });
  });

  test.each([
    ['{{list.output}} > 0', 'when: '],
    ['unheard_of', 'when: there is no condition named `unheard_of`'],
  ])('that cannot be decided fails the step for good: %s', (when, message) => {
    expect(move({ when }, { outcomes: list('text') })).toEqual({
      do: 'fail',
      error: { code: 'bad_condition', message: expect.stringContaining(message), retryable: false },
    });
  });

  test('is not looked at again on a later attempt, for a child, or once the gate was approved', () => {
    expect(move({ when: 'false == true' }, { attempt: 2 })).toMatchObject({ do: 'call' });
    expect(move({ when: 'never', forEach: [1] }, { stepId: 'send[0]', outcomes: { 'send[0]': outcome({ item: '1' }) } })).toMatchObject({
      do: 'call',
    });
    expect(move({ when: 'never', approval: gate }, { outcomes: { send: approved() } })).toMatchObject({ do: 'call' });
    expect(move({ when: 'never', approval: gate })).toEqual({ do: 'decline' });
  });

  test('written in code sees every step that this one waits for', () => {
    const { reads, move: decided } = decide({ when: 'many' }, { outcomes: list(3) });
    expect(reads).toEqual(['list']);
    expect(decided).toMatchObject({ do: 'call' });
    expect(move({ when: 'not many' }, { outcomes: list(3) })).toEqual({ do: 'decline' });
  });

  test('can be asked of the condition tool in the same way', () => {
    const fields = { tool: 'condition', input: { expression: 'many and {{input.urgent}}' } };
    const { reads, move: decided } = decide(fields, { outcomes: list(3) });
    expect(reads).toEqual(['list']);
    expect(decided.do === 'call' && decided.call.evaluate(fields.input.expression)).toBe(true);
  });
});

describe('a gate', () => {
  const input = { to: 'ann', text: 'about {{list.output}}' };

  test('asks with the question and the input resolved, and is called once it was approved', () => {
    const approval = { message: 'Send {{list.output}} to Ann?', quorum: 2 };
    expect(move({ approval, input }, { outcomes: list(7) })).toEqual({
      do: 'ask',
      message: 'Send 7 to Ann?',
      resolvedInput: '{"to":"ann","text":"about 7"}',
      call: { tool: mail, input: { to: 'ann', text: 'about 7' }, secrets: [] },
    });
    expect(move({ approval, input }, { outcomes: { ...list(7), send: approved() } })).toMatchObject({
      do: 'call',
      call: { approvalData: undefined },
    });
  });

  test.each(['rejected', 'expired', null] as const)('asks again where the last decision is %s', (decision) => {
    expect(move({ approval: gate }, { outcomes: { send: outcome({ gate: { decision, data: '1' } }) } })).toEqual({
      do: 'ask',
      message: 'Send it?',
      resolvedInput: null,
      call: { tool: mail, input: { to: 'ann' }, secrets: [] },
    });
  });

  test('writes a question that is one value as text', () => {
    expect(move({ approval: { message: '{{list.output}}', quorum: 1 } }, { outcomes: list({ a: 1 }) })).toMatchObject({
      message: '{"a":1}',
    });
  });

  test('asks nobody about a call that cannot be made', () => {
    expect(move({ approval: gate, input: { to: 'ann', text: '{{list.output}}' } }, { outcomes: list(7) })).toMatchObject({
      do: 'fail',
      error: { code: 'invalid_input', retryable: false },
    });
    expect(move({ approval: gate, tool: 'gone' })).toMatchObject({ do: 'fail', error: { code: 'unknown_tool' } });
    expect(move({ approval: gate, forEach: '{{input.name}}' })).toMatchObject({ do: 'fail', error: { code: 'invalid_input' } });
  });

  test('leaves what its own approval brings for later, and then uses it', () => {
    const fields = { approval: gate, input: { to: '{{list.output}}', text: '{{send.approval.data.text}}' } };
    expect(move(fields, { outcomes: list('ann') })).toEqual({
      do: 'ask',
      message: 'Send it?',
      resolvedInput: '{"to":"ann","text":null}',
      call: null,
    });
    expect(move(fields, { outcomes: { ...list('ann'), send: approved({ text: 'hi' }) } })).toMatchObject({
      do: 'call',
      call: { input: { to: 'ann', text: 'hi' }, approvalData: { text: 'hi' } },
    });
  });

  test('that brought null brought something', () => {
    expect(move({ approval: gate }, { outcomes: { send: approved(null) } })).toMatchObject({ do: 'call', call: { approvalData: null } });
  });
});

describe('a forEach', () => {
  test('is expanded into its elements, whatever they are', () => {
    expect(move({ forEach: '{{list.output}}' }, { outcomes: list([1, 'a', null, { b: [] }]) })).toEqual({
      do: 'expand',
      items: ['1', '"a"', 'null', '{"b":[]}'],
    });
    expect(move({ forEach: ['{{input.name}}', '{{input.gone}}'] })).toEqual({ do: 'expand', items: ['"text"', 'null'] });
  });

  test('with nothing in its list is complete, with nothing', () => {
    expect(move({ forEach: '{{list.output}}' }, { outcomes: list([]) })).toEqual({ do: 'complete', output: '[]' });
  });

  test.each([
    ['text', 'text'],
    [3, 'a number'],
    [true, 'a boolean'],
    [null, 'null'],
    [{ a: 1 }, 'an object'],
  ])('over %j fails for good, and says what it got', (value, got) => {
    expect(move({ forEach: '{{list.output}}' }, { outcomes: list(value) })).toEqual({
      do: 'fail',
      error: { code: 'invalid_input', message: `forEach needs a list, got ${got}`, retryable: false },
    });
  });

  test('over more than maxItems, or over more than can be kept, fails for good', () => {
    expect(move({ forEach: [1, 2], maxItems: 2 })).toMatchObject({ do: 'expand' });
    expect(move({ forEach: [1, 2, 3], maxItems: 2 })).toMatchObject({
      do: 'fail',
      error: { code: 'limit_exceeded', message: expect.stringContaining('2 elements here (maxItems), the list has 3'), retryable: false },
    });
    expect(move({ forEach: Array.from({ length: 10_001 }, () => 1) })).toMatchObject({ do: 'fail', error: { code: 'limit_exceeded' } });
    const twice = { forEach: ['{{list.output}}', '{{list.output}}'] };
    expect(move(twice, { outcomes: list('x'.repeat(600_000)) })).toMatchObject({ do: 'fail', error: { code: 'limit_exceeded' } });
  });

  test('is not expanded for a tool that is not there or not the signed one', () => {
    expect(move({ forEach: [1], tool: 'gone' })).toMatchObject({ do: 'fail', error: { code: 'unknown_tool' } });
    const changed = { ...equipment, contracts: new Map([['mail.send', '{}']]) };
    expect(move({ forEach: [1] }, { equipment: changed })).toMatchObject({ do: 'fail', error: { code: 'tool_changed' } });
  });

  test('that is a gate asks first, once, without an input of its own', () => {
    const fields = { approval: gate, forEach: '{{list.output}}', input: { to: '{{item}}' } };
    expect(move(fields, { outcomes: list([1]) })).toEqual({ do: 'ask', message: 'Send it?', resolvedInput: null, call: null });
    expect(move(fields, { outcomes: { ...list([1]), send: approved() } })).toEqual({ do: 'expand', items: ['1'] });
  });

  test('may take the list that its own approval brings', () => {
    const fields = { approval: gate, forEach: '{{send.approval.data}}' };
    expect(move(fields)).toMatchObject({ do: 'ask' });
    expect(move(fields, { outcomes: { send: approved(['ann', 'bob']) } })).toEqual({ do: 'expand', items: ['"ann"', '"bob"'] });
  });

  test("a child sees its element and index, the other steps, and the gate's data, and is neither asked nor expanded", () => {
    const fields = {
      approval: gate,
      forEach: '{{list.output}}',
      input: { to: '{{item.name}}', text: '{{index}} of {{list.output}} {{send.approval.data}}' },
    };
    const outcomes = { ...list(['x']), send: approved('ok'), 'send[3]': outcome({ status: 'running', item: '{"name":"ann"}' }) };
    const { reads, move: decided } = decide(fields, { stepId: 'send[3]', outcomes });
    expect(reads).toEqual(['list', 'send', 'send[3]']);
    expect(decided).toMatchObject({ do: 'call', call: { input: { to: 'ann', text: '3 of ["x"] ok' }, approvalData: 'ok' } });
  });
});
