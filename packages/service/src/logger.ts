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

/** The destination, or stdout, behind what cleans the lines; undefined where pino's own choice will do. */
function destinationOf({ destination, cleanLine }: LoggerOptions): DestinationStream | undefined {
  if (cleanLine === undefined) return destination;
  const stream = destination ?? pino.destination(1);
  return { write: (line) => stream.write(cleanLine(line)) };
}

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
  const destination = destinationOf(options);
  const logger = destination === undefined ? pino(settings) : pino(settings, destination);
  // pino writes a child's bindings once, past the formatter above; children inherit this.
  const child: (this: PinoLogger, bindings: object, childOptions?: object) => PinoLogger = logger.child;
  Object.assign(logger, {
    child(this: PinoLogger, bindings: object, childOptions?: object) {
      return child.call(this, maskSecrets(bindings) as object, childOptions);
    },
  });
  return logger;
}
