import { expect, test } from 'vitest';
// @ts-expect-error: plain JavaScript, which runs before anything is installed
import { faultOptions } from './fault-options.mjs';

test('what is given is taken, what is left out has its value, and a seed is chosen', () => {
  const { env, problems } = faultOptions(['--seed', '7', '--minutes=0.5', '--plans', '20', '--kinds', 'reset,kill_api']);
  expect(problems).toEqual([]);
  expect(env).toMatchObject({
    FAULTS_SEED: '7',
    FAULTS_MINUTES: '0.5',
    FAULTS_PLANS: '20',
    FAULTS_KINDS: 'reset,kill_api',
    FAULTS_FSYNC: 'both',
  });
  expect(faultOptions([]).env.FAULTS_SEED).toMatch(/^\d+$/);
});

test.each([
  [['--seed', 'x'], '--seed is "x"; it must be a whole number'],
  [['--minutes', '0'], '--minutes is "0"; it must be a number above 0, like 10 or 0.5'],
  [['--fsync', 'no'], '--fsync is "no"; it must be always, everysec or both'],
  [['--speed', '3'], "Unknown option '--speed'; there is --seed, --minutes, --plans, --faults, --fsync, --kinds, --executors"],
])('%j is refused with what would be right', (args, problem) => {
  expect(faultOptions(args).problems).toEqual([problem]);
});
