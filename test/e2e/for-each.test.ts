import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json, PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { mostAtOnce, placeOf } from './ledger.ts';
import { recordStep, statuses, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2, env: { EXECUTOR_CONCURRENCY: '20' } });
});
afterAll(() => fleet?.close());

const draft = (steps: StepDraft[], more: Partial<PlanDraft> = {}): PlanDraft => ({ objective: 'once for each', steps, ...more });
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const each = (forEach: StepDraft['forEach'], more: Partial<StepDraft> = {}): StepDraft =>
  recordStep('each', { value: '{{item}}' }, { forEach, ...more });

describe('a list gives the outputs of its elements, in order', () => {
  test('no elements: nothing is called, and the output is an empty list', async () => {
    const plan = await fleet.launchUntil(
      draft([each('{{input.list}}'), recordStep('after', { value: '{{each.output}}' })], { input: { list: [] } }),
    );
    expect(stepOf(plan, 'each')).toMatchObject({ status: 'completed', output: [] });
    expect(fleet.ledger(plan.id).map(({ stepId, what, value }) => [stepId, what, value])).toEqual([
      ['after', 'start', []],
      ['after', 'end', undefined],
    ]);
  });

  test('one element: a list of one', async () => {
    const plan = await fleet.launchUntil(draft([each(['only'])]));
    expect(plan.steps[0]).toMatchObject({ status: 'completed', output: [{ value: 'only' }] });
    expect(fleet.calls(plan.id)).toEqual(['each[0]']);
  });

  test('elements of every type keep it, `index` counts them from 0, and placeholders in a written list are values', async () => {
    const list: Json[] = [1, 'text', true, null, [1, 2], { a: ['deep'] }, '{{input.x}}', 'x is {{input.x}}', '\\{{input.x}}'];
    const plan = await fleet.launchUntil(
      draft(
        [
          recordStep(
            'each',
            { value: { item: '{{item}}', at: '{{index}}', text: '{{index}}: {{item}}', inside: '{{item.a[0]}}' } },
            { forEach: list },
          ),
        ],
        { input: { x: ['{{input.x}}'] } },
      ),
    );
    const values = (stepOf(plan, 'each').output as { value: { item: Json; at: number; text: string; inside: Json } }[]).map(
      ({ value }) => value,
    );
    const items = [...list.slice(0, 6), ['{{input.x}}'], 'x is ["{{input.x}}"]', '{{input.x}}'];
    expect(values.map(({ item }) => item)).toEqual(items);
    expect(values.map(({ at }) => at)).toEqual(range(9));
    expect(values.map(({ text }) => text).slice(0, 6)).toEqual(['0: 1', '1: text', '2: true', '3: ', '4: [1,2]', '5: {"a":["deep"]}']);
    expect(values.map(({ inside }) => inside)).toEqual([null, null, null, null, null, 'deep', null, null, null]);
  });

  test('1,000 elements: each once, under the cap, in order', async () => {
    const plan = await fleet.launchUntil(
      draft(
        [
          recordStep('list', { value: range(1000) }),
          each('{{list.output.value}}'),
          recordStep('last', { value: ['{{each.output[999].value}}', '{{each.output.7}}', '{{each.output[1000]}}'] }),
        ],
        { options: { maxParallelSteps: 12 } },
      ),
    );
    expect(stepOf(plan, 'each').output).toEqual(range(1000).map((value) => ({ value })));
    expect(stepOf(plan, 'last').output).toEqual({ value: [999, { value: 7 }, null] });
    const lines = fleet.ledger(plan.id);
    expect(fleet.calls(plan.id).sort()).toEqual(['last', 'list', ...range(1000).map((i) => `each[${i}]`)].sort());
    expect(mostAtOnce(lines)).toBeLessThanOrEqual(12);
    expect(placeOf(lines, 'last', 'start')).toBe(lines.length - 2);
    expect(stepOf(plan, 'each').children).toHaveLength(1000);
    expect(plan.progress).toMatchObject({ total: 3, completed: 3, percent: 100 });
  });

  test('elements that end in the opposite order do not change it', async () => {
    const files = range(4).map((i) => join(fleet.folder, `turned${i}`));
    const { id } = await fleet.launch(
      draft([recordStep('each', { value: '{{index}}', holdUntil: '{{item}}' }, { forEach: files })], { options: { maxParallelSteps: 4 } }),
    );
    await fleet.untilLedger(id, ({ what }) => what === 'start', 4);
    for (const i of [3, 2, 1, 0]) {
      expect(existsSync(files[i] as string)).toBe(false);
      writeFileSync(files[i] as string, '');
      await fleet.untilLedger(id, ({ stepId, what }) => stepId === `each[${i}]` && what === 'end');
    }
    const plan = await fleet.until(id, 'completed');
    const ended = fleet.ledger(id).filter(({ what }) => what === 'end');
    expect(ended.map(({ stepId }) => stepId)).toEqual(['each[3]', 'each[2]', 'each[1]', 'each[0]']);
    expect(plan.steps[0]?.output).toEqual(range(4).map((value) => ({ value })));
  });
});

