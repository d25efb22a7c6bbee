/** What a plan came to, by a template: how it ended, what its steps gave, and what failed. */
import { LIMITS, type Plan, type PlanStatus, type StepView, shorten } from '@countersign/shared';

const OBJECTIVE_LENGTH = 1_000;
const OUTPUT_LENGTH = 200;
const ERROR_LENGTH = 400;
/** Characters of all failures together; what is left goes to the outputs. */
const ALL_FAILURES = 3_000;
/** What the lines that say how much was left out may take. */
const RESERVE = 100;

const ENDINGS: Partial<Record<PlanStatus, string>> = {
  completed: 'The plan is completed',
  partial: 'The plan ended with a part of it done',
  failed: 'The plan failed',
};

/** Plain text, never empty, at most 10,000 characters. */
export function summaryByRules(plan: Plan): string {
  const inStatus = (status: StepView['status']): StepView[] => plan.steps.filter((step) => step.status === status);
  const failures = fit(inStatus('failed').map(failureLine), ALL_FAILURES);
  const head = [`Objective: ${shorten(oneLine(plan.objective), OBJECTIVE_LENGTH)}`, endText(plan)];
  const taken = [...head, ...failures].reduce((sum, line) => sum + line.length + 1, RESERVE);
  const outputs = fit(inStatus('completed').map(outputLine), LIMITS.textLength - taken);
  return [...head, ...section('What the steps gave:', outputs), ...section('What failed:', failures)].join('\n');
}

function endText({ status, steps, error }: Plan): string {
  const counts = (['completed', 'failed', 'skipped', 'cancelled'] as const).flatMap((word) => {
    const count = steps.filter((step) => step.status === word).length;
    return count > 0 ? [`${count} ${word}`] : [];
  });
  const all = `${steps.length} step${steps.length === 1 ? '' : 's'}`;
  const cause = error === null ? '' : ` ${shorten(oneLine(error.message), ERROR_LENGTH)}`;
  return `${ENDINGS[status] ?? `The plan is ${status}`}. Of ${all}: ${counts.join(', ') || 'none ended'}.${cause}`;
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
const titleOf = ({ id, description }: StepView): string => (description === '' ? id : `${id} (${shorten(oneLine(description), 100)})`);

/** Cut before its spaces are: an output can be a megabyte. */
const outputLine = (step: StepView): string =>
  `- ${titleOf(step)}: ${shorten(oneLine(shorten(typeof step.output === 'string' ? step.output : JSON.stringify(step.output), 5 * OUTPUT_LENGTH)), OUTPUT_LENGTH)}`;

const failureLine = (step: StepView): string =>
  `- ${titleOf(step)}: ${step.error === null ? 'no error was recorded' : `${step.error.code}: ${shorten(oneLine(step.error.message), ERROR_LENGTH)}`}`;

/** The first lines that have room, and how many have none. */
function fit(lines: readonly string[], room: number): string[] {
  const fitting: string[] = [];
  let length = 0;
  for (const line of lines) {
    length += line.length + 1;
    if (length > room) return [...fitting, `- and ${lines.length - fitting.length} more`];
    fitting.push(line);
  }
  return fitting;
}

const section = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : ['', title, ...lines]);
