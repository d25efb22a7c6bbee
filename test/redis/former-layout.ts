/** A Redis as a release left it that numbered no layouts: tasks and plans in many states, all under the tag `{cs}`. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';

const FOLDER = new URL('../fixtures/layout-0/', import.meta.url);

/** Holds the tool that the plans call. */
export const FORMER_TOOLS_DIR = fileURLToPath(new URL('tools/', FOLDER));

/** Fills an empty Redis. */
export async function restoreFormerLayout(url: string): Promise<void> {
  const redis = new Redis(url);
  try {
    const lines = readFileSync(new URL('commands.jsonl', FOLDER), 'utf8').trim().split('\n');
    const commands = lines.map((line) => JSON.parse(line) as string[]);
    await Promise.all(commands.map(([command = '', ...args]) => redis.call(command, ...args)));
  } finally {
    redis.disconnect();
  }
}
