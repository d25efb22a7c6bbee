/** The settings that say who may call, and how often. */
import { isIP, isIPv4 } from 'node:net';
import type { RateLimit } from '@countersign/store';
import { z } from 'zod';
import { type ConfiguredKey, parseApiKeys } from './configured-keys.ts';
import { isSafeKeysUrl } from './discovery.ts';
import { parseRoleMap, type RoleMap } from './role-map.ts';
import type { TokenSettings } from './tokens.ts';

const apiKeys = z.string().transform((text, context): ConfiguredKey[] => {
  const parsed = parseApiKeys(text);
  if (parsed.ok) return parsed.keys;
  for (const message of parsed.problems) context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const roleMap = z.string().transform((text, context): RoleMap => {
  const parsed = parseRoleMap(text);
  if (parsed.ok) return parsed.map;
  for (const message of parsed.problems) context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const flag = z.enum(['true', 'false'], 'must be true or false');
const isTrue = (word: string): boolean => word === 'true';

/** `600/60`: so many in so many seconds; `off`: no limit. */
const rate = z.string().regex(/^(off|[1-9]\d{0,8}\/[1-9]\d{0,4})$/, 'must be `calls/seconds` like 600/60, or off');
function readRate(text: string): RateLimit | null {
  const [calls = 0, seconds = 0] = text.split('/').map(Number);
  return text === 'off' ? null : { calls, seconds };
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  if (isIP(address) === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(address) ? 32 : 128));
}

const networks = z
  .string()
  .transform((text) => text.split(',').map((entry) => entry.trim()))
  .refine((entries) => entries.every(isNetwork), 'must be addresses or networks like 10.0.0.0/8, comma-separated');

const schema = z.object({
  API_KEYS: apiKeys.optional(),
  REQUIRE_KEYS: flag.default('false').transform(isTrue),
  OIDC_ISSUER: z.string().refine(URL.canParse, 'must be the URL that tokens have as their `iss`').optional(),
  OIDC_AUDIENCE: z
    .string()
    .transform((text) => text.split(',').map((entry) => entry.trim()))
    .optional(),
  OIDC_JWKS_URL: z.string().refine(isSafeKeysUrl, 'must be an https:// URL, or an http:// one of this machine').optional(),
  OIDC_ACTOR_CLAIM: z.string().default('sub'),
  OIDC_ROLES_CLAIM: z.string().default('roles'),
  OIDC_ROLE_MAP: roleMap.optional(),
  RATE_LIMIT: rate.default('1200/60').transform(readRate),
  AUTH_FAILURES: rate.default('30/60').transform(readRate),
  TRUSTED_PROXIES: networks.optional(),
  DASHBOARD_WRITABLE: flag.default('false').transform(isTrue),
});

export const identitySettings = schema.shape;
export type IdentitySettings = z.output<typeof schema>;

/** What is wrong with the settings together, by setting. */
export function identityProblems(settings: IdentitySettings): { setting: keyof IdentitySettings; message: string }[] {
  const { OIDC_ISSUER, OIDC_AUDIENCE, OIDC_JWKS_URL } = settings;
  if (OIDC_ISSUER === undefined)
    return (['OIDC_AUDIENCE', 'OIDC_JWKS_URL', 'OIDC_ROLE_MAP'] as const)
      .filter((setting) => settings[setting] !== undefined)
      .map((setting) => ({ setting, message: 'is of no use without OIDC_ISSUER; set that too' }));
  return [
    ...(OIDC_AUDIENCE === undefined
      ? [{ setting: 'OIDC_AUDIENCE' as const, message: 'tokens for others would be taken without it; say what `aud` must be' }]
      : []),
    ...(OIDC_JWKS_URL === undefined && !isSafeKeysUrl(OIDC_ISSUER)
      ? [
          {
            setting: 'OIDC_ISSUER' as const,
            message: 'must be https (http on this machine only) where its keys are looked up; or set OIDC_JWKS_URL',
          },
        ]
      : []),
  ];
}

/** Whether calls have to say who they are from. */
export const isControlled = ({ API_KEYS, OIDC_ISSUER, REQUIRE_KEYS }: IdentitySettings): boolean =>
  API_KEYS !== undefined || OIDC_ISSUER !== undefined || REQUIRE_KEYS;

/** The identity provider; null where there is none. */
export function tokenSettings(settings: IdentitySettings): TokenSettings | null {
  const { OIDC_ISSUER, OIDC_AUDIENCE, OIDC_JWKS_URL, OIDC_ACTOR_CLAIM, OIDC_ROLES_CLAIM, OIDC_ROLE_MAP } = settings;
  if (OIDC_ISSUER === undefined) return null;
  return {
    issuer: OIDC_ISSUER,
    audience: OIDC_AUDIENCE ?? [],
    jwksUrl: OIDC_JWKS_URL ?? null,
    actorClaim: OIDC_ACTOR_CLAIM,
    rolesClaim: OIDC_ROLES_CLAIM,
    roleMap: OIDC_ROLE_MAP ?? null,
  };
}
