/**
 * The append-only file that a Redis loaded when it started. Where its end was cut off in the middle of a transaction, Redis
 * (valkey-io/valkey#4342) leaves the beginning of that transaction in the file: it is not applied at this start, but what is
 * written from now on stands behind it, and the next start applies half of it. What lies in memory is right, so writing
 * the file anew from there mends it, and nothing else has to be known of the file.
 */
import type { Redis } from 'ioredis';
import { parseInfo } from './redis-check.ts';

/**
 * `none`: it has no such file, or is a replica, which gets a new one from its primary. `loaded`: not written anew since the
 * start. `rewriting`: that is under way. `failed`: the last try to did not work out. `rewritten`: nothing of what was loaded is left.
 */
export type LoadedFile = 'none' | 'loaded' | 'rewriting' | 'failed' | 'rewritten';

/** What the text of INFO says of it. */
export function judgeLoadedFile(info: string): LoadedFile {
  const fields = parseInfo(info);
  if (fields.get('aof_enabled') !== '1' || fields.get('role') === 'slave') return 'none';
  const is = (name: string): boolean => fields.get(name) === '1';
  if (is('loading') || is('aof_rewrite_in_progress') || is('aof_rewrite_scheduled')) return 'rewriting';
  if (fields.get('aof_last_bgrewrite_status') !== 'ok') return 'failed';
  // -1 until the first one since the start has ended.
  return fields.get('aof_last_rewrite_time_sec') === '-1' ? 'loaded' : 'rewritten';
}

/** Resolves once Redis has begun to, or somebody else had asked before. Throws what ioredis throws where it may not be asked. */
export async function askForRewrite(redis: Redis): Promise<void> {
  try {
    await redis.bgrewriteaof();
  } catch (error) {
    if (!/already in progress|child process is active/i.test(String(error))) throw error;
  }
}

/** What a server that persists leaves in its folder: since 7.0, and before. */
export const FILES = ['appendonlydir', 'appendonly.aof'] as const;

const LOOK_EVERY_MS = 20;

/**
 * Resolves once what was loaded is rewritten, or can't be: for a full disk, say. The server serves all the same then, and
 * whoever prepares a store on it asks again. Not redis-check-aof --fix before the start: that would also cut off what stands
 * behind a damage in the middle of the file, which Redis itself refuses to start with.
 */
export async function rewriteLoadedFile(redis: Redis, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (let asked = false; performance.now() < deadline; asked = true) {
    const state = judgeLoadedFile(await redis.info());
    if (state === 'none' || state === 'rewritten' || (asked && state === 'failed')) return;
    if (state !== 'rewriting') await askForRewrite(redis);
    await new Promise((next) => setTimeout(next, LOOK_EVERY_MS));
  }
}

/**
 * Whether a server refused to start and will not the next time: killed while it rewrote a file that ended within a
 * transaction, Redis cuts that end off, says that this was not the last file, and ends.
 */
export const hasBeenCutOff = (words: string): boolean => words.includes('the truncated file is not the last file');

/** What helps where a server does not start for what is in its file; empty where that is not why. */
export const adviceOnDamage = (words: string, dataDir: string): string =>
  /Bad file format|Unexpected end of file/.test(words)
    ? `\nIts append-only file is damaged. Copy ${dataDir} away first. Then put a backup in its place, or let redis-check-aof --fix cut the file off where the damage begins: what stands behind that is lost.`
    : '';
