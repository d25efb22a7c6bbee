import { expect, test } from 'vitest';
import { newId, PLAN_ID, RESERVED_STEP_IDS, STEP_ID, stepIdempotencyKey, stepJobId, TASK_ID } from './ids.ts';

const zeros = (length: number): Uint8Array => new Uint8Array(length);

test('an id holds its prefix, its time and its randomness, and no colon', () => {
  expect(newId('tsk', 0, zeros)).toBe('tsk_0000000000000000000000');
  expect(newId('pln', 1_792_000_000_000, (length) => new Uint8Array(length).fill(255))).toMatch(PLAN_ID);
  expect(newId('tsk')).toMatch(TASK_ID);
  expect(newId('pln')).not.toContain(':');
});

test('ids sort by age', () => {
  const times = [0, 31, 32, 1_700_000_000_000, 1_700_000_000_001, 2 ** 44];
  const ids = times.map((time) => newId('pln', time, zeros));
  expect([...ids].sort()).toEqual(ids);
});

test('two ids of one moment differ', () => {
  expect(new Set(Array.from({ length: 1_000 }, () => newId('tsk', 5))).size).toBe(1_000);
});

test.each([
  ['count', true],
  ['Count_2-b', true],
  ['a'.repeat(64), true],
  ['a'.repeat(65), false],
  ['', false],
  ['2nd', false],
  ['_x', false],
  ['a.b', false],
  ['a:b', false],
  ['a b', false],
  ['count\n', false],
  ['über', false],
])('step id %j: %s', (id, valid) => expect(STEP_ID.test(id)).toBe(valid));

test('the roots of references are reserved', () => expect(RESERVED_STEP_IDS).toEqual(['input', 'task', 'item', 'index']));

test('job ids and idempotency keys differ by step, generation and delivery', () => {
  expect(stepJobId('pln_1', 'a', 1)).toBe('pln_1-a-1');
  expect(stepJobId('pln_1', 'a', 1, 2)).toBe('pln_1-a-1.2');
  expect(stepJobId('pln_1', 'a', 2)).not.toBe(stepJobId('pln_1', 'a-2', 2));
  expect(stepIdempotencyKey('pln_1', 'a', 2)).toBe('pln_1.a.2');
});
