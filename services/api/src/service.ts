/** The API as a service: its settings, its start and its end. */
import {
  ConfigError,
  type Health,
  type Logger,
  Metrics,
  openHealth,
  openPolicy,
  type ServiceDefinition,
  storeMeters,
} from '@countersign/service';
import { openStore, redisFrom } from '@countersign/store';
import { addressCheck } from '@countersign/tools';
import { announcePolicy, type PolicyAnnouncement } from './announce-policy.ts';
import { type ApiConfig, apiConfigSchema } from './config.ts';
import { isControlled, tokenSettings } from './identity/settings.ts';
import { tokenReader } from './identity/tokens.ts';
import { type RunningApi, startApi } from './server.ts';
import { loadTemplates, type Templates } from './templates/load-templates.ts';

/** ms that calls under way get to finish. */
const CALLS_LIMIT_MS = 30_000;
function sayWhoMayCall(config: ApiConfig, logger: Logger): void {
  const { API_KEYS = [], OIDC_ISSUER, OIDC_AUDIENCE } = config;
  if (!isControlled(config)) {
    logger.warn(
      'no API_KEYS, OIDC_ISSUER or REQUIRE_KEYS: everybody on this machine is the admin `local`, or whoever the header X-Actor names',
    );
    return;
  }
  const actors = API_KEYS.map(({ id, roles }) => `${id}: ${roles.join(', ')}`);
  logger.info(
    { actors, ...(OIDC_ISSUER !== undefined && { issuer: OIDC_ISSUER, audience: OIDC_AUDIENCE }) },
    'calls need a key or a token',
  );
}

export const apiService: ServiceDefinition<ApiConfig> = {
  name: 'api',
  schema: apiConfigSchema,
  closeLimitMs: ({ SHUTDOWN_DELAY_MS }) => SHUTDOWN_DELAY_MS + CALLS_LIMIT_MS,
  async start(config, logger, signal) {
    const {
      HOST,
      PORT,
      API_KEYS,
      TEMPLATES_DIR,
      RATE_LIMIT,
      AUTH_FAILURES,
      TRUSTED_PROXIES,
      CORS_ORIGINS,
      DASHBOARD_WRITABLE,
      WEBHOOK_ALLOW_PRIVATE,
      SHUTDOWN_DELAY_MS,
    } = config;
    const templates: Templates = TEMPLATES_DIR === undefined ? new Map() : await loadTemplates(TEMPLATES_DIR);
    if (templates.size > 0) logger.info({ templates: [...templates.keys()] }, 'templates loaded');
    const metrics = new Metrics();
    metrics.watchProcess();
    const { onCommand, watch } = storeMeters(metrics);
    const policy = await openPolicy(config, logger);
    const store = openStore({
      redis: redisFrom(config),
      shards: config.SHARDS,
      onCommand,
      onError: (error) => logger.warn({ err: error }, 'the connection to Redis has a problem'),
    });
    watch(store);
    const keys = isControlled(config) ? (API_KEYS ?? []) : null;
    const settings = tokenSettings(config);
    const tokens = settings === null ? null : tokenReader(settings);
    sayWhoMayCall(config, logger);
    // Not waited for: keys work without the identity provider, and it may come up later.
    tokens?.prepare().catch((error: unknown) => logger.warn({ err: error }, 'the keys of the identity provider cannot be read'));
    let api: RunningApi | null = null;
    let health: Health | null = null;
    let announcement: PolicyAnnouncement | null = null;
    const close = async (): Promise<void> => {
      await api?.close();
      await health?.close();
      policy.close();
      await announcement?.stop();
      await store.close();
    };
    try {
      // It listens while Redis may still be starting, so that whoever watches it sees that it is alive and not ready.
      const preparing = store.prepare(logger, signal, { creates: true });
      // It is waited for below; until then its failure is nobody's.
      preparing.catch(() => {});
      api = await startApi({
        ...{ store, logger, keys, tokens, templates, policy, metrics, host: HOST, port: PORT },
        limits: { calls: RATE_LIMIT, failures: AUTH_FAILURES },
        trustedProxies: TRUSTED_PROXIES ?? [],
        corsOrigins: CORS_ORIGINS ?? [],
        dashboardWritable: DASHBOARD_WRITABLE,
        isWebhookAddress: addressCheck(WEBHOOK_ALLOW_PRIVATE),
        shutdownDelayMs: SHUTDOWN_DELAY_MS,
      });
      logger.info({ url: api.url, docs: `${api.url}/docs`, dashboard: `${api.url}/admin/queues` }, 'listening');
      health = await openHealth(config, { metrics, logger, draining: signal, store });
      const prepared = await preparing;
      if (!prepared.ok) throw new ConfigError(prepared.problems);
      announcement = await announcePolicy(policy, { store, logger });
      health.started();
      return { close };
    } catch (error) {
      await close();
      throw error;
    }
  },
};
