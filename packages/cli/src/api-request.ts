/** One call of the HTTP API, with its refusals as errors that people can read. */
import type { Problem } from '@countersign/shared';

/** The API refused a call; the message is the API's own. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  readonly code: string;

  constructor(problem: Partial<Problem>, status: number) {
    const issues = problem.issues?.map((issue) => `\n  ${issue.path}: ${issue.message}`).join('') ?? '';
    super(`${problem.detail ?? problem.title ?? `the API answered ${status}`}${issues}`);
    this.code = problem.code ?? String(status);
  }
}

export interface RequestInput {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Makes calls of the API at `url`, each with these headers. A TypeError is a connection that could not be made, or broke. */
export function apiRequest({ url, headers, signal }: { url: string; headers: Record<string, string>; signal?: AbortSignal }) {
  return async (path: string, input: RequestInput = {}): Promise<Response> => {
    const response = await fetch(`${url}${path}`, {
      method: input.method ?? 'GET',
      headers: { ...headers, ...(input.body === undefined ? {} : { 'Content-Type': 'application/json' }), ...input.headers },
      body: input.body === undefined ? null : JSON.stringify(input.body),
      signal: signal ?? null,
    });
    if (response.ok) return response;
    const text = await response.text();
    let problem: Partial<Problem> = {};
    try {
      problem = JSON.parse(text) as Partial<Problem>;
    } catch {
      problem = { detail: text.slice(0, 500) };
    }
    throw new ApiRefusal(problem, response.status);
  };
}
