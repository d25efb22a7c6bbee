import type { JsonObject, PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { conditionStep, recordStep, statuses, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2 });
});
afterAll(() => fleet?.close());

const draft = (steps: StepDraft[], more: Partial<PlanDraft> = {}): PlanDraft => ({ objective: 'decide', steps, ...more });

const INPUT: JsonObject = {
  three: 3,
  zero: 0,
  name: 'Ann',
  empty: '',
  yes: true,
  no: false,
  none: null,
  list: [1, 'two', null, { a: 1 }],
  object: { a: 1 },
  tricky: `x' == 'x' or 'y`,
  operator: '3 == 3',
  word: 'true or true',
  braces: '{{input.secret}}',
  secret: 'hidden',
};

const TABLE: [string, boolean][] = [
  ['{{input.missing}} < 5', false],
  ['{{input.missing}} > 5', false],
  ['not {{input.missing}} < 5', true],
  ['{{input.missing}} == null', true],
  [`{{input.missing}} == ''`, true],
  ['{{input.missing}} == 0', false],
  ['{{input.missing}}', false],
  ['{{source.output.value.gone}} >= 0', false],
  ['{{source.output.value.count}} > 9', true],
  [`{{source.status}} == 'completed'`, true],
  ['{{source.error}} == null', true],
  ['9007199254740993 == 9007199254740992', false],
  ['9007199254740993 > 9007199254740992', true],
  ['1.0 == 1', true],
  ['1e2 == 100', true],
  ['0.1 < 0.10000000000000000001', true],
  [`'007' == 7`, false],
  [`{{input.three}} == '3'`, false],
  [`'{{input.three}}' == '3'`, true],
  ['{{input.zero}} == false', false],
  [`{{input.empty}} == null`, false],
  ['{{input.none}} == null', true],
  ['{{input.object}} == {{input.list[3]}}', true],
  [`'10' < '9'`, true],
  ['10 < 9', false],
  [`{{input.name}} contains 'nn'`, true],
  [`{{input.name}} contains 'N'`, false],
  ['{{input.list}} contains 1', true],
  [`{{input.list}} contains '1'`, false],
  ['{{input.list}} contains {{input.object}}', true],
  [`{{input.missing}} contains 'a'`, false],
  ['not {{input.no}} and {{input.no}}', false],
  ['not ({{input.no}} and {{input.no}})', true],
  ['{{input.yes}} or {{input.yes}} and {{input.no}}', true],
  ['({{input.yes}} or {{input.yes}}) and {{input.no}}', false],
  ['not not ({{input.three}} == 3)', true],
  [`{{input.yes}} or {{input.name}} > 3`, true],
  // What a value contains is a value, and never a part of the condition.
  [`{{input.tricky}} == 'y'`, false],
  [`'{{input.tricky}}' == {{input.tricky}}`, true],
  [`{{input.operator}} == '3 == 3'`, true],
  [`{{input.word}} == 'true or true'`, true],
  [`{{input.braces}} == '{{input.secret}}'`, false],
  [`{{input.braces}} == '\\{{input.secret}}'`, true],
];

test('what a condition gives decides its step, and is the output of a condition step; a step whose condition is false is never called', async () => {
  const source = recordStep('source', { value: { count: 10 } });
  const steps = TABLE.flatMap(([expression], row) => [
    recordStep(`when${row}`, {}, { when: expression }),
    conditionStep(`output${row}`, expression),
  ]);
  const plan = await fleet.launchUntil(draft([source, ...steps], { input: INPUT, options: { maxParallelSteps: 20 } }));
  const called = fleet.calls(plan.id);
  const seen = TABLE.map(([expression], row) => {
    const step = stepOf(plan, `when${row}`);
    expect(step, expression).toMatchObject(called.includes(step.id) ? { status: 'completed' } : { status: 'skipped', attempt: 0 });
    return [expression, called.includes(step.id), stepOf(plan, `output${row}`).output];
  });
  expect(seen).toEqual(TABLE.map(([expression, expected]) => [expression, expected, expected]));
  expect(stepOf(plan, 'when0').reason).toMatchObject({ kind: 'condition_false' });
});

