import { expect, test } from 'vitest';
import { askedDelay, attemptDelay } from './attempt-delay.ts';

const RETRY = { attempts: 8, backoffMs: 10_000, random: () => 0 };
const delays = (askedMs: number | null) => [1, 2, 3, 4, 5, 6, 7, 8].map((tries) => attemptDelay(tries, { ...RETRY, askedMs }));

test('eight attempts go from seconds to hours, and there is no ninth', () => {
  expect(delays(null)).toEqual([10_000, 40_000, 160_000, 640_000, 2_560_000, 10_240_000, 14_400_000, null]);
});

test('what the receiver asks for is waited for where it is longer', () => {
  expect(delays(60_000)).toEqual([60_000, 60_000, 160_000, 640_000, 2_560_000, 10_240_000, 14_400_000, null]);
});

test('those that failed together come back apart', () => {
  expect(attemptDelay(1, { ...RETRY, askedMs: null, random: () => 0.5 })).toBe(9_000);
});

const NOW = Date.parse('2026-03-02T09:00:00Z');
test.each([
  [null, null],
  ['120', 120_000],
  ['0', 0],
  ['Mon, 02 Mar 2026 09:00:30 GMT', 30_000],
  ['Mon, 02 Mar 2026 08:00:00 GMT', 0],
  ['86400', 3_600_000],
  ['soon', null],
  ['-5', 0],
])('Retry-After %j', (header, ms) => {
  expect(askedDelay(header, NOW)).toBe(ms);
});
