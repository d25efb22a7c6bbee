/** A plan as Markdown, for people. */
import { isPlain, missingText, sumOf } from './demands.ts';
import { canonicalJson, isObject, type Json } from './json.ts';
import { code, codeCell, count, json, prose, quote, words } from './markdown-text.ts';
import { type Effects, type Plan, planOptionsSchema, type StepView } from './plan.ts';

import { branchLines, conditionLines, gateLines, listLines } from './plan-rules-markdown.ts';
import { usesSecretsWords } from './secrets.ts';

const INPUT_LENGTH = 80;
const OUTPUT_LENGTH = 300;
/** Of a value of the plan's input, and how many of these are shown. */
const INPUT_VALUE_LENGTH = 300;
const MOST_INPUTS = 50;
const EFFECTS_LENGTH = 200;
const OPTION_LENGTH = 100;

/** How many steps do what: `4 reads, 2 writes, 0 destructive`. */
export const effectsText = (effects: Effects): string =>
  `${count(effects.read, 'read')}, ${count(effects.write, 'write')}, ${effects.destructive} destructive`;

function approvalText({ policy, approvals }: Plan): string {
  const { outcome, reason, demands, submitters } = policy;
  if (outcome === 'auto') return `none needed: ${prose(reason)}`;
  if (outcome === 'deny') return `none possible, policy denies the plan: ${prose(reason)}`;
  const { count: need, have } = sumOf(demands);
  const who = approvals.map(({ actor, at }) => `${prose(actor)} at ${at}`).join(', ');
  const missing = isPlain(demands) ? '' : missingText(demands, submitters);
  return `${have} of ${need}${who === '' ? '' : ` (${who})`}${missing === '' ? '' : `; missing: ${prose(missing)}`}`;
}

/** Of no interest where the default decided. */
const policyFact = ({ policy: { rule, reason, outcome } }: Plan): string[] =>
  rule === null ? [] : [`- **Policy:** the rule ${code(rule)}${outcome === 'approve' ? '' : `: ${prose(reason)}`}`];

/** The options that are not as they are by default, like `replan.maxRevisions` 2. */
function optionsText(options: Plan['options']): string {
  const differing = (value: unknown, usual: unknown, path: string): string[] => {
    if (isObject(value) && isObject(usual))
      return Object.entries(value).flatMap(([key, member]) => differing(member, usual[key], path === '' ? key : `${path}.${key}`));
    return canonicalJson(value) === canonicalJson(usual ?? null) ? [] : [`${code(path)} ${json(value as Json, OPTION_LENGTH)}`];
  };
  return differing(options, planOptionsSchema.parse({}), '').join(', ');
}

const PLANNING_WORDS = { revise: 'a new revision', replan: 'a new revision, because the plan failed', summarise: 'a summary' } as const;

/** What the planner was asked to do, and how far it is. */
function planningText({ kind, status, requestedBy, requestedAt, feedback, error }: NonNullable<Plan['planning']>): string {
  const who = requestedBy === null ? '' : ` by ${prose(requestedBy)}`;
  const what = feedback === null ? '' : `: ${prose(feedback)}`;
  const why = error === null ? '' : ` (${code(error.code)} ${prose(error.message)})`;
  return `asked for ${PLANNING_WORDS[kind]} at ${requestedAt}${who}${what}; ${status}${why}`;
}

/** Whether tools were asked what the steps will do; of no interest where nobody was to approve them. */
function reviewFact({ status, reviewedAt }: Plan): string[] {
  if (reviewedAt !== null) return [`- **Review:** tools were asked at ${reviewedAt} what the steps will do`];
  return status === 'draft' || status === 'pending_approval' ? ['- **Review:** not looked at yet'] : [];
}

function facts(plan: Plan): string[] {
  const { progress } = plan;
  const ended = progress.completed + progress.failed + progress.skipped + progress.cancelled;
  const lines = [
    `- **Status:** ${words(plan.status)}`,
    `- **Plan:** ${code(plan.id)}, revision ${plan.revision}`,
    `- **Digest:** ${code(plan.digest)}`,
    `- **Effects:** ${effectsText(plan.effects)}`,
    ...reviewFact(plan),
    `- **Approvals:** ${approvalText(plan)}`,
    ...policyFact(plan),
    `- **Progress:** ${ended} of ${count(progress.total, 'step')} ended, ${progress.percent} %`,
    `- **Created:** ${plan.createdAt} by ${prose(plan.createdBy)}`,
  ];
  if (plan.rejection !== null)
    lines.push(`- **Rejected:** ${plan.rejection.at} by ${prose(plan.rejection.actor)}: ${prose(plan.rejection.reason)}`);
  if (plan.cancellation !== null) {
    const { at, actor, reason } = plan.cancellation;
    lines.push(`- **Cancelled:** ${at} by ${prose(actor)}${reason === null ? '' : `: ${prose(reason)}`}`);
  }
  const options = optionsText(plan.options);
  if (options !== '') lines.push(`- **Options:** ${options}`);
  if (plan.planning !== null) lines.push(`- **Planner:** ${planningText(plan.planning)}`);
  if (plan.error !== null) lines.push(`- **Error:** ${code(plan.error.code)} ${prose(plan.error.message)}`);
  return lines;
}

