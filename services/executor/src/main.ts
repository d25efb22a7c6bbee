/** The executor as a process. */
import { ConfigError, runService } from '@countersign/service';
import { openStore } from '@countersign/store';
import { loadTools } from '@countersign/tools';
import { configSchema } from './config.ts';
import { startDuties } from './duties.ts';
import { startExecutor } from './executor.ts';

await runService({
  name: 'executor',
  schema: configSchema,
  async start(config, logger, signal) {
    const store = openStore({ redisUrl: config.REDIS_URL, onError: (error) => logger.warn({ error: error.message }, 'Redis connection') });
    try {
      const redis = await store.check(logger, signal);
      if (!redis.ok) throw new ConfigError(redis.refusals.map((refusal) => `REDIS_URL: ${refusal}`));
      const toolbox = await loadTools({
        workspaceRoot: config.WORKSPACE_ROOT,
        toolsDir: config.TOOLS_DIR,
        allowPrivateNetworks: config.HTTP_ALLOW_PRIVATE,
        shellCommands: config.SHELL_COMMANDS,
      });
      const executor = await startExecutor({
        store,
        toolbox,
        logger,
        name: config.EXECUTOR_NAME,
        concurrency: config.EXECUTOR_CONCURRENCY,
        queues: config.EXECUTOR_QUEUES,
        queueLimits: config.QUEUES,
      });
      const duties = await startDuties({ store, logger, everyMs: { reconcile: config.RECONCILE_EVERY_MS, clock: config.CLOCK_EVERY_MS } });
      return {
        async close() {
          await Promise.all([executor.close(), duties.close()]);
          await store.close();
        },
      };
    } catch (error) {
      await store.close();
      throw error;
    }
  },
});
