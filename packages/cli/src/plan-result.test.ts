import type { Plan, StepView } from '@countersign/shared';
import { expect, test } from 'vitest';
import { resultLines } from './plan-result.ts';
import { openTerminal } from './terminal.ts';

const terminal = openTerminal({ write: () => true, isTTY: false }, {});
const step = (fields: Partial<StepView>): StepView =>
  ({ status: 'completed', risk: 'read', input: {}, resolvedInput: null, output: null, ...fields }) as StepView;
const plan = (fields: Partial<Plan>): Plan =>
  ({
    status: 'completed',
    durationMs: 1_234,
    progress: { total: 2, completed: 2, failed: 0, skipped: 0, cancelled: 0, running: 0, waiting: 0, percent: 100 },
    steps: [],
    response: null,
    error: null,
    ...fields,
  }) as Plan;

test('numbers of the outputs, lengths of their lists, and the files that were written', () => {
  const steps = [
    step({ id: 'count', output: { files: 1200, lines: 30, byExtension: [1, 2], none: [], skipped: 0, text: 'x' } }),
    step({ id: 'write', risk: 'write', resolvedInput: { path: 'out/audit.md' }, output: { bytes: 10 } }),
    step({ id: 'lost', risk: 'write', status: 'failed', resolvedInput: { path: 'never.md' } }),
  ];
  expect(resultLines(plan({ steps }), '/repo', terminal)).toEqual([
    'Plan completed in 1.2 s: 2 of 2 steps completed',
    '',
    'Numbers',
    '  count: files 1,200, lines 30, 2 byExtension',
    '  write: bytes 10',
    '',
    'Written: /repo/out/audit.md',
  ]);
});

test('a failed plan says what failed', () => {
  const progress = { total: 3, completed: 1, failed: 1, skipped: 1, cancelled: 0, running: 0, waiting: 0, percent: 99 };
  const error = { code: 'tool_error', message: 'count failed: no such folder', stepId: 'count' };
  expect(resultLines(plan({ status: 'failed', progress, error }), '/repo', terminal)).toEqual([
    'Plan failed in 1.2 s: 1 of 3 steps completed, 1 failed, 1 skipped',
    'count failed: no such folder',
  ]);
});

test('the planner’s closing words keep their lines', () => {
  expect(resultLines(plan({ response: 'First.\nSecond.' }), '/repo', terminal).slice(1)).toEqual(['', 'First.', 'Second.']);
});
