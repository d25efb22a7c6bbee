/**
 * No process that a command starts outlives its call. The processes of a call are its process group, and whatever left the
 * group but carries the call's mark in its environment. A small process beside this one, the watch, ends them where this one
 * is gone before it could: the kernel closes the watch's input then. The watch is told of a call before its first process is
 * started, because this one may go at any moment after that.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** The environment variable that marks all processes of a call. */
export const CALL_MARK = 'COUNTERSIGN_CALL';

export interface MarkedGroup {
  /** the process group: the id of its first process */
  group: number;
  mark: string;
}

/** In place of the group of a call whose first process is being started. */
const NO_GROUP = 'none';

/**
 * Ends groups, and by /proc those that left them or were being started; again a moment later, because a process that is
 * being started carries its mark only then. It ignores SIGTERM, which service managers send to every process at once.
 */
const WATCH_SCRIPT = `
trap '' TERM INT HUP
calls=
while read -r word call; do
  case $word in
    began) calls="$calls $call" ;;
    ended) left=; for one in $calls; do [ "$one" = "$call" ] || left="$left $one"; done; calls=$left ;;
  esac
done
[ -n "$calls" ] || exit 0
for one in $calls; do [ "\${one%%:*}" = ${NO_GROUP} ] || kill -KILL "-\${one%%:*}"; done
for round in 1 2 3; do
  [ $round = 1 ] || sleep 1
  for one in $calls; do
    for process in /proc/[0-9]*; do
      grep -qsaF "${CALL_MARK}=\${one#*:}" "$process/environ" && kill -KILL "\${process#/proc/}"
    done
  done
done
`;

const entry = ({ group, mark }: MarkedGroup): string => `${group}:${mark}`;
const unstarted = (mark: string): string => `${NO_GROUP}:${mark}`;

interface Watch {
  child: ChildProcess;
  ready: Promise<void>;
}

let watch: Watch | null = null;
const running = new Map<number, MarkedGroup>();
/** the marks of calls whose first process is being started */
const starting = new Set<string>();

const tell = (word: 'began' | 'ended', call: string): void => void watch?.child.stdin?.write(`${word} ${call}\n`);

function startWatch(): Watch {
  const child = spawn('/bin/sh', ['-c', WATCH_SCRIPT], { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const started: Watch = {
    child,
    ready: new Promise((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    }),
  };
  // Told here, because writing to a watch that has gone fails some time later.
  child.stdin?.on('error', () => {});
  child.once('exit', () => {
    if (watch === started) watch = null;
    if (running.size + starting.size > 0 && watch === null) watch = startWatch();
  });
  // It must not keep this process alive, which it only exists for.
  child.unref();
  (child.stdin as unknown as { unref?(): void } | null)?.unref?.();
  for (const call of [...[...running.values()].map(entry), ...[...starting].map(unstarted)]) child.stdin?.write(`began ${call}\n`);
  return started;
}

/** Makes sure that there is a watch. Rejects where no process can be started. */
export async function readyToWatch(): Promise<void> {
  watch ??= startWatch();
  const { ready } = watch;
  try {
    await ready;
  } catch (error) {
    watch = null;
    throw error;
  }
}

/** Starts a call's first process, watched over from its first moment on. `start` gives its id, or undefined where there is none. */
export function startWatched<Started extends { pid?: number | undefined }>(mark: string, start: () => Started): Started {
  starting.add(mark);
  tell('began', unstarted(mark));
  try {
    const started = start();
    if (started.pid !== undefined) {
      const call = { group: started.pid, mark };
      running.set(call.group, call);
      tell('began', entry(call));
    }
    return started;
  } finally {
    starting.delete(mark);
    tell('ended', unstarted(mark));
  }
}

export function unwatchCall(call: MarkedGroup): void {
  running.delete(call.group);
  tell('ended', entry(call));
}

/** Signals every process of a group. False where none is left. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch (error) {
    // EPERM: there is one, which has become another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const POLL_MS = 20;

/** Whether a group is empty within so many ms. */
export async function isGoneWithin(group: number, ms: number): Promise<boolean> {
  for (const givenUpAt = performance.now() + ms; performance.now() < givenUpAt; await delay(POLL_MS)) {
    if (!signalGroup(group, 0)) return true;
  }
  return !signalGroup(group, 0);
}

async function markedProcesses(mark: string): Promise<number[]> {
  let names: string[];
  try {
    names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  } catch {
    // Systems without /proc: the group is all that is known.
    return [];
  }
  const wanted = Buffer.from(`\0${CALL_MARK}=${mark}\0`);
  const found = await Promise.all(
    names.map(async (name) => {
      try {
        return Buffer.concat([Buffer.from('\0'), await readFile(`/proc/${name}/environ`)]).includes(wanted) ? [Number(name)] : [];
      } catch {
        // It has ended, or is another user's.
        return [];
      }
    }),
  );
  return found.flat();
}

const ROUNDS = 20;

/** Kills what is left of a call: its group, and the marked processes that left it. */
export async function endCall({ group, mark }: MarkedGroup): Promise<void> {
  signalGroup(group, 'SIGKILL');
  for (let round = 0; round < ROUNDS; round++) {
    const left = await markedProcesses(mark);
    if (left.length === 0) return;
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended between the look and the signal.
      }
    }
    await delay(POLL_MS);
  }
}
