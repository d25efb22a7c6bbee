/** The settings of the planner service. */
import { checkModelSettings, modelSettings } from '@countersign/llm';
import { healthSettings, policySettings, tracingSettings } from '@countersign/service';
import { checkStoreSettings, queueSettings, storeSettings } from '@countersign/store';
import { z } from 'zod';
import { DEFAULT_BUDGET } from './budget.ts';

export const plannerConfigSchema = z
  .object({
    ...storeSettings,
    ...queueSettings,
    ...healthSettings,
    ...policySettings,
    ...tracingSettings,
    /** default: openai when a key or a base URL is set, else rules */
    PLANNER: z.enum(['openai', 'rules']).optional(),
    ...modelSettings,
    /** what one task may take of models: its planning, revisions, replanning and summaries together */
    TASK_MAX_TOKENS: z.coerce.number().int().min(1).default(DEFAULT_BUDGET.maxTokens),
    TASK_MAX_ROUNDS: z.coerce.number().int().min(1).default(DEFAULT_BUDGET.maxRounds),
    /** none where it is not set */
    TASK_MAX_COST_USD: z.coerce.number().positive().optional(),
  })
  .superRefine(checkStoreSettings)
  .superRefine(checkModelSettings)
  .transform((settings) => ({
    ...settings,
    PLANNER: settings.PLANNER ?? (settings.OPENAI_API_KEY !== undefined || settings.OPENAI_BASE_URL !== undefined ? 'openai' : 'rules'),
  }))
  .refine((settings) => settings.PLANNER === 'rules' || settings.OPENAI_API_KEY !== undefined || settings.OPENAI_BASE_URL !== undefined, {
    path: ['PLANNER'],
    error: 'needs OPENAI_API_KEY, or OPENAI_BASE_URL for a server without keys; `rules` needs neither',
  })
  // A limit that nobody can hold is worse than none: people rely on it.
  .refine((settings) => settings.TASK_MAX_COST_USD === undefined || settings.OPENAI_INPUT_PRICE !== undefined, {
    path: ['TASK_MAX_COST_USD'],
    error: 'needs OPENAI_INPUT_PRICE and OPENAI_OUTPUT_PRICE: without prices no cost is known',
  });
export type PlannerConfig = z.output<typeof plannerConfigSchema>;
