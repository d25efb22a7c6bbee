/** Reading the options of a plan and the retry policy of a step. */
import { isObject } from '../json.ts';
import { type PlanOptions, planOptionsSchema } from '../plan.ts';
import { type RetryPolicy, retryPolicySchema } from '../retry.ts';
import type { Path, Report } from './reading.ts';

/** Options whose engine is not there yet: refused rather than ignored. */
const LATER_OPTIONS: readonly (readonly [keyof PlanOptions, (options: PlanOptions) => boolean])[] = [
  ['planTimeoutMs', (options) => options.planTimeoutMs !== null],
  ['approvalTimeoutMs', (options) => options.approvalTimeoutMs !== null],
  ['replan', (options) => options.replan.maxRevisions > 0],
  ['summarize', (options) => options.summarize],
  ['priority', (options) => options.priority !== 0],
  ['startAt', (options) => options.startAt !== null],
];

export function readOptions(value: unknown, report: Report): PlanOptions {
  const defaults = planOptionsSchema.parse({});
  if (value === undefined) return defaults;
  const parsed = planOptionsSchema.safeParse(value);
  const wrong = new Set<PropertyKey | undefined>();
  for (const issue of parsed.error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) report(['options', ...issue.path, key], 'unknown_field', `there is no option \`${key}\``);
    } else report(['options', ...issue.path], 'bad_option', issue.message);
    for (const key of issue.path.length === 0 && issue.code === 'unrecognized_keys' ? issue.keys : [issue.path[0]]) wrong.add(key);
  }
  // What is right is looked at also where something else is wrong, so that every issue comes at once.
  const right = parsed.success || !isObject(value) ? parsed.data : withoutKeys(value, wrong);
  for (const [name, used] of LATER_OPTIONS) {
    if (right !== undefined && used(right)) report(['options', name], 'bad_option', `\`${name}\` is not supported yet`);
  }
  return parsed.data ?? defaults;
}

const withoutKeys = (options: Record<string, unknown>, wrong: ReadonlySet<PropertyKey | undefined>): PlanOptions | undefined =>
  planOptionsSchema.safeParse(Object.fromEntries(Object.entries(options).filter(([key]) => !wrong.has(key)))).data;

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
