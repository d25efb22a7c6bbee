import { describe, expect, test } from 'vitest';
import { content, context, issues, steps } from '../test/validating.ts';
import { validatePlan } from './validate.ts';

test('a plan in its shortest form gets every default', () => {
  const {
    steps: [step],
    options,
    tools,
    input,
  } = content(steps({ id: 'a', tool: 'any' }));
  expect(step).toMatchObject({ input: {}, dependsOn: [], onError: 'stop', timeoutMs: 30_000, retry: { maxAttempts: 1 }, when: null });
  expect(options).toMatchObject({ requireApproval: true, autoApprove: false, maxParallelSteps: 3, stopOnError: true });
  expect(Object.keys(tools)).toEqual(['any']);
  expect(input).toEqual({});
});

test('the signed contracts are those of the tools in use, without their examples', () => {
  const { tools } = content(steps({ id: 'a', tool: 'slow' }, { id: 'b', tool: 'any' }, { id: 'c', tool: 'any' }));
  expect(Object.keys(tools)).toEqual(['any', 'slow']);
  expect(tools.slow).not.toHaveProperty('examples');
});

describe('timeouts and retries come from the step, else the plan where it says so, else the tool', () => {
  const slow = { id: 'a', tool: 'slow' };
  test.each([
    [steps(slow), 90_000, 4],
    [{ ...steps(slow), options: { stepTimeoutMs: 5, retry: { maxAttempts: 2 } } }, 5, 2],
    [{ ...steps({ ...slow, timeoutMs: 7, retry: { maxAttempts: 3 } }), options: { stepTimeoutMs: 5 } }, 7, 3],
  ])('%#', (draft, timeoutMs, maxAttempts) => {
    expect(content(draft).steps[0]).toMatchObject({ timeoutMs, retry: { maxAttempts } });
  });
});

test('every issue is reported at once, each where it is', () => {
  const draft = {
    objective: ' ',
    color: 'red',
    options: { maxParallelSteps: 0, speed: 9 },
    steps: [
      { id: '2nd', tool: 'any' },
      { id: 'a', tool: 'nope' },
      { id: 'a', tool: 'get', input: { times: 'x', extra: 1 }, colour: 1, dependsOn: ['a0', 7], timeoutMs: 0, onError: 'retry' },
      { id: 'input', tool: 'any', input: { x: '{{b.output}} {{nope}} {{a..b}}' }, retry: { maxAttempts: 0, tries: 1 } },
      'no step',
    ],
  };
  expect(issues(draft).sort()).toEqual(
    [
      'objective bad_input',
      'color unknown_field',
      'options.maxParallelSteps bad_option',
      'options.speed unknown_field',
      'steps[0].id bad_id',
      'steps[1].tool unknown_tool',
      'steps[2].id duplicate_id',
      'steps[2].input.url bad_input',
      'steps[2].input.times bad_input',
      'steps[2].input.extra bad_input',
      'steps[2].colour unknown_field',
      'steps[2].dependsOn[0] unknown_step',
      'steps[2].dependsOn[1] unknown_step',
      'steps[2].timeoutMs bad_option',
      'steps[2].onError bad_option',
      'steps[3].id bad_id',
      'steps[3].input.x unknown_reference',
      'steps[3].input.x unknown_reference',
      'steps[3].input.x unknown_reference',
      'steps[3].retry.maxAttempts bad_option',
      'steps[3].retry.tries unknown_field',
      'steps[4] bad_input',
    ].sort(),
  );
});

test.each([
  [null, [' bad_input']],
  [[], [' bad_input']],
  [{ objective: 'x' }, ['steps bad_input']],
  [{ objective: 'x', steps: {} }, ['steps bad_input']],
  [{ objective: 'x', steps: [] }, ['steps limit_exceeded']],
  [{ steps: [{ id: 'a', tool: 'any' }] }, ['objective bad_input']],
  [{ objective: 7, steps: [{ id: 'a', tool: 'any' }] }, ['objective bad_input']],
  [{ objective: 'x'.repeat(10_001), steps: [{ id: 'a', tool: 'any' }] }, ['objective limit_exceeded']],
  [{ objective: 'x', input: [], steps: [{ id: 'a', tool: 'any', input: 'x' }] }, ['input bad_input', 'steps[0].input bad_input']],
])('%#: a document of the wrong form is an issue', (draft, expected) => expect(issues(draft).sort()).toEqual([...expected].sort()));

