/** The planner's process. */
import { modelFrom } from '@countersign/llm';
import { ConfigError, Metrics, openHealth, openPolicy, type RunningService, runService, storeMeters } from '@countersign/service';
import { linkSignals } from '@countersign/shared';
import { openStore, redisFrom } from '@countersign/store';
import { type PlannerConfig, plannerConfigSchema } from './config.ts';
import { handleJob } from './handle-job.ts';
import { plannerMeters } from './metrics.ts';
import { createOpenaiPlanner } from './openai-planner.ts';
import type { Planner } from './planner.ts';
import { createRulesPlanner } from './rules/rules-planner.ts';

/** Jobs worked on at the same time by one process: it mostly waits for the model. */
const CONCURRENCY = 8;

function createPlanner(config: PlannerConfig): Planner {
  const model = config.PLANNER === 'rules' ? null : modelFrom(config);
  const budget = {
    maxTokens: config.TASK_MAX_TOKENS,
    maxRounds: config.TASK_MAX_ROUNDS,
    maxCostUsd: config.TASK_MAX_COST_USD ?? null,
  };
  return model === null ? createRulesPlanner() : createOpenaiPlanner(model, { budget });
}

await runService({
  name: 'planner',
  schema: plannerConfigSchema,
  async start(config, logger, signal): Promise<RunningService> {
    const planner = createPlanner(config);
    const policy = await openPolicy(config, logger);
    const onError = (error: Error): void => logger.warn({ err: error }, 'no connection to Redis; trying again');
    const metrics = new Metrics();
    metrics.watchProcess();
    const meters = plannerMeters(metrics);
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
    } catch (error) {
      await health.close();
      policy.close();
      await store.close();
      throw error;
    }
    const consumer = store.consumePlanning(
      (job, lost) => {
        const over = linkSignals([signal, lost]);
        return handleJob(job, { store, planner, policy: policy.current, logger, meters, signal: over.signal }).finally(over.release);
      },
      { concurrency: CONCURRENCY, onError },
    );
    health.started();
    logger.info({ planner: planner.name, model: planner.name === 'openai' ? config.OPENAI_MODEL : null }, 'waiting for tasks');
    return {
      async close() {
        await consumer.close();
        await health.close();
        policy.close();
        await store.close();
      },
    };
  },
});
