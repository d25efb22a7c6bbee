/** Keeps one service running as a child process: starts it, starts it again when it dies, ends it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { EXIT_CONFIG } from '@countersign/service';

const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 10_000;
/** a service that ran this long begins with the first backoff again */
const HEALTHY_MS = 30_000;
const SHOWN_LINES = 12;

export interface ChildServiceOptions {
  name: string;
  /** the module that is the service */
  main: string;
  env: NodeJS.ProcessEnv;
  /** the folder that it runs in: where the relative paths of its settings begin */
  folder: string;
  logFile: string;
  /** ms between SIGTERM and SIGKILL: more than the service gives itself to close */
  stopLimitMs: number;
  /** is told in one line what happens to it */
  note(line: string): void;
  /** is called when it will not be started again */
  gaveUp(error: Error): void;
}

export interface ChildService {
  name: string;
  /** the process at this moment; null between two */
  pid(): number | null;
  /** SIGTERM, and SIGKILL when that is not heard. Resolves when the process is gone. */
  stop(): Promise<void>;
  /** SIGKILL, and no new start. */
  kill(): void;
}

export const lastLogLines = (logFile: string): string => {
  try {
    return readFileSync(logFile, 'utf8').trim().split('\n').slice(-SHOWN_LINES).join('\n');
  } catch {
    return '';
  }
};

export function keepRunning(options: ChildServiceOptions): ChildService {
  const { name, logFile, stopLimitMs } = options;
  let child: ChildProcess | null = null;
  let timer: NodeJS.Timeout | null = null;
  let backoffMs = FIRST_BACKOFF_MS;
  let stopping = false;

  const ended = (exit: { code: number | null; signal: NodeJS.Signals | null }, startedAt: number): void => {
    child = null;
    if (stopping) return;
    const how = exit.signal === null ? `ended with code ${exit.code}` : `was killed by ${exit.signal}`;
    if (exit.code === EXIT_CONFIG) {
      options.gaveUp(new Error(`${name} cannot use its configuration:\n${lastLogLines(logFile)}`));
      return;
    }
    if (performance.now() - startedAt > HEALTHY_MS) backoffMs = FIRST_BACKOFF_MS;
    options.note(`${name} ${how}; starting it again in ${backoffMs} ms (its log: ${logFile})`);
    timer = setTimeout(start, backoffMs);
    backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
  };

  function start(): void {
    timer = null;
    const startedAt = performance.now();
    const log = openSync(logFile, 'a');
    // Detached: a Ctrl-C in the terminal is for the stack, which ends its services in their order. The channel tells a
    // service that the stack has gone, however that went, and it ends by itself.
    child = spawn(process.execPath, [options.main], {
      cwd: options.folder,
      env: options.env,
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    child.once('error', (error) => options.gaveUp(new Error(`${name} could not be started: ${error.message}`)));
    child.once('exit', (code, signal) => ended({ code, signal }, startedAt));
  }

  const halt = (): ChildProcess | null => {
    stopping = true;
    if (timer !== null) clearTimeout(timer);
    return child;
  };

  start();
  return {
    name,
    pid: () => child?.pid ?? null,
    async stop() {
      const running = halt();
      if (running === null) return;
      const gone = once(running, 'exit');
      running.kill('SIGTERM');
      const limit = setTimeout(() => {
        options.note(`${name} did not end within ${stopLimitMs / 1_000} s: killed`);
        running.kill('SIGKILL');
      }, stopLimitMs);
      await gone;
      clearTimeout(limit);
    },
    kill() {
      halt()?.kill('SIGKILL');
    },
  };
}
