/** What the scripts need to know of a revision: made from its content once, never changed. */
import {
  CONDITION_TOOL,
  conditionReferences,
  type PlanContent,
  parseCondition,
  type Reference,
  referencesIn,
  STEPS_QUEUE,
  type Step,
} from '@countersign/shared';

/** One step of the graph as the Lua reads it. Short names, because there is one per step in Redis. */
interface GraphNode {
  /** place in the array */
  i: number;
  /** tool, for the job's name */
  t: string;
  /** queue */
  q: string;
  /** how many steps it waits for */
  n: number;
  /** the steps that wait for it, in the array's order */
  d: string[];
  /** the steps that its references name */
  r: string[];
  /** runIf */
  x: string;
  /** onError */
  e: string;
  /** attempts in all */
  m: number;
}

/** The references in a step's input: those of a condition's expression, or those of a template. */
function stepReferences(step: Step): Reference[] {
  if (step.tool !== CONDITION_TOOL) return referencesIn(step.input);
  const parsed = parseCondition(String(step.input.expression ?? ''));
  return parsed.ok ? conditionReferences(parsed.condition) : [];
}

export interface PlanGraph {
  /** names and values of the graph's hash */
  fields: string[];
  /** names and values of the hash that counts down dependencies */
  waits: string[];
}

export function planGraph(content: PlanContent): PlanGraph {
  const dependents = new Map<string, string[]>(content.steps.map(({ id }) => [id, []]));
  for (const step of content.steps) for (const id of step.dependsOn) dependents.get(id)?.push(step.id);
  const fields: string[] = [
    '*',
    JSON.stringify(content.steps.map(({ id }) => id)),
    '^',
    JSON.stringify(content.steps.filter(({ dependsOn }) => dependsOn.length === 0).map(({ id }) => id)),
  ];
  const waits: string[] = [];
  content.steps.forEach((step, place) => {
    const node: GraphNode = {
      i: place,
      t: step.tool,
      q: content.tools[step.tool]?.queue ?? STEPS_QUEUE,
      n: step.dependsOn.length,
      d: dependents.get(step.id) ?? [],
      r: [...new Set(stepReferences(step).map(({ root }) => root))].filter((root) => dependents.has(root)),
      x: step.runIf,
      e: step.onError,
      m: step.retry.maxAttempts,
    };
    fields.push(step.id, JSON.stringify(node));
    if (node.n > 0) waits.push(step.id, String(node.n));
  });
  return { fields, waits };
}
