/** The settings of the API. */
import { healthSettings, policySettings, tracingSettings } from '@countersign/service';
import { checkStoreSettings, storeSettings } from '@countersign/store';
import { privateNetworks } from '@countersign/tools';
import { z } from 'zod';
import { identityProblems, identitySettings, isControlled } from './identity/settings.ts';
import { isLoopback, isLoopbackOrigin } from './loopback.ts';

/** Whether a text is an origin as browsers write it: scheme, host, a port that is not the scheme's own, and nothing behind it. */
const isOrigin = (text: string): boolean => /^https?:\/\/[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;

export const apiConfigSchema = z
  .object({
    ...storeSettings,
    ...identitySettings,
    ...healthSettings,
    ...policySettings,
    ...tracingSettings,
    PORT: z.coerce
      .number('must be a port number; 0 picks a free one')
      .int('must be a whole port number')
      .min(0, 'must be 0 to 65535')
      .max(65_535, 'must be 0 to 65535')
      .default(3000),
    HOST: z.string().default('127.0.0.1'),
    /** ms that it still takes calls after it was told to end, while `/readyz` already says no: for a load balancer to notice */
    SHUTDOWN_DELAY_MS: z.coerce.number().int().min(0).max(300_000).default(0),
    /** a folder of plans with parameters, as YAML or JSON; absent: there are none */
    TEMPLATES_DIR: z.string().optional(),
    /** origins whose pages may call from a browser; absent: none but the API's own */
    CORS_ORIGINS: z
      .string()
      .transform((text) => text.split(',').map((entry) => entry.trim()))
      .refine(
        (entries) => entries.every(isOrigin),
        'must be origins like https://console.example.org, comma-separated, to the letter; there is no pattern for several',
      )
      .optional(),
    /** lets webhooks lead to private addresses: `true`, or networks such as `10.0.0.0/8`; executors look when they send */
    WEBHOOK_ALLOW_PRIVATE: privateNetworks.default(false),
  })
  .superRefine(checkStoreSettings)
  .superRefine((config, context) => {
    for (const { setting, message } of identityProblems(config)) context.addIssue({ code: 'custom', path: [setting], message });
    if (!isControlled(config) && config.CORS_ORIGINS?.every(isLoopbackOrigin) === false) {
      context.addIssue({
        code: 'custom',
        path: ['CORS_ORIGINS'],
        message: 'without API_KEYS, OIDC_ISSUER or REQUIRE_KEYS pages of other machines are not answered; set one of them, too',
      });
    }
    if (!isControlled(config) && !isLoopback(config.HOST)) {
      context.addIssue({
        code: 'custom',
        path: ['HOST'],
        message:
          'without API_KEYS, OIDC_ISSUER or REQUIRE_KEYS everybody who can connect is an admin, so only 127.0.0.1, ::1 or localhost will do; ' +
          'set one of them to listen elsewhere',
      });
    }
  });
export type ApiConfig = z.output<typeof apiConfigSchema>;
