/** A plan as a person reads it before signing: every step, what it would do, what it waits for. */
import { type Json, type Plan, type Risk, type StepView, usesSecretsWords } from '@countersign/shared';
import { cut, plainText, type Terminal, textWidth, wrap } from './terminal.ts';

type TableStep = Pick<
  StepView,
  'id' | 'tool' | 'description' | 'input' | 'dependsOn' | 'when' | 'forEach' | 'approval' | 'risk' | 'secrets' | 'effects'
>;

const HEADINGS = ['step', 'tool', 'risk', 'after', 'what it does'] as const;
const GAP = '  ';
/** characters that the last column needs to be a column; narrower terminals get one block per step */
const MINIMUM_TEXT = 28;
/** characters of the columns before it; a longer cell goes over several lines */
const MAXIMUM_COLUMNS = [24, 24, 12, 20] as const;
/** characters of one value: templates and queries can be pages long */
const MAXIMUM_VALUE = 60;
const RISK_STYLE = { read: 'green', write: 'yellow', destructive: 'red' } as const satisfies Record<Risk, string>;

const valueText = (value: Json): string => cut(plainText(typeof value === 'string' ? value : JSON.stringify(value)), MAXIMUM_VALUE);

const inputTexts = (step: TableStep): string[] =>
  Object.entries(step.input).map(([name, value]) => `${plainText(name)}: ${valueText(value)}`);

/**
 * What stands in the last column: what the planner says of the step, what its tool says that it will do, then what it is
 * called with and under which conditions.
 */
function details(step: TableStep): { text: string; effects: string; notes: string[] } {
  const notes = inputTexts(step);
  if (step.secrets.length > 0) notes.push(usesSecretsWords(step.secrets));
  if (step.when !== null) notes.push(`only if ${plainText(step.when)}`);
  if (step.forEach !== null) notes.push(`for each of ${valueText(step.forEach)}`);
  if (step.approval !== null) notes.push(`asks first: ${plainText(step.approval.message)}`);
  return { text: plainText(step.description), effects: step.effects === null ? '' : `effect: ${plainText(step.effects)}`, notes };
}

function columns(steps: readonly TableStep[], terminal: Terminal): string[] | null {
  const cells = steps.map((step) => [step.id, step.tool, step.risk, step.dependsOn.join(', ') || '-'].map(plainText));
  const widths = ([0, 1, 2, 3] as const).map((index) =>
    Math.min(MAXIMUM_COLUMNS[index], Math.max(textWidth(HEADINGS[index] ?? ''), ...cells.map((row) => textWidth(row[index] ?? '')))),
  );
  const left = widths.reduce((sum, width) => sum + width + GAP.length, 0);
  const textColumn = terminal.width - left;
  if (textColumn < MINIMUM_TEXT) return null;

  const pad = (text: string, index: number): string => text + ' '.repeat(Math.max(0, (widths[index] ?? 0) - textWidth(text)));
  const lines = [terminal.paint('bold', `${[0, 1, 2, 3].map((index) => pad(HEADINGS[index] ?? '', index)).join(GAP)}${GAP}${HEADINGS[4]}`)];
  for (const [row, step] of steps.entries()) {
    const { text, effects, notes } = details(step);
    const last = [
      ...[text, effects].flatMap((said) => wrap(said, textColumn)).filter((line) => line !== ''),
      ...notes.flatMap((note) => wrap(note, textColumn)).map((line) => terminal.paint('dim', line)),
    ];
    // Names are never cut: what is signed must be readable, so a long one goes over several lines.
    const wrapped = (cells[row] ?? []).map((cell, index) => wrap(cell, widths[index] ?? 1));
    const height = Math.max(last.length, ...wrapped.map((cell) => cell.length));
    for (let line = 0; line < height; line++) {
      const fields = wrapped.map((cell, index) => {
        const field = pad(cell[line] ?? '', index);
        return index === 2 && line === 0 ? terminal.paint(RISK_STYLE[step.risk], field) : field;
      });
      lines.push([...fields, last[line] ?? ''].join(GAP).trimEnd());
    }
  }
  return lines;
}

function blocks(steps: readonly TableStep[], terminal: Terminal): string[] {
  return steps.flatMap((step) => {
    const { text, effects, notes } = details(step);
    const after = step.dependsOn.length > 0 ? [`after ${step.dependsOn.join(', ')}`] : [];
    const indented = [...after, text, effects, ...notes].filter((line) => line !== '').flatMap((line) => wrap(line, terminal.width - 2));
    return [
      ...wrap(`${plainText(step.id)} (${plainText(step.tool)}, ${step.risk})`, terminal.width).map((line) => terminal.paint('bold', line)),
      ...indented.map((line) => `  ${line}`),
    ];
  });
}

/** The steps as a table, or one block per step where the terminal is too narrow for a table. */
export const stepLines = (steps: readonly TableStep[], terminal: Terminal): string[] => columns(steps, terminal) ?? blocks(steps, terminal);

/** The plan with its steps, its effects and the digest that a signature is for. */
export function planLines(plan: Plan, terminal: Terminal): string[] {
  const effects = (['read', 'write', 'destructive'] as const).map((risk) => {
    const many = risk !== 'destructive' && plan.effects[risk] !== 1;
    const text = `${plan.effects[risk]} ${risk}${many ? 's' : ''}`;
    return plan.effects[risk] > 0 ? terminal.paint(RISK_STYLE[risk], text) : text;
  });
  const description = plainText(plan.description);
  return [
    ...wrap(`Plan ${plan.id}, revision ${plan.revision}: ${plainText(plan.objective)}`, terminal.width).map((line) =>
      terminal.paint('bold', line),
    ),
    ...(description === '' ? [] : wrap(description, terminal.width)),
    '',
    ...stepLines(plan.steps, terminal),
    '',
    `Effects: ${effects.join(', ')}`,
    ...wrap(`Digest:  ${plan.digest}`, terminal.width),
  ];
}
