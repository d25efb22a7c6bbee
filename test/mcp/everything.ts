/** The reference server of the protocol, as a process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from '@countersign/store';

const EVERYTHING_MAIN = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'));

/** As MCP_CONFIG has it. */
export const everything = { command: process.execPath, args: [EVERYTHING_MAIN] };

export interface EverythingOverHttp {
  url: string;
  kill(): Promise<void>;
}

/** It can't be told to take any free port and say which: it is given one that was free just now. */
export async function startEverything(mode: 'streamableHttp' | 'sse', port?: number): Promise<EverythingOverHttp> {
  const chosen = port ?? (await freePort());
  const env = { PATH: process.env.PATH ?? '', PORT: String(chosen) };
  const child: ChildProcess = spawn(process.execPath, [EVERYTHING_MAIN, mode], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  if (child.stderr === null) throw new Error('the server has no stderr');
  for await (const line of createInterface({ input: child.stderr })) if (/port \d+/.test(line)) break;
  child.stderr.resume();
  return {
    url: `http://127.0.0.1:${chosen}/${mode === 'sse' ? 'sse' : 'mcp'}`,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
