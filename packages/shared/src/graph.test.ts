import { expect, test } from 'vitest';
import { findCycles } from './graph.ts';

test('a graph without cycles has none to show', () => {
  expect(findCycles([])).toEqual([]);
  expect(findCycles([[], [0], [0, 1], [2, 0]])).toEqual([]);
});

test('a step that waits for itself is a cycle', () => expect(findCycles([[0]])).toEqual([[0]]));

test('each cycle starts at its lowest step and follows the dependencies', () => {
  expect(findCycles([[1], [2], [0]])).toEqual([[0, 1, 2]]);
  expect(findCycles([[], [3], [1], [2, 0]])).toEqual([[1, 3, 2]]);
});

test('two separate cycles are two, and what waits for a cycle is not part of it', () => {
  expect(findCycles([[1], [0], [3], [2], [0, 2]])).toEqual([
    [0, 1],
    [2, 3],
  ]);
});

test('a dependency written twice counts once', () => expect(findCycles([[], [0, 0]])).toEqual([]));

test('a chain of 10,000 steps is walked without recursion', () => {
  const chain = Array.from({ length: 10_000 }, (_, at) => (at === 0 ? [] : [at - 1]));
  expect(findCycles(chain)).toEqual([]);
  chain[0] = [9_999];
  expect(findCycles(chain)[0]).toHaveLength(10_000);
});
