/** Tokens of an OpenID Connect provider: signed JSON Web Tokens that say who somebody is and what they may do. */
import type { Role } from '@countersign/shared';
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import { discoverKeysUrl } from './discovery.ts';
import { type RoleMap, rolesOf } from './role-map.ts';
import type { Verdict } from './verdict.ts';

export interface TokenSettings {
  issuer: string;
  /** a token must be for one of these */
  audience: readonly string[];
  /** where the issuer's public keys are; null: the issuer's discovery document says */
  jwksUrl: string | null;
  actorClaim: string;
  rolesClaim: string;
  roleMap: RoleMap | null;
}

export interface TokenReader {
  /** Whose token this is; null where the text is no token. */
  read(token: string): Promise<Verdict | null>;
  /** Reads the issuer's keys, so that a wrong setting shows before the first call. Rejects with what is wrong. */
  prepare(): Promise<void>;
}

export interface TokenTimes {
  /** ms after the keys were read before an unknown key id has them read again */
  cooldownMs: number;
  /** ms that the keys are good for without being read again */
  cacheMs: number;
  /** ms that the provider has to answer */
  timeoutMs: number;
}
const TIMES: TokenTimes = { cooldownMs: 30_000, cacheMs: 600_000, timeoutMs: 5_000 };

/** Signatures of a private key only: with a shared secret whoever can check tokens could also make them. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
/** What clocks may differ by. */
const CLOCK_TOLERANCE_SECONDS = 30;
const LONGEST_ACTOR = 255;
const TOKEN = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

/** What is wrong with the token, as opposed to what went wrong while it was checked. */
const TOKEN_FAULTS = [
  errors.JWSInvalid,
  errors.JWTInvalid,
  errors.JWTExpired,
  errors.JWTClaimValidationFailed,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
];

/**
 * The name that stands on events: `oidc:` and the claim, so that it is never a key's name, which has no ':'. What names
 * can't hold is written as %XX, byte by byte: different claims stay different names.
 */
export function actorNameOf(claim: string): string {
  const bytes = [...new TextEncoder().encode(claim)];
  const shown = bytes.map((byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9._@-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return `oidc:${shown.join('')}`;
}

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${error.message}${cause}`;
};

/** Reads tokens. Nothing is fetched before the first one. */
export function tokenReader(settings: TokenSettings, times: Partial<TokenTimes> = {}): TokenReader {
  const { cooldownMs, cacheMs, timeoutMs } = { ...TIMES, ...times };
  const { issuer, audience, actorClaim, rolesClaim, roleMap } = settings;
  const keySetAt = (url: string) =>
    createRemoteJWKSet(new URL(url), { cooldownDuration: cooldownMs, cacheMaxAge: cacheMs, timeoutDuration: timeoutMs });

  let found: Promise<ReturnType<typeof keySetAt>> | null = settings.jwksUrl === null ? null : Promise.resolve(keySetAt(settings.jwksUrl));
  const keySet = (): Promise<ReturnType<typeof keySetAt>> => {
    found ??= discoverKeysUrl(issuer, timeoutMs).then(keySetAt, (error: unknown) => {
      // The next call tries again.
      found = null;
      throw error;
    });
    return found;
  };

  const actorOf = (claims: JWTPayload): Verdict => {
    const name = claims[actorClaim];
    if (typeof name !== 'string' || name === '' || name.length > LONGEST_ACTOR)
      return { word: 'wrong', why: `a token whose claim \`${actorClaim}\` is not a text of 1 to ${LONGEST_ACTOR} characters` };
    const roles: Role[] = rolesOf(claims, { claim: rolesClaim, map: roleMap });
    return { word: 'known', actor: { id: actorNameOf(name), roles } };
  };

  return {
    async read(token) {
      if (!TOKEN.test(token)) return null;
      try {
        const { payload } = await jwtVerify(token, async (header, input) => (await keySet())(header, input), {
          issuer,
          audience: [...audience],
          algorithms: ALGORITHMS,
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          requiredClaims: ['exp'],
        });
        return actorOf(payload);
      } catch (error) {
        const isFault = TOKEN_FAULTS.some((fault) => error instanceof fault);
        return isFault ? { word: 'wrong', why: `a token: ${reasonOf(error)}` } : { word: 'unavailable', why: reasonOf(error) };
      }
    },
    async prepare() {
      await (await keySet()).reload();
    },
  };
}
