export { ConfigError, loadConfig } from './config.ts';
export { jsonErrorOffset, lineAndColumn } from './json-position.ts';
export { createLogger, LOG_LEVELS, type Logger, type LogLevel } from './logger.ts';
export { type DocumentReading, type Place, type PlacedDocument, type PlacedProblem, readDocument } from './placed-document.ts';
export { EXIT_CONFIG, type RunningService, runService, type ServiceDefinition } from './run-service.ts';
export { maskSecrets } from './secrets.ts';
export type { Environment } from './setting-files.ts';
