import { expect, it } from 'vitest';
import { planOptionsSchema } from './plan.ts';
import { validateOptions } from './validate.ts';

const found = (options: unknown): string[] => validateOptions(options).map(({ path, code }) => `${path} ${code}`);

it('right options have no issues, and neither have none', () => {
  expect(found({ maxParallelSteps: 2, retry: { maxAttempts: 3 } })).toEqual([]);
  expect(found(undefined)).toEqual([]);
});

it('every option of a plan can be set', () => {
  const options = {
    requireApproval: false,
    autoApprove: true,
    stopOnError: false,
    allowParallel: false,
    maxParallelSteps: 1,
    stepTimeoutMs: 1,
    planTimeoutMs: 1,
    approvalTimeoutMs: 1,
    retry: { maxAttempts: 2, backoff: 'fixed', delayMs: 0, maxDelayMs: 0, jitter: 1 },
    replan: { maxRevisions: 2 },
    summarize: true,
    priority: 1,
    startAt: '2020-01-01T00:00:00Z',
  };
  expect(Object.keys(options).sort()).toEqual(Object.keys(planOptionsSchema.shape).sort());
  expect(found(options)).toEqual([]);
});

it('a start in the past, with an offset or without one, is a start', () => {
  expect(found({ startAt: '1999-12-31T23:59:59.5+14:00' })).toEqual([]);
  expect(found({ startAt: null, planTimeoutMs: null, approvalTimeoutMs: null })).toEqual([]);
  expect(found({ startAt: 'tomorrow' })).toEqual(['options.startAt bad_option']);
});

it('everything that is wrong comes at once: unknown, of another type, out of range', () => {
  const options = {
    nosuch: 1,
    maxParallelSteps: 0,
    summarize: 'yes',
    retry: { maxAttempts: 0, often: 1 },
    priority: 1.5,
    planTimeoutMs: 0,
  };
  expect(found({ ...options, replan: { maxRevisions: -1 } }).sort()).toEqual([
    'options.maxParallelSteps bad_option',
    'options.nosuch unknown_field',
    'options.planTimeoutMs bad_option',
    'options.priority bad_option',
    'options.replan.maxRevisions bad_option',
    'options.retry.maxAttempts bad_option',
    'options.retry.often unknown_field',
    'options.summarize bad_option',
  ]);
});

it('what is not an object is one issue', () => {
  expect(found([])).toEqual(['options bad_option']);
  expect(found('all')).toEqual(['options bad_option']);
});
