/** The whole of Countersign on one machine: Redis, API, planner and executors as child processes. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '@countersign/service';
import { linkSignals } from '@countersign/shared';
import { type EmbeddedRedis, openStore, redisFrom, startEmbeddedRedis, storeSettings } from '@countersign/store';
import { z } from 'zod';
import { type ChildService, keepRunning, lastLogLines } from './child-service.ts';
import { availablePort } from './ports.ts';

const START_LIMIT_MS = 60_000;
const POLL_MS = 50;
const REDIS_RESTART_MS = 250;
/** ms that a service needs for its end beyond its drain, and a little more */
const STOP_LIMIT_MS = 35_000;

/** What the stack itself needs to know of the settings that it passes on; the services say what is wrong with them. */
const passedOn = z.object({
  REDIS_URL: z.string().optional(),
  REDIS_SENTINELS: z.string().optional(),
  DRAIN_MS: z.coerce.number().optional().catch(undefined),
  SHUTDOWN_DELAY_MS: z.coerce.number().optional().catch(undefined),
});

export interface StackOptions {
  /** passed on to the services, which read their settings from it */
  env: NodeJS.ProcessEnv;
  workspaceRoot: string;
  /** the folder that the services run in: where the relative paths of their settings begin */
  folder: string;
  host: string;
  /** 0: a free one */
  port: number;
  executors: number;
  /** of the planner; the executors have those that follow. 0: free ones, which their logs name; null: none has one */
  healthPort: number | null;
  /** holds the services' logs, emptied at the start */
  logDir: string;
  /** where the embedded Redis keeps its data; null: in a temporary folder that goes with it */
  redisDir: string | null;
  note(line: string): void;
  signal: AbortSignal;
}

export interface Stack {
  url: string;
  /** where planner and executors can be watched, as far as that is known */
  health: string[];
  redisUrl: string;
  /** whether it is one that the stack runs itself */
  ownRedis: boolean;
  logDir: string;
  /** rejects when a service cannot be kept running */
  failed: Promise<never>;
  /** Ends the services (API, planner, executors), then Redis. Calling it again waits for the same end. */
  stop(): Promise<void>;
}

/** The module that runs a service stands beside its package's entry. */
const mainOf = (service: string): string => fileURLToPath(new URL('./main.js', import.meta.resolve(`@countersign/${service}`)));

/** Our folder inside somebody's work stays out of their git. */
export function keepOutOfGit(folder: string): void {
  const ignore = join(folder, '.gitignore');
  if (!existsSync(ignore)) writeFileSync(ignore, '*\n');
}

async function waitFor(what: string, ready: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (!(await ready().catch(() => false))) {
    signal.throwIfAborted();
    if (performance.now() > deadline) throw new Error(`${what} after ${START_LIMIT_MS / 1_000} s`);
    await new Promise((next) => setTimeout(next, POLL_MS));
  }
}

/** The environment with these settings, which then stand in no files. */
function withSettings(env: NodeJS.ProcessEnv, settings: Record<string, string>): NodeJS.ProcessEnv {
  const replaced = new Set(Object.keys(settings).map((name) => `${name}_FILE`));
  return { ...Object.fromEntries(Object.entries(env).filter(([name]) => !replaced.has(name))), ...settings };
}

/** Without tools no plan can be made. They are read from the store, because the API may want a key. */
async function waitForTools(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const settings = loadConfig(z.object(storeSettings), env);
  const store = openStore({ redis: redisFrom(settings), shards: settings.SHARDS });
  try {
    await waitFor('no executor had announced its tools', async () => (await store.listTools()).length > 0, signal);
  } finally {
    await store.close();
  }
}

/** An embedded Redis that is started again on its folder and port when it dies. */
async function keepRedis(options: StackOptions, failed: (error: Error) => void) {
  let stopping = false;
  let redis: EmbeddedRedis = await startEmbeddedRedis({
    ...(options.redisDir === null ? {} : { dataDir: options.redisDir }),
    log: options.note,
  });
  const { url, port, dataDir } = redis;
  let restart: Promise<void> = Promise.resolve();
  const watch = (): void => {
    void redis.exited.then(() => {
      if (stopping) return;
      options.note('Redis has ended; starting it again on the same data');
      restart = new Promise((next) => setTimeout(next, REDIS_RESTART_MS))
        .then(() => startEmbeddedRedis({ dataDir, port }))
        .then((again) => {
          redis = again;
          watch();
        }, failed);
    });
  };
  watch();
  const removeTemporary = (): void => {
    if (options.redisDir === null) rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  };
  return {
    url,
    async stop() {
      stopping = true;
      await restart;
      await redis.stop();
      removeTemporary();
    },
    kill() {
      stopping = true;
      void redis.kill();
      removeTemporary();
    },
  };
}

