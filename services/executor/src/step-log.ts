/** What is logged about a step, by the executor and by its tool. */
import type { ToolLogger } from '@countersign/tools';

/** Writes a line with the ids of the step in hand. Making a child logger for each step costs more than most steps do. */
export type StepLog = (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: object) => void;

export interface StepLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const toolLogger = (log: StepLog): ToolLogger => ({
  debug: (message, fields) => log('debug', message, fields),
  info: (message, fields) => log('info', message, fields),
  warn: (message, fields) => log('warn', message, fields),
  error: (message, fields) => log('error', message, fields),
});
