import { expect, test } from 'vitest';
import { retryDelay, retryPolicySchema } from './retry.ts';

const policy = (fields: object) => retryPolicySchema.parse(fields);

test('an exponential delay doubles from the first failure on, up to its limit', () => {
  const exponential = policy({ maxAttempts: 9, delayMs: 500, maxDelayMs: 3_000 });
  expect([1, 2, 3, 4, 5, 100].map((attempt) => retryDelay(exponential, attempt))).toEqual([500, 1_000, 2_000, 3_000, 3_000, 3_000]);
});

test('a fixed delay stays, and its limit holds too', () => {
  expect([1, 2, 50].map((attempt) => retryDelay(policy({ backoff: 'fixed', delayMs: 700 }), attempt))).toEqual([700, 700, 700]);
  expect(retryDelay(policy({ backoff: 'fixed', delayMs: 700, maxDelayMs: 100 }), 1)).toBe(100);
});

test('jitter takes away at most its share', () => {
  const jittered = policy({ backoff: 'fixed', delayMs: 1_000, jitter: 0.5 });
  expect(retryDelay(jittered, 1, () => 0)).toBe(1_000);
  expect(retryDelay(jittered, 1, () => 0.5)).toBe(750);
  expect(retryDelay(jittered, 1, () => 0.999_999)).toBe(500);
});

test.each([{ maxAttempts: 0 }, { maxAttempts: 1.5 }, { delayMs: -1 }, { jitter: 2 }, { backoff: 'linear' }, { extra: 1 }])(
  '%j is no retry policy',
  (fields) => expect(retryPolicySchema.safeParse(fields).success).toBe(false),
);
