/**
 * Without keys everybody who can connect is an admin, also a page in this machine's browser. So a name that was rebound
 * to the loopback (Host) and a page from elsewhere (Origin) are refused. A form can't send JSON, which bodies must be.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { type ProblemAnswer, problem } from './answer.ts';
import { isLoopbackHostHeader, isLoopbackOrigin } from './loopback.ts';

/** Why a call without a key is refused; null when it comes from this machine. */
export function refuseForeign({ host, origin }: IncomingHttpHeaders): ProblemAnswer | null {
  if (host === undefined || !isLoopbackHostHeader(host))
    return problem(
      'forbidden',
      'without access control (API_KEYS, OIDC_ISSUER, REQUIRE_KEYS) the API answers only to localhost, 127.0.0.1 and [::1] in the Host header',
    );
  if (origin !== undefined && !isLoopbackOrigin(origin))
    return problem(
      'forbidden',
      'without access control (API_KEYS, OIDC_ISSUER, REQUIRE_KEYS) the API answers only pages of this machine; the Origin header names another one',
    );
  return null;
}
