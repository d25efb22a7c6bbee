/** The settings of the API. */
import { storeSettings } from '@countersign/store';
import { privateNetworks } from '@countersign/tools';
import { z } from 'zod';
import { type ApiKey, parseApiKeys } from './api-keys.ts';
import { isLoopback } from './loopback.ts';

const apiKeys = z.string().transform((text, context): ApiKey[] => {
  const parsed = parseApiKeys(text);
  if (parsed.ok) return parsed.keys;
  for (const message of parsed.problems) context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

export const apiConfigSchema = z
  .object({
    ...storeSettings,
    PORT: z.coerce
      .number('must be a port number; 0 picks a free one')
      .int('must be a whole port number')
      .min(0, 'must be 0 to 65535')
      .max(65_535, 'must be 0 to 65535')
      .default(3000),
    HOST: z.string().default('127.0.0.1'),
    /** ms that it still takes calls after it was told to end, while `/readyz` already says no: for a load balancer to notice */
    SHUTDOWN_DELAY_MS: z.coerce.number().int().min(0).max(300_000).default(0),
    API_KEYS: apiKeys.optional(),
    /** a folder of plans with parameters, as YAML or JSON; absent: there are none */
    TEMPLATES_DIR: z.string().optional(),
    /** lets webhooks lead to private addresses: `true`, or networks such as `10.0.0.0/8`; executors look when they send */
    WEBHOOK_ALLOW_PRIVATE: privateNetworks.default(false),
  })
  .superRefine(({ HOST, API_KEYS }, context) => {
    if (API_KEYS === undefined && !isLoopback(HOST)) {
      context.addIssue({
        code: 'custom',
        path: ['HOST'],
        message:
          'without API_KEYS everybody who can connect is an admin, so only 127.0.0.1, ::1 or localhost will do; set API_KEYS to listen elsewhere',
      });
    }
  });
export type ApiConfig = z.output<typeof apiConfigSchema>;