test('an integer beyond what JSON can hold is rounded before anybody signs it: the plan shows what is compared', async () => {
  const steps = [
    conditionStep('number', '{{input.id}} == 9007199254740993'),
    conditionStep('text', `{{input.text}} == '9007199254740993'`),
  ];
  const body = JSON.stringify({ ...draft(steps, { options: { requireApproval: false } }), input: { id: 1, text: '9007199254740993' } });
  const { plan } = (await fleet.call('POST', '/v1/plans', { body: body.replace('"id":1', '"id":9007199254740993') })).body;
  const ended = await fleet.until(plan.id, 'completed');
  expect(String(ended.input.id)).toBe('9007199254740992');
  expect(ended.steps.map(({ output }) => output)).toEqual([false, true]);
});

test('what can not be compared fails the step with `bad_condition`, once, whatever its retry policy says', async () => {
  const bad: [string, string][] = [
    ['{{input.name}} > 3', 'not text and a number'],
    ['{{input.list}} < 3', 'not a list and a number'],
    ['{{input.none}} <= 3', 'not null and a number'],
    ['{{input.yes}} >= false', 'not a boolean and a boolean'],
    [`{{input.three}} contains 3`, 'not in a number'],
    [`'12' contains 1`, 'not in text for a number'],
    ['{{input.three}}', 'must be true or false'],
    ['{{input.no}} or {{input.name}}', 'must be true or false'],
    ['breaks', 'the condition `breaks` threw: no answer'],
  ];
  const retry = { maxAttempts: 3, delayMs: 1 };
  const steps = bad.flatMap(([expression], row) => [
    recordStep(`when${row}`, {}, { when: expression, retry }),
    conditionStep(`tool${row}`, expression, { retry }),
  ]);
  const plan = await fleet.launchUntil(draft(steps, { input: INPUT, options: { stopOnError: false, maxParallelSteps: 20 } }), 'failed');
  expect(fleet.ledger(plan.id)).toEqual([]);
  bad.forEach(([expression, message], row) => {
    const error = { code: 'bad_condition', message: expect.stringContaining(message), retryable: false };
    for (const id of [`when${row}`, `tool${row}`])
      expect(stepOf(plan, id), `${id}: ${expression}`).toMatchObject({ status: 'failed', attempt: 1, error });
  });
  expect((await fleet.events(plan.id)).filter(({ type }) => type === 'step.retrying')).toEqual([]);
});

test('a condition of a step is looked at once: another attempt does not ask it again', async () => {
  const flag = fleet.gate('condition-turns');
  const { id } = await fleet.launch(
    draft(
      [
        recordStep(
          'flaky',
          { failUntil: flag.file },
          { when: 'flag_is_missing', retry: { maxAttempts: 100, backoff: 'fixed', delayMs: 100 } },
        ),
      ],
      {
        input: { flag: flag.file },
      },
    ),
  );
  await fleet.untilLedger(id, ({ what }) => what === 'failed');
  flag.open();
  const plan = await fleet.until(id, 'completed');
  expect(plan.steps[0]?.attempt).toBeGreaterThan(1);
});

test('a step whose condition is false leaves those behind it skipped; what accepts that runs, and sees it', async () => {
  const plan = await fleet.launchUntil(
    draft([
      recordStep('declined', { value: 1 }, { when: 'false' }),
      recordStep('behind', {}, { dependsOn: ['declined'] }),
      recordStep('further', {}, { dependsOn: ['behind'] }),
      recordStep('anyhow', { value: '{{declined.status}}, {{behind.output}}' }, { dependsOn: ['behind'], runIf: 'none_failed' }),
      recordStep('else', {}, { when: `{{declined.status}} == 'skipped'`, runIf: 'none_failed' }),
    ]),
  );
  expect(fleet.calls(plan.id).sort()).toEqual(['anyhow', 'else']);
  expect(plan.steps.map(({ reason }) => reason?.kind)).toEqual([
    'condition_false',
    'dependency_skipped',
    'dependency_skipped',
    undefined,
    undefined,
  ]);
  expect(stepOf(plan, 'anyhow').output).toEqual({ value: 'skipped, ' });
  expect(plan.progress).toMatchObject({ total: 5, completed: 2, skipped: 3, percent: 100 });
});

