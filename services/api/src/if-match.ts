/** If-Match: which digest a change was made from. */
import type { IncomingHttpHeaders } from 'node:http';
import { type ProblemAnswer, problem } from './answer.ts';

const DIGEST = /^\s*(?:"(sha256:[0-9a-f]{64})"|(sha256:[0-9a-f]{64}))\s*$/;

/** The status of a precondition that does not hold, where the same code answers a vote with 409. */
export const PRECONDITION_FAILED = 412;

const failed = (detail: string, currentDigest: string): ProblemAnswer => ({
  ...problem('stale_digest', detail, { currentDigest }),
  status: PRECONDITION_FAILED,
});

/** Why a change that names this digest, if any, is none of the plan as it is; null where it is. */
export function refuseStale({ 'if-match': header }: IncomingHttpHeaders, currentDigest: string): ProblemAnswer | null {
  if (header === undefined)
    return problem('if_match_required', 'the call needs the header If-Match with the digest of the plan that the change was made from');
  const [, quoted, bare] = DIGEST.exec(header) ?? [];
  const named = quoted ?? bare;
  if (named === undefined)
    return failed(
      `If-Match must be one digest, like "${currentDigest}", in quotes or not: \`*\`, lists and weak tags name no revision`,
      currentDigest,
    );
  return named === currentDigest
    ? null
    : failed(`the plan's current digest is ${currentDigest}; read what changed before you change it`, currentDigest);
}
