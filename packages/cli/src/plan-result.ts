/** What a plan that has ended came to, in a few lines. */
import { resolve } from 'node:path';
import { isObject, type Json, type Plan, type StepView } from '@countersign/shared';
import { cut, duration, plainText, type Terminal, wrap } from './terminal.ts';

const SHOWN_STEPS = 8;
const SHOWN_NUMBERS = 5;

/** The files that the plan's steps wrote. */
function writtenFiles(plan: Pick<Plan, 'steps'>, root: string): string[] {
  const paths = plan.steps
    .filter((step) => step.status === 'completed' && step.risk === 'write')
    .flatMap(
      (step) => [step.output, step.resolvedInput, step.input].map((value) => (isObject(value) ? value.path : undefined)).find(isText) ?? [],
    );
  return [...new Set(paths.map((path) => resolve(root, path)))];
}

const isText = (value: unknown): value is string => typeof value === 'string';

/** The numbers at the top of an output and how long its lists are; nothing of zeros. */
function numbersOf(output: Json): string[] {
  if (typeof output === 'number') return [output.toLocaleString('en')];
  if (Array.isArray(output)) return [`${output.length} items`];
  if (!isObject(output)) return [];
  return Object.entries(output).flatMap(([name, value]) => {
    if (typeof value === 'number') return value === 0 ? [] : [`${plainText(name)} ${value.toLocaleString('en')}`];
    return Array.isArray(value) && value.length > 0 ? [`${value.length} ${plainText(name)}`] : [];
  });
}

const numberLines = (steps: readonly StepView[], terminal: Terminal): string[] =>
  steps
    .filter((step) => step.status === 'completed')
    .map((step) => ({ id: step.id, numbers: numbersOf(step.output).slice(0, SHOWN_NUMBERS) }))
    .filter(({ numbers }) => numbers.length > 0)
    .slice(0, SHOWN_STEPS)
    .map(({ id, numbers }) => cut(`  ${id}: ${numbers.join(', ')}`, terminal.width));

/** Whether every step ended as it should, what went wrong otherwise, and what there is to look at. `root` is the workspace. */
export function resultLines(plan: Plan, root: string, terminal: Terminal): string[] {
  const { completed, total, failed, skipped, cancelled } = plan.progress;
  const others = Object.entries({ failed, skipped, cancelled })
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `, ${count} ${name}`)
    .join('');
  const took = plan.durationMs === null ? '' : ` in ${duration(plan.durationMs)}`;
  const good = plan.status === 'completed';
  const head = `Plan ${plan.status}${took}: ${completed} of ${total} steps completed${others}`;
  const why = plan.error === null ? [] : wrap(plainText(plan.error.message), terminal.width);
  const response =
    plan.response === null ? [] : ['', ...plan.response.split('\n').flatMap((line) => wrap(plainText(line), terminal.width))];
  const numbers = numberLines(plan.steps, terminal);
  const files = writtenFiles(plan, root);
  return [
    terminal.paint(good ? 'green' : 'red', head),
    ...why,
    ...response,
    ...(numbers.length > 0 ? ['', 'Numbers', ...numbers] : []),
    ...(files.length > 0 ? ['', ...files.map((file) => `Written: ${terminal.paint('cyan', file)}`)] : []),
  ];
}
