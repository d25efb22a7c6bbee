import { expect, test } from 'vitest';
// @ts-expect-error: plain JavaScript, which runs before anything is installed
import { fuzzOptions } from './fuzz-options.mjs';

test('what is given is taken, what is left out has its value, and a seed is chosen', () => {
  expect(fuzzOptions(['--seed', '7', '--requests=500'])).toEqual({ env: { FUZZ_SEED: '7', FUZZ_REQUESTS: '500' }, problems: [] });
  expect(fuzzOptions([]).env).toEqual({ FUZZ_SEED: expect.stringMatching(/^\d+$/), FUZZ_REQUESTS: '20000' });
});

test.each([
  [['--seed', '-1'], "Option '--seed' argument is ambiguous"],
  [['--requests', '99'], '--requests is "99"; it must be a whole number of at least 100'],
  [['--minutes', '3'], "Unknown option '--minutes'; there is --seed, --requests"],
])('%j is refused with what would be right', (args, problem) => {
  expect(fuzzOptions(args).problems).toEqual([expect.stringContaining(problem)]);
});
