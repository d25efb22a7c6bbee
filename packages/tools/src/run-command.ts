/** Runs one program to its end, or ends it, and everything that it started, when it is told to. No shell takes part. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { CALL_MARK, endCall, isGoneWithin, type MarkedGroup, readyToWatch, signalGroup, startWatched, unwatchCall } from './call-watch.ts';
import { ToolError, throwIfAborted } from './tool.ts';

export interface Command {
  /** absolute path */
  program: string;
  /** what the program is called: its argument 0 */
  name: string;
  args: readonly string[];
  /** absolute path */
  cwd: string;
  env: Readonly<Record<string, string>>;
  stdin: string;
  /** `end` is how the program ends, which may be after its output has. A rejection ends the program. */
  readStdout(pieces: AsyncIterable<Buffer>, end: Promise<CommandEnd>): Promise<void>;
  readStderr(pieces: AsyncIterable<Buffer>): Promise<void>;
  signal: AbortSignal;
}

export interface CommandEnd {
  /** null where a signal ended it */
  exitCode: number | null;
  signal: NodeJS.Signals | null;
}

/** ms between SIGTERM and SIGKILL: an executor leaves a tool behind 2 s after it has told it to abort. */
const GRACE_MS = 1_000;
/** ms that output may take to be read once every process of the call is gone; nobody can write any more then. */
const LAST_OUTPUT_MS = 10_000;

/** A HOME for each call: neither the secrets in the executor's own, nor what a plan has put into the workspace, configures a command. */
async function withHome<Result>(use: (home: string) => Promise<Result>): Promise<Result> {
  const home = await mkdtemp(join(tmpdir(), 'countersign-home-'));
  try {
    return await use(home);
  } finally {
    // What can't be removed is left: the call's result counts for more.
    await rm(home, { recursive: true, force: true }).catch(() => {});
  }
}

function environment(home: string, mark: string, given: Readonly<Record<string, string>>): Record<string, string> {
  const { PATH = '/usr/local/bin:/usr/bin:/bin', LANG = 'C.UTF-8', TZ } = process.env;
  return { PATH, LANG, ...(TZ === undefined ? {} : { TZ }), ...given, HOME: home, [CALL_MARK]: mark };
}

/** Node throws away what nobody has begun to read when a program ends. So reading begins at once, and stops while the next is slow. */
const flowing = (output: Readable): Readable => pipeline(output, new PassThrough(), () => {});

const startError = ({ name }: Command, cause: unknown): ToolError =>
  new ToolError('tool_error', `\`${name}\` could not be started: ${(cause as Error).message}`, { retryable: false, cause });

function start(command: Command, env: Record<string, string>): ChildProcessWithoutNullStreams {
  try {
    // Detached: the leader of a group of its own, which can be signalled as one.
    return spawn(command.program, [...command.args], { argv0: command.name, cwd: command.cwd, env, detached: true, stdio: 'pipe' });
  } catch (cause) {
    // Such as more arguments than the system takes.
    throw startError(command, cause);
  }
}

/**
 * How the program ended. Once it has, or the signal has aborted, none of the processes that it started is left. Rejects with a
 * ToolError (`aborted`, or `tool_error` where the program could not be started), or with what reading its output rejects with.
 */
export const runCommand = (command: Command): Promise<CommandEnd> =>
  withHome(async (home) => {
    try {
      await readyToWatch();
    } catch (cause) {
      throw new ToolError('tool_error', `no process could be started that watches over commands: ${(cause as Error).message}`, { cause });
    }
    throwIfAborted(command.signal);
    const mark = randomUUID();
    const child = startWatched(mark, () => start(command, environment(home, mark, command.env)));
    const exited = new Promise<CommandEnd>((resolve, reject) => {
      child.once('error', (cause) => reject(startError(command, cause)));
      child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    });
    // A program need not read what it is given.
    child.stdin.on('error', () => {});
    child.stdin.end(command.stdin);
    if (child.pid === undefined) return exited;
    const call: MarkedGroup = { group: child.pid, mark };
    let killAt = Number.POSITIVE_INFINITY;
    let killer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      if (killer !== undefined) return;
      killAt = performance.now() + GRACE_MS;
      signalGroup(call.group, 'SIGTERM');
      killer = setTimeout(() => signalGroup(call.group, 'SIGKILL'), GRACE_MS);
    };
    command.signal.addEventListener('abort', stop, { once: true });
    const reading = Promise.all([command.readStdout(flowing(child.stdout), exited), command.readStderr(flowing(child.stderr))]);
    // Nobody reads on: the program would wait for ever to be read.
    reading.catch(stop);
    try {
      const end = await exited;
      // What it has started gets the rest of the time to end by itself, where all were told to.
      if (killer !== undefined) await isGoneWithin(call.group, killAt - performance.now());
      await endCall(call);
      throwIfAborted(command.signal);
      await Promise.race([reading, delay(LAST_OUTPUT_MS, undefined, { ref: false })]);
      child.stdout.destroy();
      child.stderr.destroy();
      await reading;
      return end;
    } finally {
      clearTimeout(killer);
      command.signal.removeEventListener('abort', stop);
      child.stdout.destroy();
      child.stderr.destroy();
      // What is being written from the output is put away before the call ends.
      await reading.catch(() => {});
      unwatchCall(call);
    }
  });