const withoutSecrets = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SECRET_')));

/**
 * Starts everything and waits until the API is ready and an executor has announced its tools. Throws, with everything
 * ended again, when that does not happen within 60 s.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { note, host, logDir, signal } = options;
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  // Whoever waits for it sees the rejection; nobody has to.
  failed.catch(() => {});

  const port = await availablePort(options.port, host);
  const url = `http://${host.includes(':') ? `[${host}]` : host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`;
  const { DRAIN_MS: drainMs = 0, SHUTDOWN_DELAY_MS: delayMs = 0, ...given } = loadConfig(passedOn, options.env);
  // Where Sentinels say which server it is, the host of the URL is not used.
  const external = given.REDIS_URL ?? (given.REDIS_SENTINELS === undefined ? undefined : 'redis://127.0.0.1:6379');
  const redis = external !== undefined ? { url: external, stop: async () => {}, kill: () => {} } : await keepRedis(options, fail);

  const common = { REDIS_URL: redis.url, WORKSPACE_ROOT: options.workspaceRoot };
  const stopLimitMs = STOP_LIMIT_MS + Math.max(drainMs, delayMs);
  const services: { api: ChildService | null; planner: ChildService | null; executors: ChildService[] } = {
    api: null,
    planner: null,
    executors: [],
  };
  // The API shows everything on its own port. Which address the others listen on is up to HEALTH_HOST.
  const healthPortOf = (place: number): Record<string, string> => ({
    HEALTH_PORT: options.healthPort === null ? '' : String(options.healthPort === 0 ? 0 : options.healthPort + place),
  });
  const launch = (name: string, main: string, extra: Record<string, string> = {}): ChildService => {
    const logFile = join(logDir, `${name}.log`);
    rmSync(logFile, { force: true });
    // Secrets of steps are the executors' alone.
    const given = main === mainOf('executor') ? options.env : withoutSecrets(options.env);
    const env = withSettings(given, { ...common, ...extra });
    return keepRunning({ name, main, env, folder: options.folder, logFile, stopLimitMs, note, gaveUp: fail });
  };

  // A process that ends without a stop (a second Ctrl-C, a fault) takes everything with it.
  const kill = (): void => {
    for (const service of [services.api, services.planner, ...services.executors]) service?.kill();
    redis.kill();
  };
  process.once('exit', kill);

  let stopped: Promise<void> | null = null;
  const end = async (): Promise<void> => {
    await services.api?.stop();
    await services.planner?.stop();
    await Promise.all(services.executors.map((executor) => executor.stop()));
    await redis.stop();
    process.off('exit', kill);
  };
  const stop = (): Promise<void> => {
    stopped ??= end();
    return stopped;
  };

  // A service that gave up ends the waiting too: what waits keeps this process alive.
  const over = new AbortController();
  const { signal: waiting, release } = linkSignals([signal, over.signal]);
  try {
    services.api = launch('api', mainOf('api'), { HOST: host, PORT: String(port), HEALTH_PORT: '' });
    services.planner = launch('planner', mainOf('planner'), healthPortOf(0));
    for (let number = 1; number <= options.executors; number++) {
      services.executors.push(launch(`executor-${number}`, mainOf('executor'), healthPortOf(number)));
    }
    const ready = waitFor('the API was not ready', async () => (await fetch(`${url}/readyz`, { signal: waiting })).ok, waiting);
    await Promise.race([ready, failed]);
    await Promise.race([waitForTools(withSettings(options.env, common), waiting), failed]);
  } catch (error) {
    over.abort();
    await stop();
    if (signal.aborted) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const logs = [services.api, ...services.executors.slice(0, 1)].map((service) => join(logDir, `${service?.name}.log`));
    throw new Error([reason, ...logs.map((log) => `the last lines of ${log}:\n${lastLogLines(log)}`)].join('\n'));
  } finally {
    release();
  }
  const first = options.healthPort ?? 0;
  const processes = first === 0 ? [] : [services.planner, ...services.executors];
  const health = processes.map((_process, place) => `http://${options.env.HEALTH_HOST || '127.0.0.1'}:${first + place}`);
  return { url, health, redisUrl: redis.url, ownRedis: external === undefined, logDir, failed, stop };
}
