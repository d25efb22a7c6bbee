/** Calls over HTTP: who makes them, for how long, and how often they are repeated. */
import { ACTOR_NAME, type RetryPolicy, retryDelay, retryPolicySchema } from '@countersign/shared';
import { ApiError, ConnectionError } from './errors.ts';
import { type Exchange, openExchange } from './exchange.ts';
import { pause } from './pause.ts';

export interface ClientOptions {
  /** where the API is, like `http://127.0.0.1:3000`; a path is kept */
  url: string;
  /** the secret of an API key, or a token of the identity provider; or what gives one, asked before each request, for tokens that end */
  apiKey?: string | (() => string | Promise<string>) | undefined;
  /** as whom, at an API that asks for no keys */
  actor?: string | undefined;
  /** in place of the global one */
  fetch?: typeof fetch | undefined;
  /** how a call is repeated that got no answer, 503 or 429; absent: 7 attempts in some ten seconds */
  retries?: Partial<RetryPolicy> | undefined;
  /** milliseconds that one attempt may take; absent: 30,000 */
  timeoutMs?: number | undefined;
}

export interface Request {
  method: 'GET' | 'POST' | 'DELETE';
  /** from the API's root, with its query */
  path: string;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
}

/** A good answer whose body is still to be read. Whoever opened it ends its exchange. */
export interface Opened {
  response: Response;
  exchange: Exchange;
}

export interface Transport {
  readonly retries: RetryPolicy;
  /** Makes a call, repeated where that may help, and gives the JSON that it is answered with. */
  call(request: Request): Promise<unknown>;
  /** One attempt, up to the head of a good answer. Throws an ApiError, a ConnectionError, or the reason of the request's signal. */
  open(request: Request): Promise<Opened>;
}

const RETRIES: Partial<RetryPolicy> = { maxAttempts: 7, delayMs: 250, maxDelayMs: 5_000, jitter: 0.5 };
const TIMEOUT_MS = 30_000;
/** What is asked to wait longer than this gives up: its caller can do better than to hang. */
const LONGEST_WAIT_MS = 60_000;

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || `${url.search}${url.hash}${url.username}${url.password}` !== '')
    throw new TypeError("createClient: `url` must be the API's address, like http://127.0.0.1:3000, without a user, a query or a fragment");
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function readRetries(retries: Partial<RetryPolicy> = {}): RetryPolicy {
  const read = retryPolicySchema.safeParse({ ...RETRIES, ...retries });
  if (read.success) return read.data;
  const issues = read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new TypeError(`createClient: \`retries\` is not a retry policy: ${issues.join('; ')}`);
}

/** Throws a TypeError for what is no time to wait. */
export function readMilliseconds(name: string, ms: number): number {
  // What is longer than timers can do would end at once.
  if (ms > 0 && ms <= 2_147_483_647) return ms;
  throw new TypeError(`\`${name}\` must be a number of milliseconds above 0, at most 2147483647`);
}

/** The words of a header that `fetch` would refuse with the secret in its message. */
function authorization(secret: string): Record<string, string> {
  if (secret === '') return {};
  if (!/^[\x21-\x7e]+$/.test(secret)) throw new TypeError('the API key must be printable ASCII characters without spaces');
  return { Authorization: `Bearer ${secret}` };
}

/** Whether the same call may succeed later, and the milliseconds that it was asked to wait until then. */
export function readTrouble(error: unknown): { mayPass: boolean; askedMs: number } {
  if (error instanceof ApiError) return { mayPass: error.retryable, askedMs: error.retryAfterMs ?? 0 };
  return { mayPass: error instanceof ConnectionError, askedMs: 0 };
}

/** Milliseconds to wait before the call is made again; null: it has failed. `attempt` counts from 1. */
function waitBefore(error: unknown, attempt: number, retries: RetryPolicy): number | null {
  const { mayPass, askedMs } = readTrouble(error);
  if (!mayPass || attempt >= retries.maxAttempts || askedMs > LONGEST_WAIT_MS) return null;
  return Math.max(askedMs, retryDelay(retries, attempt));
}

/** Throws a TypeError for options that are wrong. */
export function transport(options: ClientOptions): Transport {
  const { apiKey = '', actor } = options;
  const base = readUrl(options.url);
  const retries = readRetries(options.retries);
  const timeoutMs = readMilliseconds('timeoutMs', options.timeoutMs ?? TIMEOUT_MS);
  if (actor !== undefined && !ACTOR_NAME.test(actor))
    throw new TypeError("createClient: `actor` must be 1 to 64 letters, digits, '.', '_', '@' or '-' and start with a letter or digit");
  if (typeof apiKey === 'string') authorization(apiKey);
  // A browser's fetch wants to be called as the window's own.
  const send: typeof fetch = options.fetch ?? ((...args) => globalThis.fetch(...args));

  const headersOf = async ({ body, headers }: Request): Promise<Record<string, string>> => ({
    Accept: 'application/json',
    ...authorization(typeof apiKey === 'string' ? apiKey : await apiKey()),
    ...(actor !== undefined && { 'X-Actor': actor }),
    ...(body !== undefined && { 'Content-Type': 'application/json' }),
    ...headers,
  });

  const open = async (request: Request): Promise<Opened> => {
    const { method, path, body, signal } = request;
    const headers = await headersOf(request);
    const text = body === undefined ? null : JSON.stringify(body);
    const exchange = openExchange({ what: `${method} ${base}${path}`, timeoutMs, signal });
    try {
      const response = await exchange.run(async () => {
        // Followed, a redirect would make a POST a GET, and take the key to whoever it names.
        const answer = await send(base + path, { method, headers, body: text, redirect: 'manual', signal: exchange.signal });
        if (answer.ok) return answer;
        const { status } = answer;
        if (answer.type === 'opaqueredirect' || (status >= 300 && status < 400))
          throw new ApiError({ status, text: '', detail: `${base} leads elsewhere; \`url\` must be the API's own address` });
        throw new ApiError({ status, text: await answer.text(), headers: answer.headers });
      });
      return { response, exchange };
    } catch (error) {
      exchange.end();
      throw error;
    }
  };

  const once = async (request: Request): Promise<unknown> => {
    const { response, exchange } = await open(request);
    const { status, headers } = response;
    try {
      const text = await exchange.run(() => response.text());
      try {
        return JSON.parse(text) as unknown;
      } catch {
        const detail = `${request.method} ${base}${request.path} was answered with something that is not JSON; is it the API?`;
        throw new ApiError({ status, text, headers, detail });
      }
    } finally {
      exchange.end();
    }
  };

  return {
    retries,
    open,
    async call(request) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await once(request);
        } catch (error) {
          const waitMs = waitBefore(error, attempt, retries);
          if (waitMs === null) throw error;
          await pause(waitMs, request.signal);
        }
      }
    },
  };
}