test('a condition is looked at behind the dependencies, and behind a failure where `runIf` lets it', async () => {
  const plan = await fleet.launchUntil(
    draft(
      [
        recordStep('fails', { failAttempts: 9 }),
        recordStep('on-failure', {}, { when: `{{fails.error.code}} == 'tool_error'`, runIf: 'all_done' }),
        recordStep('on-timeout', {}, { when: `{{fails.error.code}} == 'timeout'`, runIf: 'all_done' }),
        recordStep('behind', {}, { when: `{{fails.error.code}} == 'tool_error'` }),
      ],
      { options: { stopOnError: false } },
    ),
    'partial',
  );
  expect(statuses(plan.steps)).toEqual({ fails: 'failed', 'on-failure': 'completed', 'on-timeout': 'skipped', behind: 'skipped' });
  expect(plan.steps.map(({ reason }) => reason?.kind)).toEqual([undefined, undefined, 'condition_false', 'dependency_failed']);
  expect(fleet.calls(plan.id)).toEqual(['fails', 'on-failure']);
});

describe('a condition written in code', () => {
  test.each([
    [true, ['runs', 'both']],
    [false, ['not']],
  ])('is called by its name, and sees the input (wanted: %s)', async (wanted, expected) => {
    const plan = await fleet.launchUntil(
      draft(
        [
          recordStep('runs', {}, { when: 'wanted' }),
          recordStep('not', {}, { when: 'not wanted' }),
          recordStep('both', {}, { when: 'always and (wanted or {{input.missing}})' }),
          conditionStep('tool', 'wanted'),
        ],
        { input: { wanted } },
      ),
    );
    expect(fleet.calls(plan.id).sort()).toEqual([...expected].sort());
    expect(stepOf(plan, 'tool').output).toBe(wanted);
  });

  test('sees the outcomes of the steps that its step waits for', async () => {
    const plan = await fleet.launchUntil(
      draft([recordStep('before', { value: 'go' }), recordStep('after', {}, { dependsOn: ['before'], when: 'before_said_go' })]),
    );
    expect(fleet.calls(plan.id)).toEqual(['before', 'after']);
  });
});

describe('what can not be read is refused with its place and position', () => {
  test.each([
    ['{{input.x}}==1', 12, 'put spaces around the operator =='],
    ['{{input.x}} ==1', 13, 'put spaces around the operator =='],
    ['{{input.x}} = 1', 13, 'write =='],
    ['{{input.x}} == one', 16, `text goes in quotes: 'one'`],
    ['{{input.x}} == 007', 16, '007 is no number'],
    ['1 < {{input.x}} < 5', 17, 'a comparison has one operator'],
    ['({{input.x}} == 1', 18, 'a ) must close'],
    ['{{input.x}} >', 14, 'a value is missing at the end'],
    [`{{input.x}} == 'a`, 16, 'never closed'],
    ['  ', 1, 'the condition is empty'],
    ['weekend', 1, 'there is no condition named `weekend`'],
    ['always and weekend', 12, 'there is no condition named `weekend`'],
  ])('%j', async (expression, position, message) => {
    const issue = { code: 'bad_condition', message: expect.stringMatching(new RegExp(`\\(at position ${position}\\)$`)) };
    const body = draft([recordStep('a', {}, { when: expression }), conditionStep('b', expression)]);
    const { valid, issues } = (await fleet.call('POST', '/v1/plans/validate', { body })).body;
    expect([valid, issues]).toEqual([
      false,
      [
        { path: 'steps[0].when', ...issue },
        { path: 'steps[1].input.expression', ...issue },
      ],
    ]);
    expect(issues[0].message).toContain(message);
    const refused = await fleet.call('POST', '/v1/plans', { body });
    expect([refused.status, refused.body.code, refused.body.issues]).toEqual([422, 'invalid_plan', issues]);
  });
});
