/** Reading the options of a plan and the retry policy of a step. */
import { isObject } from '../json.ts';
import { type PlanOptions, planOptionsSchema } from '../plan.ts';
import { type RetryPolicy, retryPolicySchema } from '../retry.ts';
import type { Path, Report } from './reading.ts';

export function readOptions(value: unknown, report: Report): PlanOptions {
  const defaults = planOptionsSchema.parse({});
  if (value === undefined) return defaults;
  const parsed = planOptionsSchema.safeParse(value);
  for (const issue of parsed.error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) report(['options', ...issue.path, key], 'unknown_field', `there is no option \`${key}\``);
    } else report(['options', ...issue.path], 'bad_option', issue.message);
  }
  return parsed.data ?? defaults;
}

export function readRetry(value: unknown, path: Path, { report, fallback }: { report: Report; fallback: RetryPolicy }): RetryPolicy {
  if (value === undefined) return fallback;
  const parsed = retryPolicySchema.safeParse(isObject(value) ? { ...fallback, ...value } : value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys) report([...path, key], 'unknown_field', `retry has no field \`${key}\``);
    else report([...path, ...issue.path], 'bad_option', issue.message);
  }
  return fallback;
}
