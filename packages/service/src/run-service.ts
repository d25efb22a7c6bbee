/** The life of a service's process: configuration, start, signals, end. */
import { z } from 'zod';
import { ConfigError, readConfig } from './config.ts';
import { createLogger, LOG_LEVELS, type Logger, written } from './logger.ts';
import { maskSecrets } from './secrets.ts';
import type { Environment } from './setting-files.ts';
import { misspelledSettings, settingNames } from './setting-names.ts';
import { logFieldsOfSpan } from './tracing/spans.ts';
import { tracingSchema, wantsTraces } from './tracing/tracing-settings.ts';

/** EX_CONFIG of sysexits.h: starting again will not help. */
export const EXIT_CONFIG = 78;
/** ms that a service has for its end, where it does not say otherwise */
const CLOSE_LIMIT_MS = 30_000;
/** ms that a log may take to be written at the end of the process */
const LAST_WORDS_MS = 1_000;
/** Ctrl-C under `npm run` arrives twice, from the terminal and passed on by npm: signals this close are one. */
const SAME_SIGNAL_MS = 1_000;

export interface RunningService {
  /** Finishes what is in hand and lets go of everything. Called once. */
  close(): Promise<void>;
}

export interface ServiceDefinition<Config> {
  name: string;
  /** an object schema whose keys are environment variables; `LOG_LEVEL` and the settings of traces are read for every service */
  schema: z.ZodType<Config>;
  /** `signal` aborts when the process is asked to end, also while it still starts. */
  start(config: Config, logger: Logger, signal: AbortSignal): Promise<RunningService>;
  /** ms that its end may take before the process ends all the same; absent: 30 s */
  closeLimitMs?(config: Config): number;
  /** what each line of the log goes through before it is written; absent: nothing */
  cleanLine?(line: string): string;
}

const logLevelSchema = z.object({ LOG_LEVEL: z.enum(LOG_LEVELS).default('info') });

function readSettings<Config>(service: ServiceDefinition<Config>, env: Environment) {
  const own = readConfig(service.schema, env);
  const log = readConfig(logLevelSchema, env);
  const traces = readConfig(tracingSchema, env);
  if (own.ok && log.ok && traces.ok) return { config: own.config, level: log.config.LOG_LEVEL, traces: traces.config };
  const problems = [own, log, traces].flatMap((reading) => (reading.ok ? [] : reading.problems));
  throw new ConfigError([...new Set(problems)]);
}

/**
 * Runs a service as this process. Exit codes: 0 after SIGTERM or SIGINT and a clean close (or `--print-config`), 1 when
 * the start or the close failed, the close took longer than its limit, or something was thrown that nobody caught, 78
 * when the configuration can't be used, 128 + signal after a second signal. A process that was forked also ends when its
 * parent goes away.
 */
export async function runService<Config>(service: ServiceDefinition<Config>): Promise<void> {
  const misspelled = misspelledSettings(process.env, [service.schema, logLevelSchema, tracingSchema].flatMap(settingNames));
  const complain = (text: string): boolean => process.stderr.write(`${service.name}: ${text}\n`);
  let settings: ReturnType<typeof readSettings<Config>>;
  try {
    settings = readSettings(service, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.message);
    misspelled.forEach(complain);
    process.exit(EXIT_CONFIG);
  }
  const { config, level, traces } = settings;
  if (process.argv.includes('--print-config')) {
    misspelled.forEach(complain);
    process.stdout.write(`${JSON.stringify(maskSecrets({ LOG_LEVEL: level, ...config }), null, 2)}\n`);
    process.exit(0);
  }

  const isTraced = wantsTraces(traces);
  const mixin = isTraced ? logFieldsOfSpan : undefined;
  const logger = createLogger({ service: service.name, level, cleanLine: service.cleanLine, mixin });
  for (const line of misspelled) logger.warn(line);
  // Loaded where it is used, and by nobody else: it is as large as a whole service.
  const tracing = isTraced ? (await import('./tracing/start-tracing.ts')).startTracing(traces, { service: service.name, logger }) : null;
  /** Ends the process behind its last words. */
  const leave = (exitCode: number): void => void written(logger, LAST_WORDS_MS).then(() => process.exit(exitCode));
  const closeLimitMs = service.closeLimitMs?.(config) ?? CLOSE_LIMIT_MS;
  const stopping = new AbortController();
  let askedAt: number | null = null;

  process.on('unhandledRejection', (error) => {
    logger.fatal({ err: error }, 'a rejection that nobody handled');
    leave(1);
  });
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'an exception that nobody caught');
    leave(1);
  });

  const end = async (): Promise<void> => {
    setTimeout(() => {
      logger.error({ limitMs: closeLimitMs }, 'closing took too long: ended without finishing');
      leave(1);
    }, closeLimitMs);
    try {
      const running = await starting.catch((error: unknown) => {
        if (error instanceof Error && error.name === 'AbortError') return null;
        throw error;
      });
      await running?.close();
      await tracing?.close();
      logger.info('closed');
      leave(0);
    } catch (error) {
      logger.error({ err: error }, 'could not close cleanly');
      leave(1);
    }
  };
  const ask = (reason: string, exitCode: number): void => {
    if (askedAt === null) {
      askedAt = performance.now();
      logger.info({ reason }, 'closing');
      stopping.abort();
      void end();
    } else if (performance.now() - askedAt > SAME_SIGNAL_MS) {
      logger.warn({ reason }, 'asked again: ended at once');
      leave(exitCode);
    }
  };
  process.on('SIGTERM', () => ask('SIGTERM', 143));
  process.on('SIGINT', () => ask('SIGINT', 130));
  process.on('disconnect', () => ask('the parent process has gone', 1));
  // Last: from its first line on, a start may be asked to end.
  const starting = service.start(config, logger, stopping.signal);

  try {
    await starting;
    if (!stopping.signal.aborted) logger.info('started');
  } catch (error) {
    if (stopping.signal.aborted) return;
    if (error instanceof ConfigError) {
      complain(error.message);
      leave(EXIT_CONFIG);
      return;
    }
    logger.fatal({ err: error }, 'could not start');
    leave(1);
  }
}
