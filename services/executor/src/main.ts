/** The executor as a process. */
import { runService } from '@countersign/service';
import { openStore } from '@countersign/store';
import { loadTools } from '@countersign/tools';
import { configSchema } from './config.ts';
import { startExecutor } from './executor.ts';

await runService({
  name: 'executor',
  schema: configSchema,
  async start(config, logger) {
    const store = openStore({ redisUrl: config.REDIS_URL, onError: (error) => logger.warn({ error: error.message }, 'Redis connection') });
    const tools = await loadTools({
      workspaceRoot: config.WORKSPACE_ROOT,
      toolsDir: config.TOOLS_DIR,
      allowPrivateNetworks: config.HTTP_ALLOW_PRIVATE,
    });
    const executor = await startExecutor({
      store,
      tools,
      logger,
      name: config.EXECUTOR_NAME,
      concurrency: config.EXECUTOR_CONCURRENCY,
      queues: config.EXECUTOR_QUEUES,
    });
    return {
      async close() {
        await executor.close();
        await store.close();
      },
    };
  },
});
