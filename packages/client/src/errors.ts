/** What can go wrong with a call: the API says no, or nobody answers. */
import { ERRORS, type ErrorCode, type Issue, isObject } from '@countersign/shared';

interface ApiErrorFields {
  status: number;
  /** the body of the answer */
  text: string;
  headers?: Headers;
  /** what to say where the body does not */
  detail?: string;
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** Milliseconds that the header Retry-After asks for, in seconds or as a date; null where it says nothing. */
function readRetryAfter(headers: Headers | undefined): number | null {
  const text = headers?.get('Retry-After') ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : Math.max(0, time - Date.now());
}

/** The API answered that it won't. The message is its own, with every issue. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** a word of the registry, docs/errors.md; null where the answer is not the API's, but of something in between, or of a newer API */
  readonly code: ErrorCode | null;
  /** the HTTP status */
  readonly status: number;
  readonly detail: string;
  readonly issues: readonly Issue[];
  /** whether the same call may succeed later */
  readonly retryable: boolean;
  /** milliseconds after which it may; null where the answer does not say */
  readonly retryAfterMs: number | null;
  /** finds the call in the API's log */
  readonly requestId: string | null;
  /** the whole answer, with what only some codes have, like `currentDigest` and `currentStatus` */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor({ status, text, headers, detail }: ApiErrorFields) {
    const problem = parsed(text);
    const issues = Array.isArray(problem.issues) ? (problem.issues as Issue[]) : [];
    const said = detail ?? [problem.detail, problem.title, text.slice(0, 500)].find((each) => typeof each === 'string' && each !== '');
    const sentence = typeof said === 'string' ? said : `the API answered ${status}`;
    super([sentence, ...issues.map(({ path, message }) => `  ${path}: ${message}`)].join('\n'));
    this.code = typeof problem.code === 'string' && Object.hasOwn(ERRORS, problem.code) ? (problem.code as ErrorCode) : null;
    this.status = status;
    this.detail = sentence;
    this.issues = issues;
    this.retryable = this.code === null ? status === 429 || status === 503 : ERRORS[this.code].retryable;
    this.retryAfterMs = readRetryAfter(headers);
    this.requestId = headers?.get('X-Request-Id') ?? null;
    this.problem = problem;
  }
}

/** No answer came: the API could not be reached, the connection broke, or it took too long. `cause` says which. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}

/** What a fault says, with what is behind it: fetch keeps the reason in the cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const own = error.message || (typeof code === 'string' ? code : error.name);
  return error.cause === undefined ? own : `${own}: ${reasonOf(error.cause)}`;
}
