/** A plan as a Mermaid flowchart, for people. */
import type { Plan } from './plan.ts';
import { STEP_STATUSES, type StepStatus } from './transitions.ts';

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

/** All but plain characters as Mermaid's numeric entities, so that no name ends its label or is read as markup. */
const label = (text: string): string =>
  Array.from(text, (character) => (/[A-Za-z0-9_. -]/.test(character) ? character : `#${character.codePointAt(0)};`)).join('');

/**
 * The steps and what each waits for, coloured by status. Nodes are numbered, because step ids like `end` are words of
 * Mermaid's own; the id and the tool stand in the label.
 */
export function planMermaid(plan: Pick<Plan, 'steps'>): string {
  const positions = new Map(plan.steps.map(({ id }, position) => [id, position]));
  const nodes = plan.steps.map(({ id, tool, status }, position) => `  s${position}["${label(id)}<br/>${label(tool)}"]:::${status}`);
  const edges = plan.steps.flatMap(({ dependsOn }, position) =>
    dependsOn.flatMap((id) => (positions.has(id) ? [`  s${positions.get(id)} --> s${position}`] : [])),
  );
  const used = STEP_STATUSES.filter((status) => plan.steps.some((step) => step.status === status));
  const classes = used.map((status) => `  classDef ${status} ${COLOURS[status]}`);
  return `${['flowchart TD', ...nodes, ...edges, ...classes].join('\n')}\n`;
}
