/**
 * A Redis of one's own: a child process on 127.0.0.1 with its own port and folder, for one machine, the demo and tests.
 * It persists as production should: append-only file, no eviction, no snapshots.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { adviceOnDamage, FILES, hasBeenCutOff, rewriteLoadedFile } from './loaded-file.ts';
import { requireRedisServer } from './redis-server-binary.ts';

const HOST = '127.0.0.1';
const LOG_FILE = 'redis.log';
/** holds port and process id of the server that has the folder */
const LOCK_FILE = 'redis.lock';
/** milliseconds; an append-only file of gigabytes takes this long to load */
const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 10_000;
/** How a temporary folder is removed: a server that had to be killed may leave a child behind that still writes there. */
const REMOVAL = { recursive: true, force: true, maxRetries: 20, retryDelay: 50 } as const;
const LOCK_WAIT_MS = 5_000;
const PORT_TRIES = 5;

export interface EmbeddedRedisOptions {
  /** kept after `stop`; default: a temporary folder that `stop` removes */
  dataDir?: string;
  /** default: a free one */
  port?: number;
  appendfsync?: 'always' | 'everysec' | 'no';
  /** further settings of the server, by their names in redis.conf; they win over those that it has by itself */
  settings?: Readonly<Record<string, string>>;
  /** path of the server program; default: the first `redis-server` or `valkey-server` of the PATH */
  program?: string;
  /** is told in one line when a server has to be installed first */
  log?: (line: string) => void;
}

