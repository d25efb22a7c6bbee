import type { Event, Plan, StepView } from '@countersign/shared';
import { expect, test } from 'vitest';
import { liveProgress } from './live-progress.ts';
import { openTerminal } from './terminal.ts';

const plan = { steps: ['list', 'count', 'write'].map((id) => ({ id, tool: `fs.${id}` }) as StepView) } satisfies Pick<Plan, 'steps'>;

function screen(isTTY: boolean, columns = 60) {
  let written = '';
  const write = (text: string) => {
    written += text;
  };
  const progress = liveProgress(plan, openTerminal({ write, isTTY, columns }, { NO_COLOR: '1' }));
  return { progress, written: () => written };
}

const event = (type: Event['type'], stepId: string | undefined, fields: Partial<Event> = {}): Event => ({
  id: '1-0',
  type,
  planId: 'p',
  taskId: null,
  ...(stepId === undefined ? {} : { stepId }),
  revision: 1,
  at: '2026-01-01T00:00:00.000Z',
  data: {},
  ...fields,
});

test('a pipe gets one plain line for each start and each end', () => {
  const { progress, written } = screen(false);
  progress.show(event('plan.started', undefined));
  progress.show(event('step.started', 'list', { attempt: 1 }));
  progress.show(event('step.completed', 'list', { attempt: 1, at: '2026-01-01T00:00:00.250Z' }));
  progress.show(event('step.failed', 'count', { attempt: 2, data: { error: { code: 'tool_error', message: 'no\nsuch file' } } }));
  progress.show(event('step.skipped', 'write', { data: { reason: { kind: 'dependency_failed', text: 'count failed' } } }));
  expect(written().split('\n')).toEqual([
    '  started    list   fs.list',
    '  ok         list   fs.list  250 ms',
    '  failed     count  fs.count  attempt 2  no such file',
    '  skipped    write  fs.write  count failed',
    '',
  ]);
});

test('a terminal gets a bar with the share that has ended and the steps that run', () => {
  const { progress, written } = screen(true);
  progress.show(event('step.started', 'list'));
  progress.show(event('step.completed', 'list'));
  progress.show(event('step.started', 'count'));
  const last = written().split('\u001b[2K').at(-1);
  expect(last).toBe('[########----------------] 33%  1 of 3  running: count');
  progress.clear();
  expect(written().endsWith('\r\u001b[2K')).toBe(true);
});

test('the bar never fills a line, so that it can be taken back', () => {
  const { progress, written } = screen(true, 40);
  for (const id of ['list', 'count', 'write']) progress.show(event('step.started', id));
  expect(written().split('\u001b[2K').at(-1)?.length).toBeLessThan(40);
});

test('the children of a repeated step are not counted', () => {
  const { progress, written } = screen(true);
  progress.show(event('step.completed', 'count[0]'));
  progress.show(event('step.started', 'list'));
  expect(written()).toContain('0 of 3');
});
