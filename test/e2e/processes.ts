/** Services as real processes, for tests: started from their builds, each on its own, killed and started again at will. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = {
  api: fileURLToPath(new URL('../../services/api/dist/main.js', import.meta.url)),
  planner: fileURLToPath(new URL('../../services/planner/dist/main.js', import.meta.url)),
  executor: fileURLToPath(new URL('../../services/executor/dist/main.js', import.meta.url)),
} as const;

export type ServiceName = keyof typeof MAIN;

export interface ServiceProcess {
  pid: number;
  /** the lines of its log so far */
  log: () => Record<string, unknown>[];
  /** Resolves with the first log line that fits. */
  logged(fits: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit code once it has ended by itself, or was ended. */
  ended(): Promise<number | null>;
  /** Sends the signal and waits for the end; resolves with the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

export function startService(name: ServiceName, env: Record<string, string>): ServiceProcess {
  const child: ChildProcess = spawn(process.execPath, [MAIN[name]], {
    env: { PATH: process.env.PATH ?? '', ...env },
    // With a channel to it, a service ends when this process goes away without having ended it.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const lines: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  let rest = '';
  const read = (chunk: Buffer): void => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      try {
        lines.push(JSON.parse(part) as Record<string, unknown>);
      } catch {
        lines.push({ message: part });
      }
    }
    for (const look of waiting) look();
  };
  child.stdout?.on('data', read);
  child.stderr?.on('data', read);
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  void exited.then(() => {
    for (const look of waiting) look();
  });
  return {
    pid: child.pid as number,
    log: () => lines,
    logged: (fits) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find(fits);
          if (found !== undefined) resolve(found);
          else if (child.exitCode !== null || child.signalCode !== null)
            reject(new Error(`${name} has ended; its log:\n${lines.map((line) => JSON.stringify(line)).join('\n')}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
    signal: (signal) => child.kill(signal),
    ended: () => exited,
    async end(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return exited;
    },
  };
}

/** The URL of an API that is ready: it listens before it has looked at Redis, and like a balancer its callers come after. */
export async function readyUrl(api: ServiceProcess): Promise<string> {
  await api.logged(({ message }) => message === 'started');
  return String((await api.logged(({ url }) => typeof url === 'string')).url);
}
