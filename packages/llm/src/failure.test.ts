import { APIError } from 'openai';
import { describe, expect, test } from 'vitest';
import { retryWait } from './failure.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const busy = { code: 'model_rate_limited', message: '', retryable: true };
const answer = (headers: Record<string, string>) => new APIError(429, {}, '', new Headers(headers));
const wait = (headers: Record<string, string>, attempt = 1, error = busy) =>
  retryWait(answer(headers), { error, attempt, now: NOW, random: () => 0 });

describe('the wait before another attempt', () => {
  test.each([
    ['seconds', '7', 7_000],
    ['a fraction', '0.5', 500],
    ['a date', 'Thu, 01 Jan 2026 00:00:20 GMT', 20_000],
    ['a date that has passed', 'Wed, 31 Dec 2025 23:59:00 GMT', 0],
    ['more than a minute: none', '61', null],
    ['a word: as if it said nothing', 'soon', 500],
  ])('is what Retry-After says in %s', (_, header, expected) => {
    expect(wait({ 'retry-after': header })).toBe(expected);
  });

  test('is what retry-after-ms says, before Retry-After', () => {
    expect(wait({ 'retry-after-ms': '250', 'retry-after': '7' })).toBe(250);
    expect(wait({ 'retry-after-ms': 'soon', 'retry-after': '7' })).toBe(7_000);
  });

  test('doubles up to a limit where the server says nothing', () => {
    expect([1, 2, 3, 9].map((attempt) => wait({}, attempt))).toEqual([500, 1_000, 2_000, 8_000]);
  });

  test('is none after a timeout or an error that no waiting mends', () => {
    expect(wait({}, 1, { ...busy, code: 'model_timeout' })).toBeNull();
    expect(wait({}, 1, { ...busy, retryable: false })).toBeNull();
  });
});
