export { ACCESS, type Access } from './access.ts';
export { type AppOptions, createApp } from './app.ts';
export { type ApiConfig, apiConfigSchema } from './config.ts';
export { type ConfiguredKey, parseApiKeys } from './identity/configured-keys.ts';
export { API_METRICS } from './metrics.ts';
export { type OpenapiDocument, openapiDocument } from './openapi.ts';
export { OPERATIONS } from './operations.ts';
export { type RunningApi, startApi } from './server.ts';
export { apiService } from './service.ts';
