/** What the scripts need to know of a revision: made from its content once, never changed. lua/lib/steps.lua has the layout. */
import { type PlanContent, STEPS_QUEUE, type Step } from '@countersign/shared';

/** Steps that wait for the same dependencies: they are counted down together. */
interface Group {
  dependencies: readonly string[];
  members: string[];
}

function groupSteps(steps: readonly Step[]): Group[] {
  const groups = new Map<string, Group>();
  for (const { id, dependsOn } of steps) {
    if (dependsOn.length === 0) continue;
    const key = [...dependsOn].sort().join(',');
    const group = groups.get(key) ?? { dependencies: dependsOn, members: [] };
    group.members.push(id);
    groups.set(key, group);
  }
  return [...groups.values()];
}

export interface PlanGraph {
  /** names and values of the graph's hash */
  fields: string[];
  /** names and values of the hash that counts down dependencies */
  waits: string[];
}

export function planGraph({ steps, tools }: PlanContent): PlanGraph {
  const groups = groupSteps(steps);
  const waitedForBy = new Map<string, string[]>(steps.map(({ id }) => [id, []]));
  groups.forEach(({ dependencies }, number) => {
    // A group of one dependency needs no counting down.
    const name = dependencies.length === 1 ? `${number}=` : String(number);
    for (const id of dependencies) waitedForBy.get(id)?.push(name);
  });
  const roots = steps.filter(({ dependsOn }) => dependsOn.length === 0);
  const fields: string[] = ['*', steps.map(({ id }) => id).join(','), '^', roots.map(({ id }) => id).join(',')];
  const routes = new Map<string, string>();
  steps.forEach((step, place) => {
    const queue = tools[step.tool]?.queue ?? STEPS_QUEUE;
    routes.set(step.id, [step.id, place, step.tool, queue].join(':'));
    const waiting = waitedForBy.get(step.id)?.join(',') ?? '';
    const { runIf, onError, retry, dependsOn } = step;
    fields.push(step.id, [place, step.tool, queue, dependsOn.length, runIf, onError, retry.maxAttempts, waiting].join('|'));
  });
  groups.forEach(({ members }, number) => {
    fields.push(`#${number}`, members.map((id) => routes.get(id)).join(','));
  });
  const waits = groups.flatMap(({ dependencies }, number) =>
    dependencies.length === 1 ? [] : [String(number), String(dependencies.length)],
  );
  return { fields, waits };
}
