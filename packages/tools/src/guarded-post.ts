/** Sends something to an address that an operator named: once, to allowed addresses alone, and without caring for the answer. */
import type { AddressCheck } from './network-guard.ts';
import type { Dispatcher, request } from './undici.ts';

/** What an answer says is read up to so many bytes, so that the other side can finish, and thrown away. */
const ANSWER_BYTES = 65_536;

export interface PostRequest {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** for all of it, until the answer's status is there */
  timeoutMs: number;
}

/** The status of the answer, whatever it is; or in words why there is none. No word names more of the URL than its host. */
export type PostOutcome = { ok: true; status: number; retryAfter: string | null } | { ok: false; error: string };

export type Post = (post: PostRequest) => Promise<PostOutcome>;

function wordsOf(error: unknown, { timeoutMs }: PostRequest): string {
  const { name, code, message } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  return message || code || 'the connection failed';
}

interface Way {
  request: typeof request;
  agent: Dispatcher;
}

async function post(given: PostRequest, way: () => Promise<Way>): Promise<PostOutcome> {
  const { url, headers, body, timeoutMs } = given;
  try {
    const { request, agent } = await way();
    // Redirects are answers here like any other: nothing is sent to where they point.
    const {
      statusCode,
      headers: answered,
      body: answer,
    } = await request(url, {
      method: 'POST',
      headers,
      body,
      dispatcher: agent,
      signal: AbortSignal.timeout(timeoutMs),
    });
    // It was answered: what becomes of the rest changes nothing.
    await answer.dump({ limit: ANSWER_BYTES }).catch(() => {});
    const retryAfter = answered['retry-after'];
    return { ok: true, status: statusCode, retryAfter: typeof retryAfter === 'string' ? retryAfter : null };
  } catch (error) {
    return { ok: false, error: wordsOf(error, given) };
  }
}

/** Makes what sends. The address of each connection is checked when it is made, and no connection is kept. */
export function guardedPost(isAllowed: AddressCheck): Post {
  let way: Promise<Way> | undefined;
  const opened = (): Promise<Way> => {
    way ??= import('./guarded-http.ts').then(({ request, guardedAgent }) => ({
      request,
      agent: guardedAgent(isAllowed, { maxBytes: ANSWER_BYTES }),
    }));
    return way;
  };
  return (given) => post(given, opened);
}
