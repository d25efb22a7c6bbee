/**
 * Real processes on a real Redis under faults, held against the invariants. In the suite a short run; as `npm run test:faults`
 * with the settings of scripts/fault-options.mjs.
 */
import { expect, test } from 'vitest';
import { FAULT_KINDS, type FaultKind } from './faults.ts';
import { reportOf } from './report.ts';
import { type RunOptions, runWithFaults } from './run.ts';

/** In the suite: the same faults each time, as many as make sense in a few minutes. */
const SHORT = { SEED: '20261', MINUTES: '2.5', PLANS: '100000', FAULTS: '100', FSYNC: 'both', KINDS: '', EXECUTORS: '3' };
const HOURS_MS = 3_600_000;

const setting = (name: keyof typeof SHORT): string => process.env[`FAULTS_${name}`] ?? SHORT[name];
const log = (line: string): void => void process.stdout.write(`${line}\n`);

function kindsOf(text: string): readonly FaultKind[] {
  if (text === '') return FAULT_KINDS;
  const kinds = text.split(',');
  const unknown = kinds.filter((kind) => !FAULT_KINDS.includes(kind as FaultKind));
  if (unknown.length > 0) throw new Error(`there is no fault ${unknown.join(', ')}; there is ${FAULT_KINDS.join(', ')}`);
  return kinds as FaultKind[];
}

const modes = setting('FSYNC') === 'both' ? (['always', 'everysec'] as const) : [setting('FSYNC') as 'always' | 'everysec'];

test.concurrent.each(modes)(
  'under faults, with appendfsync %s, every invariant holds',
  async (appendfsync) => {
    const options: RunOptions = {
      seed: Number(setting('SEED')),
      durationMs: Number(setting('MINUTES')) * 60_000,
      plans: Number(setting('PLANS')),
      faults: Number(setting('FAULTS')),
      kinds: kindsOf(setting('KINDS')),
      appendfsync,
      executors: Number(setting('EXECUTORS')),
      log,
    };
    const { observed, violations, kept } = await runWithFaults(options);
    log(reportOf(observed, violations, options));
    if (kept !== null) log(`all that was seen lies in ${kept}`);
    expect(violations, `seed ${options.seed}`).toEqual([]);
  },
  24 * HOURS_MS,
);
