import type { Json, JsonObject, PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { placeOf } from './ledger.ts';
import { recordStep, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2 });
});
afterAll(() => fleet?.close());

const draft = (steps: StepDraft[], more: Partial<PlanDraft> = {}): PlanDraft => ({ objective: 'hand values on', steps, ...more });

/** What a tool is called with, for one written value: the ledger's word and the plan's. */
async function received(value: Json, input: JsonObject): Promise<unknown> {
  const plan = await fleet.launchUntil(draft([recordStep('one', { value })], { input }));
  const [line] = fleet.ledger(plan.id);
  expect(plan.steps[0]?.output).toEqual({ value: line?.value });
  return line?.value;
}

const INPUT: JsonObject = {
  root: 'src',
  limit: 3,
  big: 1e21,
  no: false,
  none: null,
  empty: '',
  tags: ['a', { deep: [true, null] }],
  'any key': { '007': 'bond', 'with "quotes"': 1, '}}': 2 },
  quoted: '{{input.secret}} \\{{ {{nobody.output}} {{unclosed',
  secret: 'hidden',
};

test('a placeholder alone keeps the type of its value, at any depth, and keys stay as they are', async () => {
  const value = {
    '{{input.root}}': ['{{input.limit}}', { '\\{{': '{{ input.no }}', deep: [[['{{input.tags}}']]] }],
    big: '{{input.big}}',
    none: '{{input.none}}',
    missing: '{{input.missing.further[3].still}}',
    belowText: '{{input.root.length}}',
    inherited: '{{input.tags.constructor}}',
    all: '{{input}}',
    plain: [1, true, null, 'text'],
  };
  expect(await received(value, INPUT)).toEqual({
    '{{input.root}}': [3, { '\\{{': false, deep: [[[['a', { deep: [true, null] }]]]] }],
    big: 1e21,
    none: null,
    missing: null,
    belowText: null,
    inherited: null,
    all: INPUT,
    plain: [1, true, null, 'text'],
  });
});

test('inside a longer text a value is text: objects as JSON, null and missing as nothing', async () => {
  const value = [
    'at {{input.root}}/{{input.limit}}',
    ' {{input.limit}}',
    'tags: {{input.tags}}',
    '<{{input.none}}{{input.missing}}{{input.empty}}>',
    '{{input.no}}{{input.no}}',
  ];
  expect(await received(value, INPUT)).toEqual(['at src/3', ' 3', 'tags: ["a",{"deep":[true,null]}]', '<>', 'falsefalse']);
});

test('elements by [0] and by .0, any key in brackets and quotes, also with quotes and braces in it', async () => {
  const value = [
    '{{input.tags[0]}}',
    '{{input.tags.0}}',
    '{{input.tags[1].deep[0]}}',
    '{{input.tags[7]}}',
    '{{input["any key"].007}}',
    `{{input['any key']["007"]}}`,
    '{{input["any key"]["with \\"quotes\\""]}}',
    '{{input["any key"]["}}"]}}',
  ];
  expect(await received(value, INPUT)).toEqual(['a', 'a', true, null, 'bond', 'bond', 1, 2]);
});

test('`\\{{` writes two braces, and what is not closed is text', async () => {
  expect(await received(['\\{{input.root}}', 'a \\{{b}} {{input.root}}', '{{input.root', 'x {{ y', '}} {{input.root}} {{'], INPUT)).toEqual(
    ['{{input.root}}', 'a {{b}} src', '{{input.root', 'x {{ y', '}} src {{'],
  );
});

test('one pass: what a value contains is never expanded, not in the next step either', async () => {
  const plan = await fleet.launchUntil(
    draft(
      [
        recordStep('first', { value: ['{{input.quoted}}', '> {{input.quoted}}'] }),
        recordStep('second', { value: { lone: '{{first.output.value[0]}}', text: '> {{first.output.value.1}}', all: '{{first.output}}' } }),
      ],
      { input: INPUT },
    ),
  );
  const quoted = INPUT.quoted as string;
  const [first, second] = ['first', 'second'].map((id) => fleet.ledger(plan.id).find(({ stepId }) => stepId === id)?.value);
  expect(first).toEqual([quoted, `> ${quoted}`]);
  expect(second).toEqual({ lone: quoted, text: `> > ${quoted}`, all: { value: [quoted, `> ${quoted}`] } });
  expect(stepOf(plan, 'second').dependsOn).toEqual(['first']);
});

