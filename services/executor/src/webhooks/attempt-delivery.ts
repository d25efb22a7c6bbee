/** One attempt of a delivery: signed, sent, and judged by its answer. */
import type { Attempt, DeliveryToSend } from '@countersign/store';
import type { Post, PostOutcome } from '@countersign/tools';
import { Webhook } from 'standardwebhooks';
import { askedDelay, attemptDelay, type RetrySettings } from './attempt-delay.ts';

const TIMEOUT_MS = 10_000;
/** The receiver says that it wants no more. */
const GONE = 410;
/** It says when to come back. */
const BUSY: readonly number[] = [429, 503];

export interface AttemptOptions {
  post: Post;
  retry: RetrySettings;
  /** ms since 1970 */
  now(): number;
}

/** The headers of the Standard Webhooks specification; while secrets change, every one that is valid signs. */
function signedHeaders(id: string, { body, secrets }: DeliveryToSend, at: Date): Record<string, string> {
  return {
    'content-type': 'application/json',
    'user-agent': 'countersign',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(' '),
  };
}

function errorOf(outcome: PostOutcome): string | null {
  if (!outcome.ok) return outcome.error;
  const { status } = outcome;
  if (status >= 200 && status < 300) return null;
  return status >= 300 && status < 400 ? `answered ${status}: redirects are not followed` : `answered ${status}`;
}

export async function attemptDelivery(id: string, send: DeliveryToSend, { post, retry, now }: AttemptOptions): Promise<Attempt> {
  const at = now();
  const outcome = await post({ url: send.url, headers: signedHeaders(id, send, new Date(at)), body: send.body, timeoutMs: TIMEOUT_MS });
  const error = errorOf(outcome);
  const status = outcome.ok ? outcome.status : null;
  const disable = status === GONE ? `answered ${GONE}: it wants no more` : null;
  const askedMs = outcome.ok && BUSY.includes(outcome.status) ? askedDelay(outcome.retryAfter, now()) : null;
  return {
    responseStatus: status,
    error,
    durationMs: Math.max(now() - at, 0),
    retryInMs: error === null || disable !== null ? null : attemptDelay(send.tries + 1, { ...retry, askedMs }),
    disable,
  };
}
