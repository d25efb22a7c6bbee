/** Where an OpenID Connect provider has its public keys: its discovery document says it. */
import { isLoopback } from '../loopback.ts';

/** Whether keys may be read from there: whoever can change them on the way can be anybody. */
export function isSafeKeysUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

/** The address of the keys of an issuer. Rejects with what was wrong. */
export async function discoverKeysUrl(issuer: string, timeoutMs: number): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(url, { redirect: 'error', headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}; it must be the issuer's discovery document`);
  const document = (await response.json()) as { issuer?: unknown; jwks_uri?: unknown } | null;
  if (document?.issuer !== issuer) throw new Error(`${url} is of another issuer than OIDC_ISSUER says; both must be the same text`);
  if (typeof document.jwks_uri !== 'string' || !isSafeKeysUrl(document.jwks_uri))
    throw new Error(`${url} has no usable jwks_uri; it must be https, or http to this machine`);
  return document.jwks_uri;
}
