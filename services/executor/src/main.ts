/** The executor as a process. */
import { modelFrom } from '@countersign/llm';
import { ConfigError, Metrics, openHealth, runService, storeMeters } from '@countersign/service';
import { openStore, redisFrom } from '@countersign/store';
import { addressCheck, guardedPost, loadMcpConfig, loadTools, type Toolbox } from '@countersign/tools';
import { type Config, configSchema } from './config.ts';
import { startDuties } from './duties.ts';
import { startExecutor } from './executor.ts';
import { executorMeters } from './metrics.ts';
import { recordsFolderProblem } from './retention/record-files.ts';
import type { RetentionRules } from './retention/remove-ended.ts';
import { startReviews } from './review.ts';
import { executorSecrets, NO_SECRETS, type Secrets } from './secrets/give-secrets.ts';
import { ENVIRONMENT_PREFIX, folderProblem, secretSource, secretsInEnvironment } from './secrets/secret-source.ts';
import { toolLogger } from './step-log.ts';
import { startDeliveries } from './webhooks/start-deliveries.ts';

/** ms for what comes after the drain: handing steps back, and letting go of tools and Redis. */
const AFTER_DRAIN_MS = 15_000;

const DAY_MS = 86_400_000;

/** undefined: everything is kept. Throws a ConfigError where AUDIT_DIR can't be used. */
async function retentionRules({
  RETENTION_DAYS: days,
  RETENTION_PLANS,
  RETENTION_TASKS,
  AUDIT_DIR: recordsFolder,
}: Config): Promise<RetentionRules | undefined> {
  const problem = recordsFolder === undefined ? null : await recordsFolderProblem(recordsFolder);
  if (problem !== null) throw new ConfigError([`AUDIT_DIR: ${problem}`]);
  if (days === 'off') return undefined;
  const forMs = days * DAY_MS;
  return { plan: { forMs, count: RETENTION_PLANS }, task: { forMs, count: RETENTION_TASKS }, recordsFolder };
}

/** What the log is cleaned of: known once the service has started. */
let secrets = NO_SECRETS;

/**
 * Secrets leave the environment for memory: programs that tools start inherit it. Throws a ConfigError for those that can't
 * be used.
 */
async function takeSecrets({ SECRETS_DIR: folder, SECRETS_ALLOW: rules }: Config): Promise<Secrets> {
  const { values, problems } = secretsInEnvironment(process.env);
  if (folder !== undefined) {
    const problem = await folderProblem(folder);
    if (problem !== null) problems.push(`SECRETS_DIR: ${problem}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  for (const name of values.keys()) delete process.env[`${ENVIRONMENT_PREFIX}${name}`];
  return executorSecrets(secretSource({ folder, values }), rules ?? null);
}

await runService({
  name: 'executor',
  cleanLine: (line) => secrets.cleanLine(line),
  schema: configSchema,
  closeLimitMs: ({ DRAIN_MS }) => DRAIN_MS + AFTER_DRAIN_MS,
  async start(config, logger, signal) {
    const mcp = config.MCP_CONFIG === undefined ? null : await loadMcpConfig(config.MCP_CONFIG, process.env);
    if (mcp?.ok === false) throw new ConfigError(mcp.problems.map((problem) => `MCP_CONFIG: ${problem}`));
    const keep = await retentionRules(config);
    secrets = await takeSecrets(config);
    logger.info({ names: await secrets.names() }, 'secrets that steps may ask for');
    let toolbox: Toolbox | null = null;
    const onError = (error: Error): void => logger.warn({ error: error.message }, 'Redis connection');
    const metrics = new Metrics();
    metrics.watchProcess();
    const meters = executorMeters(metrics);
    const { onCommand, watch } = storeMeters(metrics);
    const store = openStore({
      redis: redisFrom(config),
      shards: config.SHARDS,
      finishedJobs: config.RETENTION_FINISHED_JOBS,
      onError,
      onCommand,
    });
    watch(store);
    const health = await openHealth(config, { metrics, logger, draining: signal, store });
    try {
      const prepared = await store.prepare(logger, signal);
      if (!prepared.ok) throw new ConfigError(prepared.problems);
      toolbox = await loadTools({
        workspaceRoot: config.WORKSPACE_ROOT,
        toolsDir: config.TOOLS_DIR,
        allowPrivateNetworks: config.HTTP_ALLOW_PRIVATE,
        shellCommands: config.SHELL_COMMANDS,
        mcp:
          mcp === null
            ? undefined
            : { servers: mcp.servers, logger: toolLogger((level, message, fields = {}) => logger[level](fields, message)), signal },
        languageModel: modelFrom(config) ?? undefined,
      });
      const { close: closeToolbox } = toolbox;
      const executor = await startExecutor({
        store,
        toolbox,
        logger,
        meters,
        name: config.EXECUTOR_NAME,
        concurrency: config.EXECUTOR_CONCURRENCY,
        queues: config.EXECUTOR_QUEUES,
        queueLimits: config.QUEUES,
        drainMs: config.DRAIN_MS,
        secrets,
        signal,
      });
      const duties = await startDuties({
        store,
        logger,
        meters,
        everyMs: {
          reconcile: config.RECONCILE_EVERY_MS,
          clock: config.CLOCK_EVERY_MS,
          webhooks: config.WEBHOOKS_EVERY_MS,
          retention: config.RETENTION_EVERY_MS,
        },
        keep,
        publicUrl: config.PUBLIC_URL,
        signal,
      });
      const deliveries = startDeliveries({
        store,
        logger,
        meters,
        post: guardedPost(addressCheck(config.WEBHOOK_ALLOW_PRIVATE)),
        concurrency: config.WEBHOOKS_CONCURRENCY,
        retry: { attempts: config.WEBHOOK_ATTEMPTS, backoffMs: config.WEBHOOK_BACKOFF_MS },
      });
      const reviews = startReviews({ store, tools: toolbox.tools, logger, meters, secrets });
      health.started();
      return {
        async close() {
          await Promise.all([executor.close(), duties.close(), reviews.close(), deliveries.close()]);
          await closeToolbox?.();
          await health.close();
          await store.close();
        },
      };
    } catch (error) {
      await toolbox?.close?.();
      await health.close();
      await store.close();
      throw error;
    }
  },
});
