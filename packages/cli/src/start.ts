/** `npm start`: the whole stack on this machine, kept up until it is told to end. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { healthSettings, loadConfig } from '@countersign/service';
import { z } from 'zod';
import type { InterruptionWatch } from './interruption.ts';
import { keepOutOfGit, startStack } from './stack.ts';
import type { Terminal } from './terminal.ts';

const startConfigSchema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce
    .number('must be a port number; 0 picks a free one')
    .int('must be 0 to 65535')
    .min(0, 'must be 0 to 65535')
    .max(65_535, 'must be 0 to 65535')
    .default(3000),
  HEALTH_PORT: healthSettings.HEALTH_PORT,
  EXECUTORS: z.coerce
    .number('must be a number of processes')
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(64, 'must be at most 64')
    .default(2),
  DATA_DIR: z.string().optional(),
  WORKSPACE_ROOT: z.string().optional(),
});

export interface StartOptions {
  /** the folder it is run in: the workspace and the place of the data, where the settings name no others, and where their relative paths begin */
  root: string;
  env: NodeJS.ProcessEnv;
  terminal: Terminal;
  interruption: InterruptionWatch;
}

/** Runs until SIGTERM or Ctrl-C. Resolves to the exit code: 0 after a clean end, 1 when a service can't be kept running. */
export async function start(options: StartOptions): Promise<number> {
  const { env, root, terminal, interruption } = options;
  const say = (line: string): void => terminal.write(`${line}\n`);
  const config = loadConfig(startConfigSchema, env);
  const ownFolder = join(root, '.countersign');
  const dataDir = config.DATA_DIR === undefined ? ownFolder : resolve(root, config.DATA_DIR);
  const logDir = join(dataDir, 'logs');
  mkdirSync(logDir, { recursive: true });
  if (config.DATA_DIR === undefined) keepOutOfGit(ownFolder);

  const stack = await startStack({
    env,
    workspaceRoot: config.WORKSPACE_ROOT ?? root,
    folder: root,
    host: config.HOST,
    port: config.PORT,
    executors: config.EXECUTORS,
    healthPort: config.HEALTH_PORT ?? null,
    logDir,
    redisDir: join(dataDir, 'redis'),
    note: say,
    signal: interruption.signal,
  });
  say(`Countersign is up, with ${config.EXECUTORS} executor${config.EXECUTORS === 1 ? '' : 's'}. Ctrl-C ends it.`);
  say(`  API        ${stack.url}`);
  say(`  Docs       ${stack.url}/docs`);
  say(`  Dashboard  ${stack.url}/admin/queues`);
  say(`  Metrics    ${[`${stack.url}/metrics`, ...stack.health.map((url) => `${url}/metrics`)].join(', ')}`);
  say(`  Redis      ${stack.ownRedis ? `${stack.redisUrl} (data: ${join(dataDir, 'redis')})` : 'as the settings say'}`);
  say(`  Logs       ${logDir}`);

  const asked = new Promise<void>((resolve) => {
    if (interruption.signal.aborted) resolve();
    else interruption.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    await Promise.race([asked, stack.failed]);
    say('Stopping: API, planner, executors, then Redis...');
    return 0;
  } finally {
    await stack.stop();
  }
}
