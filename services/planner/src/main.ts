/** The planner's process. */
import { randomUUID } from 'node:crypto';
import { createModel } from '@countersign/llm';
import { ConfigError, type RunningService, runService } from '@countersign/service';
import { openStore } from '@countersign/store';
import { type PlannerConfig, plannerConfigSchema } from './config.ts';
import { createOpenaiPlanner } from './openai-planner.ts';
import { planTask } from './plan-task.ts';
import type { Planner } from './planner.ts';
import { createRulesPlanner } from './rules/rules-planner.ts';

/** Tasks planned at the same time by one process: it mostly waits for the model. */
const CONCURRENCY = 8;

function createPlanner(config: PlannerConfig): Planner {
  if (config.PLANNER === 'rules') return createRulesPlanner();
  const model = createModel({
    apiKey: config.OPENAI_API_KEY ?? null,
    baseUrl: config.OPENAI_BASE_URL ?? null,
    model: config.OPENAI_MODEL,
    timeoutMs: config.OPENAI_TIMEOUT_MS,
  });
  return createOpenaiPlanner(model);
}

await runService({
  name: 'planner',
  schema: plannerConfigSchema,
  async start(config, logger, signal): Promise<RunningService> {
    const planner = createPlanner(config);
    const onError = (error: Error): void => logger.warn({ err: error }, 'no connection to Redis; trying again');
    const store = openStore({ redisUrl: config.REDIS_URL, onError });
    try {
      const redis = await store.check(logger, signal);
      if (!redis.ok) throw new ConfigError(redis.refusals.map((refusal) => `REDIS_URL: ${refusal}`));
    } catch (error) {
      await store.close();
      throw error;
    }
    const consumer = store.consumePlanning(
      async ({ taskId }, lost) => {
        const log = logger.child({ taskId });
        log.info('planning');
        const result = await planTask(taskId, { store, planner, newToken: randomUUID, signal: AbortSignal.any([signal, lost]) }).catch(
          (error: unknown) => {
            log.warn({ err: error }, 'planning was interrupted; the job is delivered again');
            throw error;
          },
        );
        if (result.outcome === 'planned') log.info({ planId: result.planId }, 'planned');
        else if (result.outcome === 'failed') log.warn({ code: result.error.code, reason: result.error.message }, 'planning failed');
        else log.info({ reason: result.reason }, 'nothing to plan any more');
      },
      { concurrency: CONCURRENCY, onError },
    );
    logger.info({ planner: planner.name, model: planner.name === 'openai' ? config.OPENAI_MODEL : null }, 'waiting for tasks');
    return {
      async close() {
        await consumer.close();
        await store.close();
      },
    };
  },
});
