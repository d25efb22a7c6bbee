import { describe, expect, test } from 'vitest';
import { decidePolicy } from './policy.ts';

const READS = { read: 3, write: 1, destructive: 0 };
const REMOVES = { read: 0, write: 0, destructive: 1 };
const ASKS = { requireApproval: true, autoApprove: false };
const ASKS_NOBODY = [
  { requireApproval: false, autoApprove: false },
  { requireApproval: true, autoApprove: true },
];

test('a plan needs one approval', () => {
  expect(decidePolicy(ASKS, READS)).toEqual({ quorum: 1, reason: 'the plan asks for an approval' });
});

describe.each(ASKS_NOBODY)('with %j', (options) => {
  test('it needs none', () => {
    expect(decidePolicy(options, READS).quorum).toBe(0);
  });

  test('it needs one where a step is destructive', () => {
    expect(decidePolicy(options, REMOVES)).toEqual({ quorum: 1, reason: expect.stringContaining('destructive steps') });
  });

  test('it needs one where a planner wrote it anew', () => {
    expect(decidePolicy(options, READS, { rewritten: true })).toEqual({ quorum: 1, reason: expect.stringContaining('a planner writes') });
  });
});
