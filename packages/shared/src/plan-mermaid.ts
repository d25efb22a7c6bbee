/** A plan as a Mermaid flowchart, for people. */
import { count } from './markdown-text.ts';
import type { Plan, StepView } from './plan.ts';
import { isEndedStep, STEP_STATUSES, type StepStatus } from './transitions.ts';

const COLOURS: Record<StepStatus, string> = {
  pending: 'fill:#f4f4f5,stroke:#a1a1aa,color:#18181b',
  awaiting_approval: 'fill:#fef3c7,stroke:#d97706,color:#18181b',
  ready: 'fill:#e0f2fe,stroke:#0284c7,color:#18181b',
  queued: 'fill:#e0f2fe,stroke:#0284c7,color:#18181b',
  running: 'fill:#bfdbfe,stroke:#1d4ed8,color:#18181b',
  retrying: 'fill:#ffedd5,stroke:#ea580c,color:#18181b',
  completed: 'fill:#dcfce7,stroke:#15803d,color:#18181b',
  failed: 'fill:#fee2e2,stroke:#b91c1c,color:#18181b',
  skipped: 'fill:#f4f4f5,stroke:#a1a1aa,color:#71717a,stroke-dasharray:4',
  cancelled: 'fill:#e4e4e7,stroke:#52525b,color:#52525b,stroke-dasharray:4',
};

/** A border of its own, whatever the status: what can't be undone stands out. */
const DESTRUCTIVE = 'stroke:#b91c1c,stroke-width:4px';

/** All but plain characters as Mermaid's numeric entities, so that no name ends its label or is read as markup. */
const label = (text: string): string =>
  Array.from(text, (character) => (/[A-Za-z0-9_. -]/.test(character) ? character : `#${character.codePointAt(0)};`)).join('');

/** A gate is a hexagon, a branch a diamond, a list a box with double sides. */
function shapeOf({ approval, gate, forEach, ifTrue, ifFalse }: StepView): readonly [string, string] {
  if (approval !== null || gate !== null) return ['{{', '}}'];
  if (ifTrue.length + ifFalse.length > 0) return ['{', '}'];
  return forEach === null ? ['[', ']'] : ['[[', ']]'];
}

function nodeLines(step: StepView): string[] {
  const { id, tool, risk, gate, approval, forEach, children, reason } = step;
  const ended = children?.filter(({ status }) => isEndedStep(status)).length;
  return [
    label(id),
    label(tool),
    ...(risk === 'destructive' ? ['destructive'] : []),
    ...(approval === null && gate === null ? [] : [`${gate?.have ?? 0} of ${count(gate?.need ?? approval?.quorum ?? 1, 'approval')}`]),
    ...(forEach === null ? [] : [children === null ? 'for each' : `${ended} of ${children.length} ended`]),
    ...(reason?.kind === 'pinned' ? ['pinned'] : []),
  ];
}

/** An arrow, with the side of the branch where it leads to one. */
function arrow(from: StepView, to: string): string {
  const sides = [...(from.ifTrue.includes(to) ? ['true'] : []), ...(from.ifFalse.includes(to) ? ['false'] : [])];
  return sides.length === 0 ? '-->' : `-->|${sides.join(' or ')}|`;
}

/**
 * The steps and what each waits for, coloured by status; destructive ones have a thick border. Nodes are numbered, because step ids like `end` are words of
 * Mermaid's own; the id and the tool stand in the label. Where an arrow leads to one side of a branch it says which.
 */
export function planMermaid({ steps }: Pick<Plan, 'steps'>): string {
  const positions = new Map(steps.map(({ id }, position) => [id, position]));
  const nodes = steps.map((step, position) => {
    const [open, close] = shapeOf(step);
    return `  s${position}${open}"${nodeLines(step).join('<br/>')}"${close}:::${step.status}`;
  });
  const edges = steps.flatMap(({ id, dependsOn }, position) =>
    dependsOn.flatMap((dependency) => {
      const place = positions.get(dependency);
      const from = place === undefined ? undefined : steps[place];
      return from === undefined ? [] : [`  s${place} ${arrow(from, id)} s${position}`];
    }),
  );
  const used = STEP_STATUSES.filter((status) => steps.some((step) => step.status === status));
  const classes = used.map((status) => `  classDef ${status} ${COLOURS[status]}`);
  const destructive = steps.flatMap(({ risk }, position) => (risk === 'destructive' ? [`s${position}`] : []));
  if (destructive.length > 0) classes.push(`  classDef destructive ${DESTRUCTIVE}`, `  class ${destructive.join(',')} destructive`);
  return `${['flowchart TD', ...nodes, ...edges, ...classes].join('\n')}\n`;
}
