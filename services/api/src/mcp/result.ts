/** What a tool answered, as the protocol's result. A refusal is a result, too: the agent reads it and can do better. */
import { ERRORS, type Issue, shorten } from '@countersign/shared';
import type { CallToolResult } from '@modelcontextprotocol/server';
import { type ProblemAnswer, problemDocument } from '../answer.ts';
import { ANSWER_CHARACTERS, oneLine } from './answer-size.ts';
import type { ToolAnswer } from './tool.ts';

/** More issues than these don't help whoever mends the first ones. */
const ISSUES_SHOWN = 40;
const ISSUE_CHARACTERS = 500;

/** The first issues of a refusal, and how many there are in all. */
export function firstIssues(issues: readonly Issue[]): { issues: Issue[]; issueCount: number } {
  const shown = issues.slice(0, ISSUES_SHOWN).map(({ path, code, message }) => ({
    path: shorten(path, ISSUE_CHARACTERS),
    code,
    message: shorten(message, ISSUE_CHARACTERS),
  }));
  return { issues: shown, issueCount: issues.length };
}

export function issueLines({ issues, issueCount }: { issues: readonly Issue[]; issueCount: number }): string[] {
  const lines = issues.map(({ path, code, message }) => `- ${path === '' ? '' : `${path}: `}${message} (${code})`);
  return issueCount > issues.length ? [...lines, `- and ${issueCount - issues.length} more`] : lines;
}

function refused(answer: ProblemAnswer, instance: string, requestId: string): CallToolResult {
  const { issues, ...extensions } = answer.extensions;
  const first = Array.isArray(issues) ? firstIssues(issues as Issue[]) : null;
  // An agent sees no headers.
  const fault = answer.code === 'internal' ? { requestId } : null;
  const document = problemDocument({ ...answer, extensions: { ...extensions, ...first, ...fault } }, instance);
  const lines = [
    `${document.title} (${document.code}): ${oneLine(document.detail, 2_000)}`,
    ...(first === null ? [] : issueLines(first)),
    ...(fault === null ? [] : [`X-Request-Id: ${requestId}`]),
    ...(ERRORS[answer.code].retryable ? ['Trying again in a moment may help.'] : []),
  ];
  return { isError: true, content: [{ type: 'text', text: lines.join('\n') }], structuredContent: document };
}

export function resultOf(answer: ToolAnswer, requestId: string): CallToolResult {
  if (!answer.ok) return refused(answer.refusal, answer.instance, requestId);
  return { content: [{ type: 'text', text: shorten(answer.text, ANSWER_CHARACTERS) }], structuredContent: answer.structured };
}