test('elements take the places of their plan, in order; each is shown with where it stands', async () => {
  const gate = fleet.gate('places');
  const { id } = await fleet.launch(
    draft([recordStep('each', { value: '{{item}}', holdUntil: gate.file }, { forEach: range(6) }), recordStep('later')], {
      options: { maxParallelSteps: 3 },
    }),
  );
  // The step itself had a place until it was expanded, so `later` may have been admitted beside it.
  await fleet.untilLedger(id, ({ what, stepId }) => what === 'start' && stepId !== 'later', 3);
  await expect.poll(async () => (await fleet.plan(id)).steps[0]?.children?.filter(({ status }) => status === 'running').length).toBe(3);
  const during = await fleet.plan(id);
  const { children, ...step } = stepOf(during, 'each');
  expect(step).toMatchObject({ status: 'running', attempt: 1, output: null });
  expect(
    children?.map(({ id: child, index, item, status, attempt, reason }) => [child, index, item, status, attempt, reason?.kind]),
  ).toEqual([
    ...range(3).map((i) => [`each[${i}]`, i, i, 'running', 1, undefined]),
    ...range(3).map((i) => [`each[${i + 3}]`, i + 3, i + 3, 'ready', 0, 'cap']),
  ]);
  expect(during.progress).toMatchObject({ total: 2, running: 1 });
  gate.open();
  const plan = await fleet.until(id, 'completed');
  expect(mostAtOnce(fleet.ledger(id))).toBe(3);
  expect(fleet.calls(id).sort()).toEqual([...range(6).map((i) => `each[${i}]`), 'later']);
  const admitted = (await fleet.events(id)).flatMap(({ type, stepId }) => (type === 'step.queued' ? [stepId] : []));
  expect(admitted.filter((child) => child?.startsWith('each['))).toEqual(range(6).map((i) => `each[${i}]`));
  expect(stepOf(plan, 'each').children?.map(({ status, output, resolvedInput, error }) => [status, output, resolvedInput, error])).toEqual(
    range(6).map((value) => ['completed', { value }, { value, holdUntil: gate.file }, null]),
  );
});

test('elements stand where their step does: one at a time, they go before the steps behind it in the array', async () => {
  const plan = await fleet.launchUntil(
    draft([each(range(3)), recordStep('later'), recordStep('more', {}, { forEach: range(2) }), recordStep('last')], {
      options: { allowParallel: false },
    }),
  );
  expect(fleet.calls(plan.id)).toEqual(['each[0]', 'each[1]', 'each[2]', 'later', 'more[0]', 'more[1]', 'last']);
});

test('every element has events, an attempt and an idempotency key of its own', async () => {
  const plan = await fleet.launchUntil(draft([each(['a', 'b', 'c'])]));
  const lines = fleet.ledger(plan.id).filter(({ what }) => what === 'start');
  expect(lines.map(({ stepId, key, attempt }) => [stepId, key, attempt]).sort()).toEqual(
    range(3).map((i) => [`each[${i}]`, `${plan.id}.each[${i}].1`, 1]),
  );
  const events = await fleet.events(plan.id);
  for (const i of range(3)) {
    const own = events.filter(({ stepId }) => stepId === `each[${i}]`);
    expect(own.map(({ type }) => type)).toEqual(['step.ready', 'step.queued', 'step.started', 'step.completed']);
  }
  expect(events.flatMap(({ type, stepId }) => (stepId === 'each' ? [type] : []))).toEqual([
    'step.ready',
    'step.queued',
    'step.started',
    'step.completed',
  ]);
  expect(events.slice(-2).map(({ type, stepId }) => [type, stepId])).toEqual([
    ['step.completed', 'each'],
    ['plan.completed', undefined],
  ]);
});

