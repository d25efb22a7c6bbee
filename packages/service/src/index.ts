export { ConfigError, loadConfig } from './config.ts';
export { type Health, type HealthOptions, type HealthSettings, healthSettings, openHealth } from './health-server.ts';
export { jsonErrorOffset, lineAndColumn } from './json-position.ts';
export { jsonSetting } from './json-setting.ts';
export { type LogIds, logIds } from './log-ids.ts';
export { createLogger, LOG_LEVELS, type Logger, type LogLevel } from './logger.ts';
export { type Meters, type MetricDefinition, Metrics } from './metrics.ts';
export { type DocumentReading, type Place, type PlacedDocument, type PlacedProblem, readDocument } from './placed-document.ts';
export { fixedPolicy, openPolicy, type PolicySource, policySettings } from './policy-file.ts';
export { type PolicyFileReading, readPolicyFile } from './read-policy-file.ts';
export { EXIT_CONFIG, type RunningService, runService, type ServiceDefinition } from './run-service.ts';
export { maskSecrets } from './secrets.ts';
export type { Environment } from './setting-files.ts';
export { STORE_METRICS, type StoreMeters, storeMeters } from './store-metrics.ts';
export {
  activeSpan,
  inSpan,
  inToolCall,
  isTracing,
  keptContext,
  nameRequest,
  openSpan,
  type SpanAttributes,
  type SpanOptions,
  type TracedSpan,
} from './tracing/spans.ts';
export { tracingSettings } from './tracing/tracing-settings.ts';
