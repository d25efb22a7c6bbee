import { expect, it } from 'vitest';
import { validateOptions } from './validate.ts';

const found = (options: unknown): string[] => validateOptions(options).map(({ path, code }) => `${path} ${code}`);

it('right options have no issues, and neither have none', () => {
  expect(found({ maxParallelSteps: 2, retry: { maxAttempts: 3 } })).toEqual([]);
  expect(found(undefined)).toEqual([]);
});

it('everything that is wrong comes at once: unknown, out of range, not supported yet', () => {
  expect(found({ nosuch: 1, maxParallelSteps: 0, summarize: true, retry: { maxAttempts: 0, often: 1 }, priority: 5 }).sort()).toEqual([
    'options.maxParallelSteps bad_option',
    'options.nosuch unknown_field',
    'options.priority bad_option',
    'options.retry.maxAttempts bad_option',
    'options.retry.often unknown_field',
    'options.summarize bad_option',
  ]);
});

it('what is not an object is one issue', () => {
  expect(found([])).toEqual(['options bad_option']);
  expect(found('all')).toEqual(['options bad_option']);
});
