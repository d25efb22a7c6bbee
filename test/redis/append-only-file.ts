/** The append-only file of a Redis 7, as commands with their places in it. */
import { readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../random.ts';

export interface FiledCommand {
  args: Buffer[];
  /** bytes */
  from: number;
  to: number;
}

/** Where the newest increment is; nothing is written to another one. */
export function incrementOf(dataDir: string): string {
  const folder = join(dataDir, 'appendonlydir');
  const number = (name: string): number => Number(/\.(\d+)\.incr\.aof$/.exec(name)?.[1] ?? 0);
  const [newest] = readdirSync(folder).sort((one, other) => number(other) - number(one));
  if (newest === undefined || number(newest) === 0) throw new Error(`${folder} has no increment of an append-only file`);
  return join(folder, newest);
}

/** All whole commands of the newest increment that begin behind so many bytes. */
export function readIncrement(dataDir: string, start = 0): FiledCommand[] {
  const bytes = readFileSync(incrementOf(dataDir));
  let at = start;
  const line = (): number => {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) throw new RangeError('the file ends here');
    const number = Number(bytes.toString('latin1', at + 1, end));
    at = end + 2;
    return number;
  };
  const commands: FiledCommand[] = [];
  while (at < bytes.length) {
    const from = at;
    try {
      const args = Array.from({ length: line() }, () => {
        const length = line();
        at += length + 2;
        if (at > bytes.length) throw new RangeError('the file ends here');
        return bytes.subarray(at - length - 2, at - 2);
      });
      commands.push({ args, from, to: at });
    } catch (error) {
      if (error instanceof RangeError) break;
      throw error;
    }
  }
  return commands;
}

const is = (command: FiledCommand, name: string): boolean => command.args[0]?.toString().toUpperCase() === name;

/** What each script wrote: the commands between MULTI and EXEC. */
export function transactionsOf(commands: readonly FiledCommand[]): FiledCommand[][] {
  const found: FiledCommand[][] = [];
  let open: FiledCommand[] | null = null;
  for (const command of commands) {
    if (is(command, 'MULTI')) open = [];
    else if (is(command, 'EXEC') && open !== null) {
      found.push(open);
      open = null;
    } else open?.push(command);
  }
  return found;
}

/** Cuts the file of a server that is down off somewhere in its last transaction, behind at least one of its commands. */
export function cutInTransaction(dataDir: string, random: Random): void {
  const last = transactionsOf(readIncrement(dataDir)).at(-1);
  const [first] = last ?? [];
  const end = last?.at(-1)?.to;
  if (first === undefined || end === undefined) throw new Error(`the file in ${dataDir} has no transaction`);
  const path = incrementOf(dataDir);
  truncateSync(path, Math.min(random.between(first.to, end), statSync(path).size));
}
