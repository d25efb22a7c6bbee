/**
 * BullMQ's own scripts, whose text runs inside ours, so that a result and the jobs of its successors are written in one
 * step. Their texts and key counts are pinned: with another BullMQ the process refuses to start rather than write jobs
 * in a layout that its workers don't read.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

const PINNED_VERSION = '6.7.0';
const PINNED = {
  addStandardJob: { file: 'addStandardJob-9', keys: 9, sha256: '2eee45c9ffc54d24681b737f926016a7f7464f0d32a5f87f623bffa2fc55413c' },
  addPrioritizedJob: {
    file: 'addPrioritizedJob-9',
    keys: 9,
    sha256: 'd4652d1be004a3d7bfed76efdc706f2017f8dfd0080c51ab1f05457eeb1c3c77',
  },
  addDelayedJob: { file: 'addDelayedJob-6', keys: 6, sha256: 'e47c0db3c46bd84afab98fae90bba3b98cf6554e74df840801c39baccc627c4c' },
  moveToFinished: { file: 'moveToFinished-14', keys: 14, sha256: '8e744ec5d65dbe9e7ffb6e39a96c0268bba65e4f0b1d04e2d2a42ccb71b45a6d' },
  extendLocks: { file: 'extendLocks-1', keys: 1, sha256: '14bb41f30eff2e7ff033bbcb31078fbc954a0bb16902129da8b68861c16baa5c' },
} as const;

export type BullScriptName = keyof typeof PINNED;

export class BullMqMismatchError extends Error {
  override readonly name = 'BullMqMismatchError';
}

interface BullScript {
  name: string;
  content: string;
  keys: number;
}

function mismatch(name: string, what: string): BullMqMismatchError {
  const { version } = require('bullmq/package.json') as { version: string };
  return new BullMqMismatchError(
    `the BullMQ script ${name} ${what}: Countersign is built for BullMQ ${PINNED_VERSION}, BullMQ ${version} is installed; install bullmq@${PINNED_VERSION}`,
  );
}

/** The text of a BullMQ script. Throws a BullMqMismatchError when it isn't the one that was tested. */
export function bullScript(name: BullScriptName): string {
  const pinned = PINNED[name];
  let script: BullScript | undefined;
  try {
    script = (require(`bullmq/dist/cjs/scripts/${pinned.file}.js`) as Record<string, BullScript>)[name];
  } catch {
    throw mismatch(name, 'is not where it was');
  }
  if (script === undefined || script.keys !== pinned.keys) throw mismatch(name, 'takes other keys');
  if (createHash('sha256').update(script.content).digest('hex') !== pinned.sha256) throw mismatch(name, 'has another text');
  return script.content;
}
