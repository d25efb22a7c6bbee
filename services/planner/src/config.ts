/** The settings of the planner service. */
import { checkModelSettings, modelSettings } from '@countersign/llm';
import { z } from 'zod';

export const plannerConfigSchema = z
  .object({
    REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a URL like redis://127.0.0.1:6379' }).default('redis://127.0.0.1:6379'),
    /** default: openai when a key or a base URL is set, else rules */
    PLANNER: z.enum(['openai', 'rules']).optional(),
    ...modelSettings,
  })
  .superRefine(checkModelSettings)
  .transform((settings) => ({
    ...settings,
    PLANNER: settings.PLANNER ?? (settings.OPENAI_API_KEY !== undefined || settings.OPENAI_BASE_URL !== undefined ? 'openai' : 'rules'),
  }))
  .refine((settings) => settings.PLANNER === 'rules' || settings.OPENAI_API_KEY !== undefined || settings.OPENAI_BASE_URL !== undefined, {
    path: ['PLANNER'],
    error: 'needs OPENAI_API_KEY, or OPENAI_BASE_URL for a server without keys; `rules` needs neither',
  });
export type PlannerConfig = z.output<typeof plannerConfigSchema>;