test('the task: its objective, and null for the id of a task that nobody queued', async () => {
  expect(await received({ of: '{{task.objective}}', id: '{{task.id}}', text: '[{{task.id}}]' }, {})).toEqual({
    of: 'hand values on',
    id: null,
    text: '[]',
  });
});

test('a reference implies its dependency, wherever it stands: the step waits, with no edge written', async () => {
  const gate = fleet.gate('implied');
  const { id } = await fleet.launch(
    draft(
      [
        recordStep('in-input', { value: [{ deep: 'of {{source.output.value}}' }] }),
        recordStep('in-when', {}, { when: `{{source.output.value}} == 'ready'` }),
        recordStep('in-for-each', { value: '{{item}}' }, { forEach: ['{{source.output.value}}'] }),
        recordStep('of-two', { value: '{{in-input.status}} {{source.status}}' }, { dependsOn: ['in-when'] }),
        recordStep('apart'),
        recordStep('source', { value: 'ready', holdUntil: gate.file }),
      ],
      { options: { maxParallelSteps: 10 } },
    ),
  );
  await fleet.untilLedger(id, ({ stepId, what }) => stepId === 'apart' && what === 'end');
  await fleet.untilLedger(id, ({ stepId }) => stepId === 'source');
  expect(fleet.calls(id).sort()).toEqual(['apart', 'source']);
  gate.open();
  const plan = await fleet.until(id, 'completed');
  expect(plan.steps.map(({ dependsOn }) => dependsOn)).toEqual([
    ['source'],
    ['source'],
    ['source'],
    ['in-when', 'in-input', 'source'],
    [],
    [],
  ]);
  const lines = fleet.ledger(id);
  for (const each of ['in-input', 'in-when', 'in-for-each[0]', 'of-two'])
    expect(placeOf(lines, each, 'start'), each).toBeGreaterThan(placeOf(lines, 'source', 'end'));
  expect(lines.find(({ stepId }) => stepId === 'of-two')?.value).toBe('completed completed');
});

test('how a step ended and its error can be read behind a failure; what has none gives null', async () => {
  const plan = await fleet.launchUntil(
    draft([
      recordStep('fails', { failAttempts: 1, fatal: true }, { onError: 'continue' }),
      recordStep('declined', {}, { when: 'false' }),
      recordStep('behind', {}, { dependsOn: ['fails'] }),
      recordStep('works', { value: 1 }),
      recordStep(
        'report',
        {
          value: {
            statuses: '{{fails.status}}, {{declined.status}}, {{behind.status}}, {{works.status}}',
            error: '{{fails.error}}',
            text: '{{fails.error.code}}: {{fails.error.message}}',
            retryable: '{{fails.error.retryable}}',
            nothing: ['{{fails.output}}', '{{declined.output.value}}', '{{works.error}}', '{{works.error.code}}'],
          },
        },
        { runIf: 'all_done' },
      ),
    ]),
    'partial',
  );
  const error = { code: 'tool_error', message: 'attempt 1 fails as it was told to', retryable: false };
  expect(stepOf(plan, 'report')).toMatchObject({ status: 'completed', dependsOn: ['fails', 'declined', 'behind', 'works'] });
  expect(fleet.ledger(plan.id).find(({ stepId }) => stepId === 'report')?.value).toEqual({
    statuses: 'failed, skipped, skipped, completed',
    error,
    text: `tool_error: ${error.message}`,
    retryable: false,
    nothing: [null, null, null, null],
  });
});

test('an input with nothing to resolve has no resolved input; the plan keeps the template beside what became of it', async () => {
  const plan = await fleet.launchUntil(
    draft(
      [recordStep('fixed', { value: 1 }), recordStep('escaped', { value: '\\{{x' }), recordStep('filled', { value: '{{input.root}}' })],
      {
        input: INPUT,
      },
    ),
  );
  const got = new Map(fleet.ledger(plan.id).flatMap(({ what, stepId, value }) => (what === 'start' ? [[stepId, value]] : [])));
  expect(['fixed', 'escaped', 'filled'].map((step) => got.get(step))).toEqual([1, '{{x', 'src']);
  expect(plan.steps.map(({ input, resolvedInput }) => [input, resolvedInput])).toEqual([
    [{ value: 1 }, null],
    [{ value: '\\{{x' }, { value: '{{x' }],
    [{ value: '{{input.root}}' }, { value: 'src' }],
  ]);
});