describe('what can not be expanded fails the step once, and nothing is called', () => {
  test.each([
    [{ a: 1 }, 'invalid_input', 'forEach needs a list, got an object'],
    ['a,b', 'invalid_input', 'forEach needs a list, got text'],
    [3, 'invalid_input', 'forEach needs a list, got a number'],
    [true, 'invalid_input', 'forEach needs a list, got a boolean'],
    [null, 'invalid_input', 'forEach needs a list, got null'],
    [undefined, 'invalid_input', 'forEach needs a list, got null'],
    [[1, 2, 3, 4], 'limit_exceeded', 'forEach may have 3 elements here (maxItems), the list has 4'],
  ])('%j', async (list, code, message) => {
    const plan = await fleet.launchUntil(
      draft([each('{{input.list}}', { maxItems: 3, retry: { maxAttempts: 3, delayMs: 1 } })], {
        input: list === undefined ? {} : { list },
      }),
      'failed',
    );
    expect(plan.steps[0]).toMatchObject({ status: 'failed', attempt: 1, children: null, error: { code, message, retryable: false } });
    expect(fleet.ledger(plan.id)).toEqual([]);
  });

  test('as many as `maxItems` are fine', async () => {
    const plan = await fleet.launchUntil(draft([each('{{input.list}}', { maxItems: 3 })], { input: { list: [1, 2, 3] } }));
    expect(plan.steps[0]?.output).toHaveLength(3);
  });

  test('a written list that is too long, or is none, is refused before', async () => {
    for (const [more, code] of [
      [{ forEach: [1, 2, 3], maxItems: 2 }, 'limit_exceeded'],
      [{ forEach: 'a,b' }, 'bad_input'],
      [{ forEach: 3 }, 'bad_input'],
      [{ forEach: range(10_001) }, 'limit_exceeded'],
    ] as [Partial<StepDraft>, string][]) {
      const answer = await fleet.call('POST', '/v1/plans', { body: draft([recordStep('each', {}, more)]) });
      expect([answer.status, answer.body.issues]).toEqual([422, [{ path: 'steps[0].forEach', code, message: expect.any(String) }]]);
    }
  });

  test('outputs that are too large together fail the step', async () => {
    const plan = await fleet.launchUntil(
      draft([recordStep('each', { value: '{{input.long}}' }, { forEach: range(11) })], { input: { long: 'x'.repeat(100_000) } }),
      'failed',
    );
    expect(plan.steps[0]).toMatchObject({ status: 'failed', error: { code: 'output_too_large' } });
    expect(plan.steps[0]?.children?.every(({ status }) => status === 'completed')).toBe(true);
  });
});

test('a condition is looked at once, before there are elements', async () => {
  const plan = await fleet.launchUntil(
    draft([
      recordStep('list', { value: [1, 2] }),
      each('{{list.output.value}}', { when: '{{list.output.value}} contains 3' }),
      recordStep('other', { value: '{{item}}' }, { forEach: '{{list.output.value}}', when: '{{list.output.value}} contains 2' }),
      recordStep('behind', { value: '{{each.output[0]}}' }, { runIf: 'none_failed' }),
    ]),
  );
  expect(stepOf(plan, 'each')).toMatchObject({ status: 'skipped', children: null, reason: { kind: 'condition_false' } });
  expect(fleet.calls(plan.id).sort()).toEqual(['behind', 'list', 'other[0]', 'other[1]']);
  expect(stepOf(plan, 'behind').output).toEqual({ value: null });
});

test('a gate asks once for all elements, and its answer can be the list', async () => {
  const { id } = await fleet.launch(
    draft([
      each(['a', 'b', 'c'], { approval: { message: 'All three?' } }),
      recordStep(
        'chosen',
        { value: '{{item}} for {{chosen.approval.data.why}}' },
        { forEach: '{{chosen.approval.data.list}}', approval: {} },
      ),
    ]),
  );
  await expect.poll(async () => statuses((await fleet.plan(id)).steps)).toEqual({ each: 'awaiting_approval', chosen: 'awaiting_approval' });
  expect(fleet.ledger(id)).toEqual([]);
  await fleet.act(id, 'steps/chosen/approve', { data: { list: ['x', 'y'], why: 'fun' } });
  await fleet.untilLedger(id, ({ what }) => what === 'end', 2);
  expect(fleet.calls(id).sort()).toEqual(['chosen[0]', 'chosen[1]']);
  await fleet.act(id, 'steps/each/approve');
  const plan = await fleet.until(id, 'completed');
  expect(stepOf(plan, 'chosen').output).toEqual([{ value: 'x for fun' }, { value: 'y for fun' }]);
  const asked = (await fleet.events(id)).flatMap(({ type, stepId }) => (type === 'step.awaiting_approval' ? [stepId] : []));
  expect(asked.sort()).toEqual(['chosen', 'each']);
  expect(fleet.calls(id)).toHaveLength(5);
});

test('a list of a list: the outputs of one step are the elements of the next', async () => {
  const plan = await fleet.launchUntil(
    draft([
      each(range(3)),
      recordStep('next', { value: '{{index}}:{{item.value}}' }, { forEach: '{{each.output}}' }),
      recordStep('join', { value: '{{next.output}}' }),
    ]),
  );
  expect(stepOf(plan, 'join').output).toEqual({ value: range(3).map((i) => ({ value: `${i}:${i}` })) });
});

test('the tools of conditions can be asked for each element; a side can not hang on it', async () => {
  const check: StepDraft = { id: 'check', tool: 'condition', input: { expression: '{{item}} > 1' }, forEach: [1, 2, 3] };
  const plan = await fleet.launchUntil(draft([check]));
  expect(plan.steps[0]?.output).toEqual([false, true, true]);
  const answer = await fleet.call('POST', '/v1/plans', { body: draft([{ ...check, ifTrue: ['a'] }, recordStep('a')]) });
  expect([answer.status, answer.body.issues[0]]).toMatchObject([422, { path: 'steps[0].ifTrue', code: 'bad_input' }]);
});