describe('dependencies', () => {
  test('a reference implies its dependency once', () => {
    const plan = content(
      steps({ id: 'a', tool: 'any' }, { id: 'b', tool: 'any', input: { x: '{{a.output}} {{a.status}}', y: '{{input.z}} {{task.id}}' } }),
    );
    expect(plan.steps[1]?.dependsOn).toEqual(['a']);
  });

  test('a dependency written twice counts once, and an unknown one is reported where it is written', () => {
    const a = { id: 'a', tool: 'any' };
    expect(content(steps(a, { id: 'b', tool: 'any', dependsOn: ['a', 'a'] })).steps[1]?.dependsOn).toEqual(['a']);
    expect(issues(steps(a, { id: 'b', tool: 'any', dependsOn: ['a', 'a', 'x'] }))).toEqual(['steps[1].dependsOn[2] unknown_step']);
  });

  test('a step without a valid id cannot be named', () => {
    expect(issues(steps({ id: '', tool: 'any' }, { id: 'b', tool: 'any', dependsOn: [''] }))).toEqual([
      'steps[0].id bad_id',
      'steps[1].dependsOn[0] unknown_step',
    ]);
  });

  test('a cycle is named, also one that references make', () => {
    const result = validatePlan(
      steps(
        { id: 'a', tool: 'any', input: { x: '{{c.output}}' } },
        { id: 'b', tool: 'any', dependsOn: ['a'] },
        { id: 'c', tool: 'any', dependsOn: ['b'] },
      ),
      context,
    );
    expect(result.issues).toMatchObject([
      { path: 'steps[0].dependsOn', code: 'cycle', message: expect.stringContaining('a -> c -> b -> a') },
    ]);
    expect(issues(steps({ id: 'a', tool: 'any', dependsOn: ['a'] }))).toEqual(['steps[0].dependsOn cycle']);
  });

  test('many dependencies of many steps are read in little time', () => {
    const ids = Array.from({ length: 5_000 }, (_, at) => `s${at}`);
    const sources = ids.map((id) => ({ id, tool: 'any' }));
    const sinks = Array.from({ length: 40 }, (_, at) => ({ id: `sink${at}`, tool: 'any', dependsOn: ids }));
    expect(content(steps(...sources, ...sinks)).steps.at(-1)?.dependsOn).toHaveLength(5_000);
  });
});

describe('inputs are checked as far as they are known', () => {
  test.each([
    [{ url: '{{input.url}}' }, []],
    [{ url: 'http://x', times: '{{input.n}}' }, []],
    [{ url: '{{input.u}}', times: 'two' }, ['steps[0].input.times bad_input']],
    [{ times: '{{input.n}}' }, ['steps[0].input.url bad_input']],
    [{ url: 'x' }, ['steps[0].input.url bad_input']],
  ])('%j', (input, expected) => expect(issues(steps({ id: 's', tool: 'get', input }))).toEqual(expected));

  test('a choice at the top of a schema waits for its placeholders', () => {
    expect(issues(steps({ id: 's', tool: 'either', input: { a: '{{input.n}}' } }))).toEqual([]);
    expect(issues(steps({ id: 's', tool: 'either', input: { a: 'text' } }))).toHaveLength(1);
  });
});

describe('the expression of a condition', () => {
  const condition = (expression: string) => steps({ id: 'a', tool: 'any' }, { id: 'c', tool: 'condition', input: { expression } });

  test('is read as a condition and implies its dependencies', () => {
    expect(content(condition(`'{{a.output.name}}' == 'x'`)).steps[1]?.dependsOn).toEqual(['a']);
  });

  test('that cannot be read is an issue with its column', () => {
    expect(validatePlan(condition('{{a.output}}==1'), context).issues).toMatchObject([
      { path: 'steps[1].input.expression', code: 'bad_condition', message: expect.stringMatching(/spaces around.*13/) },
    ]);
    expect(issues(condition('{{b.output}} == 1'))).toEqual(['steps[1].input.expression unknown_reference']);
  });

  test('may name a condition registered in code', () => {
    expect(issues(condition('weekend'))).toEqual(['steps[1].input.expression bad_condition']);
    expect(issues(condition('weekend'), { conditions: new Set(['weekend']) })).toEqual([]);
  });
});

test('a plan may be held to some of the tools, and is told which', () => {
  const result = validatePlan(steps({ id: 'a', tool: 'slow' }), { ...context, allowedTools: ['any'] });
  expect(result.issues).toMatchObject([{ path: 'steps[0].tool', code: 'unknown_tool', message: expect.stringContaining('any') }]);
});

describe('limits', () => {
  test('10,000 steps are a plan, one more is an issue', () => {
    const many = Array.from({ length: 10_000 }, (_, at) => ({ id: `s${at}`, tool: 'any', dependsOn: at === 0 ? [] : [`s${at - 1}`] }));
    expect(content(steps(...many)).steps).toHaveLength(10_000);
    expect(issues(steps(...many, { id: 'last', tool: 'any' }))).toEqual(['steps limit_exceeded']);
  });

  test('1 MB of inputs together', () => {
    expect(issues(steps({ id: 'a', tool: 'any', input: { x: 'x'.repeat(999_000) } }))).toEqual([]);
    expect(issues(steps({ id: 'a', tool: 'any', input: { x: 'é'.repeat(500_000) } }))).toEqual(['steps limit_exceeded']);
  });

  test('64 levels of JSON', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 60; level++) deep = [deep];
    expect(issues(steps({ id: 'a', tool: 'any', input: { deep } }))).toEqual([]);
    for (let level = 0; level < 50_000; level++) deep = [deep];
    expect(issues(steps({ id: 'a', tool: 'any', input: { deep } }))).toEqual([' limit_exceeded']);
  });
});

test('of millions of issues twenty thousand are listed, and the others counted', () => {
  const fields = Object.fromEntries(Array.from({ length: 30_000 }, (_, at) => [`field${at}`, 1]));
  const { issues } = validatePlan({ objective: 'x', steps: [fields] }, context);
  expect(issues).toHaveLength(20_001);
  expect(issues.at(-1)).toEqual({ path: '', code: 'limit_exceeded', message: 'there are 10002 more issues than these' });
});