describe('what can never have a value is refused before anybody approves it, with its place', () => {
  const base: StepDraft[] = [
    { id: 'list', tool: 'fs.list', input: { path: '.' } },
    recordStep('plain'),
    {
      id: 'ask',
      tool: 'human.input',
      input: { question: 'Which?', schema: { type: 'object', properties: { branch: { type: 'string' } }, additionalProperties: false } },
    },
  ];
  const cases: [Partial<StepDraft>, string, string, string][] = [
    [{ input: { value: '{{lisst.output}}' } }, 'input.value', 'unknown_reference', 'there is no step `lisst`'],
    [{ input: { value: [{ deep: ['x', '{{list.result}}'] }] } }, 'input.value[0].deep[1]', 'unknown_reference', '`output`, `status`'],
    [{ input: { value: { 'a key': '{{list.output.fils}}' } } }, 'input.value["a key"]', 'unknown_reference', 'has no `fils`'],
    [{ input: { value: '{{list.output.files.path}}' } }, 'input.value', 'unknown_reference', 'is a list'],
    [{ input: { value: '{{list.output.total.x}}' } }, 'input.value', 'unknown_reference', 'nothing lies below it'],
    [{ input: { value: '{{list.status.code}}' } }, 'input.value', 'unknown_reference', '`output`, `status`'],
    [{ input: { value: '{{plain.error.stack}}' } }, 'input.value', 'unknown_reference', 'has no `stack`'],
    [{ input: { value: '{{plain.approval.data}}' } }, 'input.value', 'unknown_reference', 'is no gate'],
    [{ input: { value: '{{ask.output.brunch}}' } }, 'input.value', 'unknown_reference', 'has no `brunch`'],
    [{ input: { value: '{{task.owner}}' } }, 'input.value', 'unknown_reference', '`id` and `objective`'],
    [{ input: { value: '{{item.path}}' } }, 'input.value', 'unknown_reference', 'forEach'],
    [{ input: { value: '{{input..x}}' } }, 'input.value', 'unknown_reference', "a name must follow the '.'"],
    [{ input: { value: '{{}}' } }, 'input.value', 'unknown_reference', 'empty'],
    [{ input: { value: '{{here.output}}' } }, 'input.value', 'cycle', 'wait for itself'],
    [{ when: '{{nobody.status}} == 1' }, 'when', 'unknown_reference', 'there is no step `nobody`'],
    [{ forEach: '{{list.output.paths}}' }, 'forEach', 'unknown_reference', 'has no `paths`'],
    [{ forEach: 'the {{list.output.files}}' }, 'forEach', 'bad_input', 'one placeholder alone'],
    [{ approval: { message: 'Use {{nobody.output}}?' } }, 'approval.message', 'unknown_reference', 'there is no step `nobody`'],
  ];

  test.each(cases)('%j', async (more, path, code, message) => {
    const body = draft([...base, recordStep('here', {}, more)]);
    const issue = { path: `steps[3].${path}`, code, message: expect.stringContaining(message) };
    const checked = await fleet.call('POST', '/v1/plans/validate', { body });
    expect([checked.status, checked.body]).toEqual([200, { valid: false, issues: [issue] }]);
    const refused = await fleet.call('POST', '/v1/plans', { body });
    expect([refused.status, refused.body.code, refused.body.issues]).toEqual([422, 'invalid_plan', [issue]]);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
  });

  test('all of them at once', async () => {
    const steps = [...base, ...cases.map(([more], index) => recordStep(index === 13 ? 'here' : `s${index}`, {}, more))];
    const { issues } = (await fleet.call('POST', '/v1/plans/validate', { body: draft(steps) })).body;
    const places = issues.map(({ path, code }: { path: string; code: string }) => `${path} ${code}`);
    expect(places.sort()).toEqual(cases.map(([, path, code], index) => `steps[${index + base.length}].${path} ${code}`).sort());
  });
});
