/** The log: one JSON object per line on stdout, without secrets. */
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { maskSecrets, maskText } from './secrets.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type Logger = PinoLogger;
type LogArguments = Parameters<PinoLogger['info']>;

const maskError = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error;
  return maskSecrets({ ...pino.stdSerializers.err(error) });
};

export interface LoggerOptions {
  service: string;
  level?: LogLevel;
  destination?: DestinationStream;
  /** what each line, as it would be written, goes through last */
  cleanLine?: ((line: string) => string) | undefined;
  /** fields that each line has besides its own */
  mixin?: (() => Record<string, string>) | undefined;
}

/**
 * stdout, written beside the work of the process. Nothing of it is flushed synchronously: where nobody reads the log any
 * more that would be tried for ever (sonic-boom repeats every error but EAGAIN), in fatal lines and at the exit. Whoever
 * ends the process waits for `written`. Without a least length nothing could be waited for.
 */
function standardOutput() {
  const stream = pino.destination({ fd: 1, sync: false, minLength: 1 });
  stream.flushSync = () => {};
  return stream;
}

/** The destination, or stdout, behind what cleans the lines. */
function destinationOf({ destination, cleanLine }: LoggerOptions): DestinationStream {
  if (destination !== undefined) return cleanLine === undefined ? destination : { write: (line) => destination.write(cleanLine(line)) };
  const stream = standardOutput();
  if (cleanLine === undefined) return stream;
  const cleaned = { write: (line: string) => void stream.write(cleanLine(line)), flush: stream.flush.bind(stream) };
  return cleaned;
}

/** Resolves once the lines so far are written, or nobody reads them, or they have taken longer than `limitMs`. */
export const written = (logger: Logger, limitMs: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, limitMs);
    logger.flush(() => {
      clearTimeout(timer);
      resolve();
    });
  });

/**
 * A logger of one service. Values under secret names (`authorization`, `apiKey`, `password`, ...) and the passwords of
 * URLs are masked at any depth, in messages too; errors keep their stack.
 */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level ?? 'info',
    base: { service: options.service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    messageKey: 'message',
    ...(options.mixin === undefined ? {} : { mixin: options.mixin }),
    serializers: { err: maskError },
    formatters: {
      level: (label: string) => ({ level: label }),
      // Masking here, by name and at any depth: pino's own redaction needs every path spelled out.
      log: (fields: Record<string, unknown>) =>
        Object.fromEntries(
          Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? maskError(value) : maskSecrets(value, name)]),
        ),
    },
    hooks: {
      logMethod(this: PinoLogger, args: LogArguments, method: PinoLogger['info']) {
        const [first] = args as unknown[];
        // pino takes a lone error's message over as it is, after the fields were masked.
        const given = first instanceof Error && args.length === 1 ? [{ err: first }, first.message] : args;
        method.apply(this, given.map((arg: unknown) => (typeof arg === 'string' ? maskText(arg) : arg)) as LogArguments);
      },
    },
  };
  const logger = pino(settings, destinationOf(options));
  // pino writes a child's bindings once, past the formatter above; children inherit this.
  const child: (this: PinoLogger, bindings: object, childOptions?: object) => PinoLogger = logger.child;
  Object.assign(logger, {
    child(this: PinoLogger, bindings: object, childOptions?: object) {
      return child.call(this, maskSecrets(bindings) as object, childOptions);
    },
  });
  return logger;
}