export interface EmbeddedRedis {
  url: string;
  port: number;
  pid: number;
  dataDir: string;
  /** resolves when the process has ended, for whichever reason */
  exited: Promise<void>;
  /** Ends the server after it has written everything; a temporary folder is removed. Calling it again does nothing. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would; the folder stays until `stop`. */
  kill(): Promise<void>;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Whether the Redis on this port works in this folder. */
async function hasFolder(port: number, dataDir: string): Promise<boolean> {
  const client = new Redis({ host: HOST, port, lazyConnect: true, retryStrategy: () => null, enableReadyCheck: false });
  client.on('error', () => {});
  try {
    const [, folder] = (await client.config('GET', 'dir')) as [string, string];
    return folder === dataDir;
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

/** Two servers on one append-only file destroy it. A server that is just ending is waited for. */
async function refuseSharedFolder(dataDir: string): Promise<void> {
  const lock = join(dataDir, LOCK_FILE);
  const deadline = performance.now() + LOCK_WAIT_MS;
  while (existsSync(lock)) {
    const [port = 0, pid = 0] = readFileSync(lock, 'utf8').split(' ').map(Number);
    if (!isAlive(pid) || !(await hasFolder(port, dataDir))) return;
    if (performance.now() > deadline)
      throw new Error(`${dataDir} is in use by the Redis on ${HOST}:${port} (process ${pid}); stop it or choose another DATA_DIR`);
    await new Promise((next) => setTimeout(next, 100));
  }
}

/** Ends the server and, with `folder`, removes that folder as soon as this process is gone, however it went. */
function watchParent(pid: number, folder: string | null): ChildProcess {
  const script = folder === null ? 'read -r _; kill -TERM "$1"' : 'read -r _; kill -KILL "$1"; rm -rf "$2"';
  // The shell waits for the end of its standard input, which the operating system closes with this process.
  const watcher = spawn('/bin/sh', ['-c', `${script} 2>/dev/null`, 'sh', String(pid), folder ?? ''], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.unref();
  const input = watcher.stdin as unknown as { unref?: () => void };
  input.unref?.();
  return watcher;
}

async function waitUntilReady(child: ChildProcess, port: number): Promise<boolean> {
  const client = new Redis({ host: HOST, port, retryStrategy: () => 25, maxRetriesPerRequest: null });
  client.on('error', () => {});
  const ended = new AbortController();
  try {
    return await Promise.race([
      // Another Redis may hold the port: only an answer of this process counts.
      client.info('server').then((info) => info.includes(`process_id:${child.pid}\r`)),
      once(child, 'exit', { signal: ended.signal }).then(() => false),
      once(AbortSignal.timeout(START_LIMIT_MS), 'abort', { signal: ended.signal }).then(() => false),
    ]);
  } finally {
    ended.abort();
    client.disconnect();
  }
}

interface LaunchOptions {
  port: number;
  appendfsync: string;
  settings: Readonly<Record<string, string>>;
}

async function launch(program: string, dataDir: string, options: LaunchOptions): Promise<ChildProcess | null> {
  const settings = {
    port: String(options.port),
    bind: HOST,
    dir: dataDir,
    appendonly: 'yes',
    appendfsync: options.appendfsync,
    'maxmemory-policy': 'noeviction',
    save: '',
    daemonize: 'no',
    ...options.settings,
  };
  const log = openSync(join(dataDir, LOG_FILE), 'a');
  // Detached: a Ctrl-C in the terminal is for the process that owns this one, which stops it last.
  const child = spawn(
    program,
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    { detached: true, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  child.unref();
  child.on('error', () => {});
  if (child.pid !== undefined && (await waitUntilReady(child, options.port))) return child;
  child.kill('SIGKILL');
  return null;
}

/** What the server has said since its log had `from` bytes. */
const wordsOf = (dataDir: string, from: number): string => readFileSync(join(dataDir, LOG_FILE)).subarray(from).toString().trim();

/** A file that was loaded is written anew before anybody is served, for what loaded-file.ts says. */
async function rewriteFile(port: number): Promise<void> {
  const client = new Redis({ host: HOST, port, retryStrategy: () => null });
  client.on('error', () => {});
  try {
    await rewriteLoadedFile(client, START_LIMIT_MS);
  } catch {
    // It has just answered: if it went away since, its end tells.
  } finally {
    client.disconnect();
  }
}

async function exitOf(child: ChildProcess, limitMs: number): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return true;
  // The child is unreferenced: while somebody waits for its end this process must not run out of things to do.
  child.ref();
  try {
    await once(child, 'exit', { signal: AbortSignal.timeout(limitMs) });
    return true;
  } catch {
    return false;
  }
}

interface Launched {
  /** null: it did not start */
  child: ChildProcess | null;
  port: number;
  /** what it said when it did not start */
  words: string;
}

/** Between finding a free port and using it somebody else may take it: then another one is tried. */
async function launchOnFreePort(program: string, dataDir: string, options: EmbeddedRedisOptions): Promise<Launched> {
  const { appendfsync = 'everysec', settings = {} } = options;
  const log = join(dataDir, LOG_FILE);
  let again = options.port === undefined ? PORT_TRIES - 1 : 0;
  for (let hasCut = false; ; again--) {
    const port = options.port ?? (await freePort());
    const said = existsSync(log) ? statSync(log).size : 0;
    const child = await launch(program, dataDir, { port, appendfsync, settings });
    const words = child === null ? wordsOf(dataDir, said) : '';
    if (!hasCut && hasBeenCutOff(words)) {
      hasCut = true;
      again++;
    } else if (child !== null || again === 0) return { child, port, words };
  }
}

/**
 * Starts a Redis server and waits until it answers. Starting again on the same `dataDir` recovers what was written. The
 * server ends with this process, also when that is killed. Throws an Error with the reason when no server can be had,
 * when it does not start, or when another one works in `dataDir`.
 */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions = {}): Promise<EmbeddedRedis> {
  const program = options.program ?? (await requireRedisServer(options.log ?? (() => {})));
  const temporary = options.dataDir === undefined;
  const dataDir = options.dataDir === undefined ? mkdtempSync(join(tmpdir(), 'countersign-redis-')) : resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true });
  await refuseSharedFolder(dataDir);

  const loads = FILES.some((name) => existsSync(join(dataDir, name)));
  const launched = await launchOnFreePort(program, dataDir, options);
  if (launched.child?.pid === undefined) {
    if (temporary) rmSync(dataDir, REMOVAL);
    const last = launched.words.split('\n').slice(-5).join('\n');
    const advice = adviceOnDamage(launched.words, dataDir);
    throw new Error(`${program} did not start on ${HOST}:${launched.port} in ${dataDir}; its last words:\n${last}${advice}`);
  }

  const { child: server, port } = launched;
  const { pid } = launched.child;
  const lock = join(dataDir, LOCK_FILE);
  writeFileSync(lock, `${port} ${pid}`);
  const exited = new Promise<void>((resolved) => server.once('exit', () => resolved()));
  const watcher = watchParent(pid, temporary ? dataDir : null);
  server.once('exit', () => watcher.kill('SIGKILL'));

  const kill = async (): Promise<void> => {
    server.kill('SIGKILL');
    await exitOf(server, STOP_LIMIT_MS);
    rmSync(lock, { force: true });
  };
  let stopped: Promise<void> | null = null;
  const end = async (): Promise<void> => {
    server.kill('SIGTERM');
    if (!(await exitOf(server, STOP_LIMIT_MS))) await kill();
    rmSync(lock, { force: true });
    if (temporary) rmSync(dataDir, REMOVAL);
  };
  const stop = (): Promise<void> => {
    stopped ??= end();
    return stopped;
  };
  if (loads) await rewriteFile(port);
  return { url: `redis://${HOST}:${port}`, port, pid, dataDir, exited, stop, kill };
}
