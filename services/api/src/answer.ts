/** What a call is answered with, as a value: handlers return it, `send.ts` writes it. */
import { ERRORS, type ErrorCode, type Plan, type Problem, type Task, type WebhookDelivery } from '@countersign/shared';

type Headers = Readonly<Record<string, string>>;

export interface ProblemAnswer {
  kind: 'problem';
  code: ErrorCode;
  /** where it is not the one that the registry has for the code */
  status?: number;
  detail: string;
  extensions: Readonly<Record<string, unknown>>;
  headers?: Headers;
}

export type Answer =
  | { kind: 'json'; status: number; body: unknown; headers?: Headers }
  | { kind: 'text'; status: number; type: string; text: string; headers?: Headers }
  | { kind: 'empty'; status: number; headers?: Headers }
  | ProblemAnswer
  /** the handler has written the response itself */
  | { kind: 'written' };
/** What creating and deciding calls answer with. */
export interface Resource {
  task?: Task;
  plan?: Plan;
  delivery?: WebhookDelivery;
}
export const json = (status: number, body: unknown, headers?: Headers): Answer => ({
  kind: 'json',
  status,
  body,
  ...(headers && { headers }),
});

/** `{task}` and `{plan}`: the digest as ETag, and where a new one can be read. */
export function resource(status: number, body: Resource, headers: Headers = {}): Answer {
  const { plan, task } = body;
  const created = status === 201 || status === 202;
  return json(status, body, {
    ...(plan !== undefined && { ETag: `"${plan.digest}"` }),
    ...(created && plan !== undefined && { Location: `/v1/plans/${plan.id}` }),
    ...(created && task !== undefined && { Location: `/v1/tasks/${task.id}` }),
    ...headers,
  });
}

/** An error of the registry. `detail` says what was wrong, where, and what would be right. */
export const problem = (code: ErrorCode, detail: string, extensions: Readonly<Record<string, unknown>> = {}): ProblemAnswer => ({
  kind: 'problem',
  code,
  detail,
  extensions,
  ...(ERRORS[code].retryable && { headers: { 'Retry-After': '1' } }),
});

export const withHeaders = (answer: ProblemAnswer, headers: Headers): ProblemAnswer => ({
  ...answer,
  headers: { ...answer.headers, ...headers },
});

export const statusOf = ({ code, status }: Pick<ProblemAnswer, 'code' | 'status'>): number => status ?? ERRORS[code].status;

/** `wrong_state` -> `Wrong state` */
export const titleOf = (code: ErrorCode): string => code.charAt(0).toUpperCase() + code.slice(1).replaceAll('_', ' ');

/** The problem document of an error (RFC 9457). `type` is relative to the API's own address. */
export function problemDocument(answer: ProblemAnswer, instance: string): Problem {
  const { code, detail, extensions } = answer;
  return { type: `/docs#error-${code}`, title: titleOf(code), status: statusOf(answer), detail, instance, code, ...extensions };
}
