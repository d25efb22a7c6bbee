/**
 * The registry of errors that the API answers with: a word, its HTTP status, whether the same call may succeed later,
 * and one line of meaning. docs/errors.md lists exactly these.
 */
export const ERRORS = {
  malformed_request: {
    status: 400,
    retryable: false,
    meaning:
      'The request is not HTTP that can be read in one way only. 408: it came too slowly; 414: its path is too long; 431: its headers are.',
  },
  invalid_json: { status: 400, retryable: false, meaning: 'The body is not JSON, or JSON that can be read in two ways.' },
  unauthenticated: {
    status: 401,
    retryable: false,
    meaning: 'The call needs an API key, or a token of the identity provider: `Authorization: Bearer <secret>`.',
  },
  forbidden: {
    status: 403,
    retryable: false,
    meaning: 'It is known who calls, but none of their roles may do this; or the vote would count for nothing that the policy asks.',
  },
  policy_denied: {
    status: 403,
    retryable: false,
    meaning: 'A rule of the policy denies this plan; the answer has its name as `rule`, and its message.',
  },
  not_found: { status: 404, retryable: false, meaning: 'There is no such task, plan, step, revision, webhook, delivery, key or path.' },
  method_not_allowed: { status: 405, retryable: false, meaning: 'The path exists, but not with this method.' },
  wrong_state: { status: 409, retryable: false, meaning: 'The task, plan, step or delivery is in a status in which this cannot be done.' },
  stale_digest: {
    status: 409,
    retryable: false,
    meaning: 'The digest is not that of the current revision; the answer names the current one. 412 where it came in If-Match.',
  },
  idempotency_conflict: { status: 409, retryable: false, meaning: 'The Idempotency-Key was used before with another body.' },
  policy_changed: {
    status: 409,
    retryable: false,
    meaning: 'The plan had been decided under another policy; it was decided anew, votes so far are void. Read it again.',
  },
  already_voted: { status: 409, retryable: false, meaning: 'This actor has voted on this digest, or at this gate, already.' },
  too_large: { status: 413, retryable: false, meaning: 'The body is larger than 4 MB.' },
  unsupported_media_type: { status: 415, retryable: false, meaning: 'The body must be sent as application/json.' },
  invalid_request: {
    status: 422,
    retryable: false,
    meaning: 'The body or the query does not have the expected shape; `issues` says where.',
  },
  invalid_plan: {
    status: 422,
    retryable: false,
    meaning: 'The plan cannot be run as it is; `issues` lists everything that is wrong with it.',
  },
  if_match_required: { status: 428, retryable: false, meaning: 'Changing a plan needs the header If-Match with the digest that was read.' },
  rate_limited: {
    status: 429,
    retryable: true,
    meaning: 'Too many calls by this actor, or too many wrong keys from this address; Retry-After says when to go on.',
  },
  internal: { status: 500, retryable: false, meaning: 'A fault in Countersign; the request id finds it in the log.' },
  store_unavailable: {
    status: 503,
    retryable: true,
    meaning:
      'Redis cannot be reached, does not answer in time, or is full. Where it did not answer, the call may have been carried out all the same.',
  },
  migrating: { status: 503, retryable: true, meaning: "What lies in Redis is being brought to this release's layout." },
  store_replaced: {
    status: 503,
    retryable: false,
    meaning: 'Redis was emptied, or another one answers in its place: what is not there may have been; nothing was read or changed.',
  },
  identity_unavailable: {
    status: 503,
    retryable: true,
    meaning: 'The keys of the identity provider cannot be read, so the token could not be checked; nothing was done.',
  },
  shutting_down: { status: 503, retryable: true, meaning: 'This process is shutting down; another one answers.' },
} as const satisfies Record<string, { status: number; retryable: boolean; meaning: string }>;

export type ErrorCode = keyof typeof ERRORS;
