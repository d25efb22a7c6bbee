import { expect, test } from 'vitest';
import { MOST_SHARDS, newId, PLAN_ID, RESERVED_STEP_IDS, STEP_ID, shardOf, stepIdempotencyKey, stepJobId, TASK_ID } from './ids.ts';

const zeros = (length: number): Uint8Array => new Uint8Array(length);

test('an id holds its prefix, its time and its randomness, and no colon', () => {
  expect(newId('tsk', { now: 0, random: zeros })).toBe('tsk_0000000000000000000000');
  expect(newId('pln', { now: 1_792_000_000_000, random: (length) => new Uint8Array(length).fill(255) })).toMatch(PLAN_ID);
  expect(newId('tsk')).toMatch(TASK_ID);
  expect(newId('pln')).not.toContain(':');
});

test('ids sort by age', () => {
  const times = [0, 31, 32, 1_700_000_000_000, 1_700_000_000_001, 2 ** 44];
  const ids = times.map((time) => newId('pln', { now: time, random: zeros }));
  expect([...ids].sort()).toEqual(ids);
});

test('two ids of one moment differ', () => {
  expect(new Set(Array.from({ length: 1_000 }, () => newId('tsk', { now: 5 }))).size).toBe(1_000);
});

test('an id says which shard it lies in, and those of the first shard look as they always did', () => {
  expect(newId('pln', { shard: 0 })).toHaveLength('pln_'.length + 22);
  for (const shard of [0, 1, 31, 32, 63, MOST_SHARDS - 1]) {
    expect(shardOf(newId('pln', { shard }))).toBe(shard);
    expect(newId('pln', { shard })).toMatch(PLAN_ID);
    expect(newId('tsk', { shard })).toMatch(TASK_ID);
  }
  expect(newId('tsk', { shard: 33, now: 0, random: zeros })).toBe('tsk_000000000000000000000011');
});

test.each([-1, 1.5, MOST_SHARDS])('there is no shard %d', (shard) => {
  expect(() => newId('pln', { shard })).toThrow(RangeError);
});

test('one plan has one id: the number of the first shard is never written', () => {
  const id = newId('pln', { random: zeros });
  for (const wrong of [`${id}00`, `${id}1`, `${id}0u`, `${id}001`, `${id}01\n`]) expect(wrong).not.toMatch(PLAN_ID);
  expect(`${id}01`).toMatch(PLAN_ID);
});

test.each(['', 'pln_', 'nonsense', 'pln_0000000000000000000000uu', 'pln_0000000000000000000000xyz'])(
  'what is no id, %j, is looked for in the first shard',
  (text) => expect(shardOf(text)).toBe(0),
);

test('ids of all shards sort by age', () => {
  const ids = Array.from({ length: 500 }, (_, i) => newId('tsk', { now: 1_700_000_000_000 + i, shard: (i * 7) % 64 }));
  expect([...ids].sort()).toEqual(ids);
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
