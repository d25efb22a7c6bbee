/** Holds answers against what the API promises of them: documented statuses, shapes and errors, and never a fault. */

import type { ApiDocument, ApiOperation } from './api-document.ts';
import type { Answer, Attempt } from './attempt.ts';

const PROBLEM = 'application/problem+json';
/** What any request can be answered with, whatever it asks for. */
const ANYWHERE = new Set([
  '400 malformed_request',
  '408 malformed_request',
  '414 malformed_request',
  '431 malformed_request',
  '404 not_found',
  '405 method_not_allowed',
]);
/** Doors whose answers are of another protocol, or pages. */
const OTHER_DOORS = /^\/(mcp|admin\/queues)(\/|\?|$)/;

function parsed(text: string): { ok: boolean; value: unknown } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false, value: null };
  }
}

/** The method and path as they were sent; null where nobody can say. */
function asked({ method, path, bytes }: Attempt): { method: string; path: string } | null {
  return bytes === undefined ? { method, path: path.split(/[?#]/)[0] ?? path } : null;
}

export interface Verdict {
  /** what is wrong; null where nothing is */
  problem: string | null;
  /** the code of an error */
  code: string | null;
  body: unknown;
}

export function judge(attempt: Attempt, answer: Answer, document: ApiDocument): Verdict {
  const { status, headers, text, isWhole } = answer;
  const type = headers['content-type']?.split(';')[0] ?? '';
  const isHead = attempt.method === 'HEAD';
  const isJson = isWhole && !isHead && /json$/.test(type);
  const { ok, value } = isJson ? parsed(text) : { ok: true, value: null };
  const code = (value as { code?: string } | null)?.code ?? null;
  const verdict = (problem: string | null): Verdict => ({ problem, code, body: value });
  const shown = `${status} ${type} ${text.slice(0, 400)}`;

  if (status >= 500) return verdict(`a fault: ${shown}`);
  if (!ok) return verdict(`the body is no JSON: ${shown}`);
  if (status >= 200 && headers['x-request-id'] === undefined) return verdict(`no X-Request-Id: ${shown}`);
  if (headers['x-content-type-options'] !== 'nosniff' && status >= 200) return verdict(`not the headers of every answer: ${shown}`);
  if (type === PROBLEM && isJson) {
    const problem = document.errorProblem(value) ?? ((value as { status: number }).status === status ? null : 'another status in its body');
    if (problem !== null) return verdict(`an error that is not as documented (${problem}): ${shown}`);
  }
  const to = asked(attempt);
  if (to === null || isHead)
    return verdict(
      status < 400 || type === PROBLEM || isHead || attempt.kind === 'headers' ? null : `an error of no documented form: ${shown}`,
    );
  if (OTHER_DOORS.test(to.path)) return verdict(otherDoor(to, { answer, type, value }));
  return verdict(documented(document.find(to.method, to.path), { answer, type, value, code, document }));
}

function documented(
  operation: ApiOperation | null,
  { answer, type, value, code, document }: { answer: Answer; type: string; value: unknown; code: string | null; document: ApiDocument },
): string | null {
  const { status, text } = answer;
  const shown = `${status} ${type} ${text.slice(0, 400)}`;
  if (status >= 400) {
    if (type !== PROBLEM) return `an error of no documented form: ${shown}`;
    const known = `${status} ${code}`;
    return ANYWHERE.has(known) || operation?.errors.has(known)
      ? null
      : `${operation?.id ?? 'no operation'} documents no ${known}: ${shown}`;
  }
  if (operation === null) return status === 204 ? null : `there is no operation here, and yet it answers ${shown}`;
  const media = operation.answers.get(status);
  if (media === undefined) return `${operation.id} documents no ${status}: ${shown}`;
  if (media.length > 0 && !media.includes(type)) return `${operation.id} documents no ${type}, but ${media.join(', ')}: ${shown}`;
  const problem = value === null ? null : document.problem(operation, status, value);
  return problem === null ? null : `${operation.id} ${status} is not as documented (${problem.slice(0, 600)}): ${shown}`;
}

/** JSON-RPC's code for a fault. */
const INTERNAL_ERROR = -32_603;

function otherDoor({ path }: { path: string }, { answer, type, value }: { answer: Answer; type: string; value: unknown }): string | null {
  const { status, text } = answer;
  const shown = `${status} ${type} ${text.slice(0, 400)}`;
  if (type === PROBLEM || (status === 204 && text === '')) return null;
  // The dashboard speaks to its own pages.
  if (!path.startsWith('/mcp')) return status < 400 || type === 'application/json' ? null : `an error of no documented form: ${shown}`;
  if (status === 202 && text === '') return null;
  const messages =
    type === 'text/event-stream'
      ? [...text.matchAll(/^data: (.+)$/gm)].map(([, data = '']) => parsed(data).value)
      : Array.isArray(value)
        ? value
        : [value];
  for (const message of messages as ({ jsonrpc?: string; error?: { code: number }; result?: { isError?: boolean } } | null)[]) {
    if (message?.jsonrpc !== '2.0') return `no message of JSON-RPC: ${shown}`;
    if (message.error?.code === INTERNAL_ERROR) return `a fault: ${shown}`;
    if (message.result?.isError === true && /"code":"internal"|\binternal:/.test(JSON.stringify(message))) return `a fault: ${shown}`;
  }
  return null;
}
