/**
 * The policy of a service: the file that POLICY_FILE names, read anew whenever it changes, or the default. A file that cannot
 * be used when the service starts ends the start; later on it leaves the policy in force, and its problems are said.
 */
import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_POLICY, type PolicyInForce } from '@countersign/shared';
import { z } from 'zod';
import { ConfigError } from './config.ts';
import type { Logger } from './logger.ts';
import { type PolicyFileReading, readPolicyFile } from './read-policy-file.ts';
import { settledReading } from './settled-reading.ts';

export const policySettings = z.object({
  /** rules for who must approve what, as YAML or JSON; absent: the default policy */
  POLICY_FILE: z.string().optional(),
}).shape;

/** Milliseconds between two looks at the file: not every file system tells of changes, and a watch can miss one. */
const LOOK_EVERY_MS = 3_000;
/** Milliseconds that a file must have been the same before it is taken: half of one can be a policy, too. */
const SETTLE_MS = 100;

export interface PolicySource {
  current(): PolicyInForce;
  /** ISO 8601: since when it is in force in this process */
  loadedAt(): string;
  /** what is wrong with the file as it is now, a line each; empty where it is what is in force */
  problems(): readonly string[];
  close(): void;
}

/** A policy that never changes. */
export function fixedPolicy(policy: PolicyInForce = DEFAULT_POLICY): PolicySource {
  const at = new Date().toISOString();
  return { current: () => policy, loadedAt: () => at, problems: () => [], close() {} };
}

/** Watches the folder: editors, and whoever mounts files, put another file or link in the place of the one that was there. */
function watchFolder(path: string, onChange: () => void, logger: Logger): FSWatcher | null {
  const gone = (error: unknown): void =>
    logger.warn({ err: error }, 'POLICY_FILE: its folder cannot be watched; it is looked at every 3 s');
  try {
    const watcher = watch(dirname(path), { persistent: false }, onChange);
    watcher.on('error', gone);
    return watcher;
  } catch (error) {
    gone(error);
    return null;
  }
}

const said = (problems: readonly string[]): string[] => problems.map((problem) => `POLICY_FILE: ${problem}`);

/** Opens the policy of a service. Throws a ConfigError with a line for each problem, as `POLICY_FILE: <file>:<line>:<column>: ...`. */
export async function openPolicy({ POLICY_FILE: path }: { POLICY_FILE?: string | undefined }, logger: Logger): Promise<PolicySource> {
  if (path === undefined) return fixedPolicy();
  const first = await readPolicyFile(path);
  if (!first.ok) throw new ConfigError(said(first.problems));
  let { text, policy }: { text: string | null; policy: PolicyInForce } = first;
  let loadedAt = new Date().toISOString();
  let problems: readonly string[] = [];
  let closed = false;
  logger.info({ version: policy.version, label: policy.label, rules: policy.rules.length }, 'policy loaded');

  const take = (reading: PolicyFileReading): void => {
    if (closed || (reading.text === text && (reading.text !== null || problems.length > 0))) return;
    text = reading.text;
    if (!reading.ok) {
      problems = said(reading.problems);
      logger.error({ problems, version: policy.version }, 'the policy file cannot be used as it is; the policy before it stays in force');
      return;
    }
    problems = [];
    const before = policy.version;
    policy = reading.policy;
    if (policy.version === before) {
      logger.info({ version: before }, 'the policy file has changed, the policy has not');
      return;
    }
    loadedAt = new Date().toISOString();
    logger.info({ from: before, version: policy.version, label: policy.label, rules: policy.rules.length }, 'policy loaded anew');
  };

  // One look at a time, so that an older reading never replaces a newer one.
  let looking: Promise<void> = Promise.resolve();
  const look = (): void => {
    looking = looking
      .then(async () => {
        const pause = () => delay(SETTLE_MS, undefined, { ref: false });
        const reading = await settledReading(() => readPolicyFile(path), { known: text, pause });
        if (reading !== null) take(reading);
      })
      .catch((error: unknown) => logger.error({ err: error }, 'the policy file could not be looked at'));
  };
  let settling: NodeJS.Timeout | undefined;
  const watcher = watchFolder(
    path,
    () => {
      clearTimeout(settling);
      settling = setTimeout(look, SETTLE_MS);
    },
    logger,
  );
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  return {
    current: () => policy,
    loadedAt: () => loadedAt,
    problems: () => problems,
    close() {
      closed = true;
      clearInterval(timer);
      clearTimeout(settling);
      watcher?.close();
    },
  };
}
