/** A plan as Markdown, for people. Nothing that a plan's author wrote can break out of the place it is put in. */
import type { Json } from './json.ts';
import type { Effects, Plan, StepView } from './plan.ts';

const INPUT_LENGTH = 80;
const OUTPUT_LENGTH = 300;
const TEXT_LENGTH = 500;

/** Cuts by whole characters: half a surrogate pair is not text. */
function shorten(text: string, length: number): string {
  const characters = Array.from(text.slice(0, length * 2 + 2));
  return characters.length > length ? `${characters.slice(0, length - 1).join('')}…` : text;
}

const HTML: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Control and line-breaking characters end a table row or a list item, and some of them reorder what people see. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim();

/** Text on one line that reads as it was written: no markup, no HTML, no table cell ends in it. */
const prose = (text: string, length = TEXT_LENGTH): string =>
  shorten(oneLine(text), length)
    .replace(/[\\`*_[\]{}|~#]/g, '\\$&')
    .replace(/[&<>]/g, (character) => HTML[character] ?? character);

/** A code span. A backtick can't be escaped in one. */
const code = (text: string): string => `\`${oneLine(text).replaceAll('`', "'")}\``;

/** A table splits at a '|' even inside a code span, unless an odd number of backslashes is before it. */
const codeCell = (span: string): string =>
  span.replace(/(\\*)\|/g, (found, slashes: string) => (slashes.length % 2 === 0 ? `${slashes}\\|` : found));

/** Text of several lines, kept apart from the document around it. */
const quote = (text: string): string[] => text.split(/\r?\n/).map((line) => `> ${prose(line, 10_000)}`.trimEnd());

/** JSON as a code span; `<` and the backtick as JSON's own escapes, also for viewers that don't know code spans. */
const json = (value: Json, length: number): string =>
  code(shorten(JSON.stringify(value), length).replaceAll('<', '\\u003c').replaceAll('`', '\\u0060'));

const count = (number: number, one: string): string => `${number} ${one}${number === 1 ? '' : 's'}`;

/** How many steps do what: `4 reads, 2 writes, 0 destructive`. */
export const effectsText = (effects: Effects): string =>
  `${count(effects.read, 'read')}, ${count(effects.write, 'write')}, ${effects.destructive} destructive`;

const words = (status: string): string => status.replaceAll('_', ' ');

function approvalText(plan: Plan): string {
  if (plan.autoApproved !== null) return `none needed: ${prose(plan.autoApproved)}`;
  const who = plan.approvals.map(({ actor, at }) => `${prose(actor)} at ${at}`).join(', ');
  return `${plan.approvals.length} of ${plan.quorum}${who === '' ? '' : ` (${who})`}`;
}

function facts(plan: Plan): string[] {
  const { progress } = plan;
  const ended = progress.completed + progress.failed + progress.skipped + progress.cancelled;
  const lines = [
    `- **Status:** ${words(plan.status)}`,
    `- **Plan:** ${code(plan.id)}, revision ${plan.revision}`,
    `- **Digest:** ${code(plan.digest)}`,
    `- **Effects:** ${effectsText(plan.effects)}`,
    `- **Approvals:** ${approvalText(plan)}`,
    `- **Progress:** ${ended} of ${count(progress.total, 'step')} ended, ${progress.percent} %`,
    `- **Created:** ${plan.createdAt} by ${prose(plan.createdBy)}`,
  ];
  if (plan.rejection !== null)
    lines.push(`- **Rejected:** ${plan.rejection.at} by ${prose(plan.rejection.actor)}: ${prose(plan.rejection.reason)}`);
  if (plan.cancellation !== null) {
    const { at, actor, reason } = plan.cancellation;
    lines.push(`- **Cancelled:** ${at} by ${prose(actor)}${reason === null ? '' : `: ${prose(reason)}`}`);
  }
  if (plan.error !== null) lines.push(`- **Error:** ${code(plan.error.code)} ${prose(plan.error.message)}`);
  return lines;
}

function stepRow(step: StepView, position: number): string {
  const reason = step.reason === null ? '' : `: ${prose(step.reason.text, INPUT_LENGTH)}`;
  const cells = [
    String(position + 1),
    codeCell(code(step.id)),
    codeCell(code(step.tool)),
    step.risk,
    codeCell(step.dependsOn.map(code).join(', ')),
    Object.keys(step.input).length === 0 ? '' : codeCell(json(step.input, INPUT_LENGTH)),
    `${words(step.status)}${reason}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

const section = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : ['', `## ${title}`, '', ...lines]);

/**
 * A plan as a person wants to read it: what it is for, where it stands, its effects, a table of its steps, then errors,
 * outputs and the response. Long inputs and outputs are shortened.
 */
export function planMarkdown(plan: Plan): string {
  const errors = plan.steps.flatMap(({ id, error }) =>
    error === null ? [] : [`- ${code(id)}: ${code(error.code)} ${prose(error.message)}`],
  );
  const outputs = plan.steps.flatMap(({ id, status, output }) =>
    status === 'completed' ? [`- ${code(id)}: ${json(output, OUTPUT_LENGTH)}`] : [],
  );
  const lines = [
    `# ${prose(plan.objective)}`,
    '',
    ...facts(plan),
    ...(plan.description === '' ? [] : ['', ...quote(plan.description)]),
    ...section('Steps', [
      '| # | Step | Tool | Risk | After | Input | Status |',
      '|---:|---|---|---|---|---|---|',
      ...plan.steps.map(stepRow),
    ]),
    ...section('Errors', errors),
    ...section('Outputs', outputs),
    ...section('Response', plan.response === null ? [] : quote(plan.response)),
  ];
  return `${lines.join('\n')}\n`;
}
