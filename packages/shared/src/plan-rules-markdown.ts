/** What decides whether, when and how often a plan's steps run, as Markdown: conditions, branches, gates, lists. */
import { code, count, expression, json, prose, words } from './markdown-text.ts';
import type { GateView, Plan, Step, StepView } from './plan.ts';
import { CONDITION_TOOL } from './step-references.ts';
import { STEP_STATUSES } from './transitions.ts';

const EXPRESSION_LENGTH = 300;
const DATA_LENGTH = 300;

const RUN_IF_WORDS: Record<Step['runIf'], string> = {
  none_failed_min_one_success: 'runs if none before it failed and one succeeded',
  all_success: 'runs if every step before it succeeded',
  none_failed: 'runs if no step before it failed',
  all_done: 'runs when the steps before it have ended, however they did',
};

const idList = (ids: readonly string[]): string => ids.map(code).join(', ');

/** On which side of which conditions each step stands. */
function sidesOf(steps: readonly StepView[]): ReadonlyMap<string, string[]> {
  const sides = new Map<string, string[]>();
  for (const { id, ifTrue, ifFalse } of steps) {
    for (const [targets, side] of [
      [ifTrue, 'true'],
      [ifFalse, 'false'],
    ] as const)
      for (const target of targets) sides.set(target, [...(sides.get(target) ?? []), `runs if ${code(id)} is ${side}`]);
  }
  return sides;
}

function ruleWords(step: StepView, options: Plan['options'], sides: readonly string[]): string[] {
  const goesOn = step.onError === 'continue';
  return [
    ...sides,
    ...(step.when === null ? [] : [`when ${expression(step.when, EXPRESSION_LENGTH)}`]),
    ...(step.runIf === 'none_failed_min_one_success' ? [] : [RUN_IF_WORDS[step.runIf]]),
    ...(goesOn === options.stopOnError ? [goesOn ? 'the plan goes on if it fails' : 'stops the plan if it fails'] : []),
  ];
}

/** A line for each step that does not simply run when the steps before it have succeeded. */
export function conditionLines({ steps, options }: Pick<Plan, 'steps' | 'options'>): string[] {
  const sides = sidesOf(steps);
  return steps.flatMap((step) => {
    const rules = ruleWords(step, options, sides.get(step.id) ?? []);
    return rules.length === 0 ? [] : [`- ${code(step.id)}: ${rules.join('; ')}`];
  });
}

const sideText = (name: string, ids: readonly string[]): string =>
  ids.length === 0 ? `if ${name}: nothing` : `if ${name}: ${idList(ids)}`;

/** A line for each condition that other steps hang on: what it asks, both sides, and which one was taken. */
export const branchLines = ({ steps }: Pick<Plan, 'steps'>): string[] =>
  steps
    .filter(({ tool, ifTrue, ifFalse }) => tool === CONDITION_TOOL && ifTrue.length + ifFalse.length > 0)
    .map(({ id, input, ifTrue, ifFalse, status, output }) => {
      const taken = status === 'completed' && typeof output === 'boolean' ? `; it is ${output}` : '';
      const asked = expression(String(input.expression ?? ''), EXPRESSION_LENGTH);
      return `- ${code(id)}: ${asked}; ${sideText('true', ifTrue)}; ${sideText('false', ifFalse)}${taken}`;
    });

function gateState(gate: GateView): string {
  if (gate.decision === 'expired') return `expired: nobody decided until ${gate.deadline ?? 'its deadline'}`;
  if (gate.decision !== null) return gate.decision;
  const deadline = gate.deadline === null ? '' : `, until ${gate.deadline}`;
  return `waits since ${gate.since}${deadline}`;
}

const voteLine = ({ actor, at, decision, comment, data }: GateView['votes'][number]): string =>
  `  - ${prose(actor)} ${decision} at ${at}${comment === null ? '' : `: ${prose(comment)}`}${data === null ? '' : ` with ${json(data, DATA_LENGTH)}`}`;

/** Each step that asks people: its question, how many must say yes, what they said. */
export const gateLines = ({ steps }: Pick<Plan, 'steps'>): string[] =>
  steps.flatMap(({ id, approval, gate }) => {
    if (approval === null && gate === null) return [];
    const message = gate?.message ?? approval?.message ?? '';
    const question = message === '' ? '' : `: ${prose(message)}`;
    const need = gate?.need ?? approval?.quorum ?? 1;
    if (gate === null) return [`- ${code(id)}${question} (needs ${count(need, 'approval')})`];
    const data = gate.data === null ? '' : `, with ${json(gate.data, DATA_LENGTH)}`;
    return [`- ${code(id)}${question} (${gate.have} of ${need}; ${gateState(gate)}${data})`, ...gate.votes.map(voteLine)];
  });

function childCounts(children: NonNullable<StepView['children']>): string {
  const counts = STEP_STATUSES.flatMap((status) => {
    const number = children.filter((child) => child.status === status).length;
    return number === 0 ? [] : [`${number} ${words(status)}`];
  });
  return `${count(children.length, 'element')}${counts.length === 0 ? '' : `: ${counts.join(', ')}`}`;
}

/** A line for each step that runs once for every element of a list. */
export const listLines = ({ steps }: Pick<Plan, 'steps'>): string[] =>
  steps.flatMap(({ id, forEach, maxItems, children }) => {
    if (forEach === null) return [];
    const list = typeof forEach === 'string' ? expression(forEach, EXPRESSION_LENGTH) : json(forEach, EXPRESSION_LENGTH);
    const most = maxItems === null ? '' : `, at most ${maxItems}`;
    return [`- ${code(id)}: once for each of ${list}${most}${children === null ? '' : `; ${childCounts(children)}`}`];
  });
