/** What the scripts need to know of a revision: made from its content once, never changed. lua/lib/steps.lua has the layout. */
import { asksAtOnce, type PlanContent, STEPS_QUEUE, type Step } from '@countersign/shared';

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

/** The conditions that each step hangs on, with the side that it is on: `check:1` runs when check is true. */
function branchesOf(steps: readonly Step[]): ReadonlyMap<string, string> {
  const sides = new Map<string, Map<string, string>>();
  for (const { id, ifTrue, ifFalse } of steps) {
    const targets = [...ifTrue.map((target) => [target, '1'] as const), ...ifFalse.map((target) => [target, '0'] as const)];
    for (const [target, side] of targets) sides.set(target, (sides.get(target) ?? new Map()).set(id, side));
  }
  const ordered = steps.map(({ id, dependsOn }) => {
    const own = sides.get(id);
    return [id, dependsOn.flatMap((condition) => (own?.has(condition) ? [`${condition}:${own.get(condition)}`] : [])).join(',')] as const;
  });
  return new Map(ordered);
}

/** How many must approve the step, and whether it asks at once or after an executor has looked; '' for no gate. */
const gateOf = (step: Step): string => (step.approval === null ? '' : `${step.approval.quorum}${asksAtOnce(step) ? 'a' : 'l'}`);

const idsOf = (steps: readonly Step[]): string => steps.map(({ id }) => id).join(',');

export function planGraph({ steps, tools }: PlanContent): PlanGraph {
  const groups = groupSteps(steps);
  const branches = branchesOf(steps);
  const byId = new Map(steps.map((step) => [step.id, step]));
  const special = (id: string): boolean => branches.get(id) !== '' || gateOf(byId.get(id) as Step) !== '';
  const waitedForBy = new Map<string, string[]>(steps.map(({ id }) => [id, []]));
  const groupOf = new Map<string, number>();
  groups.forEach(({ dependencies, members }, number) => {
    for (const id of members) groupOf.set(id, number);
    // A group of one dependency needs no counting down.
    const name = `${number}${dependencies.length === 1 ? '=' : ''}${members.some(special) ? '!' : ''}`;
    for (const id of dependencies) waitedForBy.get(id)?.push(name);
  });
  const roots = steps.filter(({ dependsOn }) => dependsOn.length === 0);
  const fields: string[] = ['*', idsOf(steps), '^', idsOf(roots)];
  const lists = {
    '!': steps.filter(({ runIf }) => runIf === 'all_done'),
    '&': steps.filter(({ forEach }) => forEach !== null),
    '?': roots.filter(({ approval }) => approval !== null),
  };
  for (const [name, list] of Object.entries(lists)) if (list.length > 0) fields.push(name, idsOf(list));
  const routes = new Map<string, string>();
  steps.forEach((step, place) => {
    const queue = tools[step.tool]?.queue ?? STEPS_QUEUE;
    routes.set(step.id, [step.id, place, step.tool, queue].join(':'));
    const { runIf, onError, retry, dependsOn } = step;
    const node = [
      ...[place, step.tool, queue, dependsOn.length, runIf, onError, retry.maxAttempts, gateOf(step), branches.get(step.id)],
      ...[groupOf.get(step.id) ?? '', waitedForBy.get(step.id)?.join(',')],
    ];
    fields.push(step.id, node.join('|'));
  });
  groups.forEach(({ members }, number) => {
    fields.push(`#${number}`, members.map((id) => routes.get(id)).join(','));
  });
  const waits = groups.flatMap(({ dependencies }, number) =>
    dependencies.length === 1 ? [] : [String(number), String(dependencies.length)],
  );
  return { fields, waits };
}
