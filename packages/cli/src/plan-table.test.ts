import type { StepView } from '@countersign/shared';
import { expect, test } from 'vitest';
import { stepLines } from './plan-table.ts';
import { openTerminal } from './terminal.ts';

const terminal = (columns: number, env = {}) => openTerminal({ write: () => true, isTTY: true, columns }, { NO_COLOR: '1', ...env });

type Row = Parameters<typeof stepLines>[0][number];
const row = (fields: Partial<StepView>): Row => ({
  id: 'list',
  tool: 'fs.list',
  description: 'List the files',
  input: { path: '.' },
  dependsOn: [],
  when: null,
  forEach: null,
  approval: null,
  risk: 'read',
  secrets: [],
  effects: null,
  ...fields,
});

test('a step is a row: id, tool, risk, what it waits for, what it does and with what', () => {
  expect(
    stepLines([row({}), row({ id: 'write', tool: 'fs.write', risk: 'write', dependsOn: ['list'], description: 'Write' })], terminal(100)),
  ).toEqual([
    'step   tool      risk   after  what it does',
    'list   fs.list   read   -      List the files',
    '                               path: .',
    'write  fs.write  write  list   Write',
    '                               path: .',
  ]);
});

test('what the tool says that the step will do stands below what the planner says, in full', () => {
  const effects = `reads ${'a very long path '.repeat(8)}and nothing else`;
  for (const width of [100, 40]) {
    const text = stepLines([row({ effects })], terminal(width)).map((line) => line.replace('list   fs.list   read   -', '').trim());
    expect(text.join(' ').replace(/\s+/g, ' ')).toContain(`List the files effect: ${effects} path: .`);
  }
});

test('conditions, repetitions and gates are shown before the signature', () => {
  const lines = stepLines(
    [row({ when: '{{list.output.total}} > 0', forEach: '{{list.output.files}}', approval: { message: 'Really?', quorum: 1 } })],
    terminal(100),
  ).join('\n');
  expect(lines).toContain('only if {{list.output.total}} > 0');
  expect(lines).toContain('for each of {{list.output.files}}');
  expect(lines).toContain('asks first: Really?');
});

test('a long name goes over several lines: no part of it is lost', () => {
  const id = 'a'.repeat(64);
  const lines = stepLines([row({ id })], terminal(120));
  expect(lines.map((line) => line.slice(0, 24).trim()).join('')).toContain(id);
});

test.each([20, 30, 40, 60, 80, 120])('no line is wider than a terminal of %i columns', (width) => {
  const steps = [row({ description: 'x'.repeat(300), input: { text: 'some words '.repeat(30) }, dependsOn: ['list', 'count'] })];
  for (const line of stepLines(steps, terminal(width))) expect(line.length).toBeLessThanOrEqual(width);
});

test('a narrow terminal gets a block per step', () => {
  expect(stepLines([row({ dependsOn: ['before'] })], terminal(40))).toEqual([
    'list (fs.list, read)',
    '  after before',
    '  List the files',
    '  path: .',
  ]);
});

test('texts of a plan cannot write on the terminal', () => {
  const evil = '\u001b[1A\u001b[2Kharmless\r';
  const lines = stepLines([row({ description: evil, input: { [evil]: evil }, effects: evil })], terminal(100)).join('\n');
  expect(lines).not.toContain('\u001b');
  expect(lines).not.toContain('\r');
});

test('a risk has a colour where colours are wanted', () => {
  expect(stepLines([row({ risk: 'destructive' })], terminal(100, { NO_COLOR: '' })).join('\n')).toContain(
    '\u001b[31mdestructive\u001b[39m',
  );
});

test('the secrets that a step uses are named', () => {
  const lines = stepLines([row({ secrets: ['KEY'] })], terminal(100));
  expect(lines.at(-1)?.trim()).toBe('uses secret KEY');
});