/** A column of what tools say has room only where one has said something. */
const saysEffects = ({ steps }: Plan): boolean => steps.some(({ effects }) => effects !== null);

function stepRow(step: StepView, position: number, withEffects: boolean): string {
  const reason = step.reason === null ? '' : `: ${prose(step.reason.text, INPUT_LENGTH)}`;
  const cells = [
    String(position + 1),
    codeCell(code(step.id)),
    codeCell(code(step.tool)),
    step.risk === 'destructive' ? `**${step.risk}**` : step.risk,
    ...(withEffects ? [prose(step.effects ?? '', EFFECTS_LENGTH)] : []),
    codeCell(step.dependsOn.map(code).join(', ')),
    Object.keys(step.input).length === 0 ? '' : codeCell(json(step.input, INPUT_LENGTH)),
    `${words(step.status)}${reason}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

/** What `{{input...}}` in the steps stands for. */
function inputLines(input: Plan['input']): string[] {
  const entries = Object.entries(input);
  const lines = entries.slice(0, MOST_INPUTS).map(([name, value]) => `- ${code(name)}: ${json(value, INPUT_VALUE_LENGTH)}`);
  return entries.length > MOST_INPUTS ? [...lines, `- and ${entries.length - MOST_INPUTS} more`] : lines;
}

/** Which step hands which secret to which tool. */
const secretLines = ({ steps }: Plan): string[] =>
  steps.flatMap(({ id, tool, secrets }) =>
    secrets.length === 0 ? [] : [`- ${code(id)}: ${code(tool)} ${usesSecretsWords(secrets.map(code))}`],
  );

const section = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : ['', `## ${title}`, '', ...lines]);

/**
 * A plan as a person wants to read it: what it is for, where it stands, its effects, its input, a table of its steps and what tools say
 * that they will do, what decides whether they run, then errors, outputs and the response. Long inputs and outputs are
 * shortened. `firstPosition` is how many steps stand before those of `plan.steps`, where these are only a part.
 */
export function planMarkdown(plan: Plan, { firstPosition = 0 }: { firstPosition?: number } = {}): string {
  const errors = plan.steps.flatMap(({ id, error }) =>
    error === null ? [] : [`- ${code(id)}: ${code(error.code)} ${prose(error.message)}`],
  );
  const outputs = plan.steps.flatMap(({ id, status, output }) =>
    status === 'completed' ? [`- ${code(id)}: ${json(output, OUTPUT_LENGTH)}`] : [],
  );
  const withEffects = saysEffects(plan);
  const dryRuns = plan.steps.flatMap(({ id, dryRun }) => (dryRun === null ? [] : [`- ${code(id)}: ${json(dryRun, OUTPUT_LENGTH)}`]));
  const lines = [
    `# ${prose(plan.objective)}`,
    '',
    ...facts(plan),
    ...(plan.description === '' ? [] : ['', ...quote(plan.description)]),
    ...section('Input', inputLines(plan.input)),
    ...section('Steps', [
      `| # | Step | Tool | Risk |${withEffects ? ' What it will do |' : ''} After | Input | Status |`,
      `|---:|---|---|---|${withEffects ? '---|' : ''}---|---|---|`,
      ...plan.steps.map((step, index) => stepRow(step, firstPosition + index, withEffects)),
    ]),
    ...section('Secrets', secretLines(plan)),
    ...section('Dry runs', dryRuns.length === 0 ? [] : ['What tools found out beforehand, without changing anything:', '', ...dryRuns]),
    ...section('Conditions', conditionLines(plan)),
    ...section('Branches', branchLines(plan)),
    ...section('Gates', gateLines(plan)),
    ...section('Lists', listLines(plan)),
    ...section('Errors', errors),
    ...section('Outputs', outputs),
    ...section('Response', plan.response === null ? [] : quote(plan.response)),
  ];
  return `${lines.join('\n')}\n`;
}
