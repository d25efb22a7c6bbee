/** Rules about a plan's graph. Steps are numbered in the order of the array; all walks are loops, for plans are deep. */

/**
 * Disjoint cycles of a dependency graph, each as the positions along it, starting at its lowest one. `dependencies[i]`
 * are the positions that i waits for. Empty when the graph is a DAG.
 */
export function findCycles(dependencies: readonly (readonly number[])[]): number[][] {
  const waiting = dependencies.map((list) => list.length);
  const dependents: number[][] = dependencies.map(() => []);
  dependencies.forEach((list, position) => {
    for (const dependency of list) dependents[dependency]?.push(position);
  });
  const free = waiting.flatMap((count, position) => (count === 0 ? [position] : []));
  const ordered = new Set<number>();
  for (let position = free.pop(); position !== undefined; position = free.pop()) {
    ordered.add(position);
    for (const dependent of dependents[position] ?? []) {
      waiting[dependent] = (waiting[dependent] ?? 0) - 1;
      if (waiting[dependent] === 0) free.push(dependent);
    }
  }
  const cycles: number[][] = [];
  const visited = new Set<number>();
  for (let start = 0; start < dependencies.length; start++) {
    if (ordered.has(start) || visited.has(start)) continue;
    // Every step that is left waits for another one that is left, so following them runs into a cycle.
    const walk: number[] = [];
    const placeInWalk = new Map<number, number>();
    let current: number | undefined = start;
    while (current !== undefined && !visited.has(current)) {
      visited.add(current);
      placeInWalk.set(current, walk.length);
      walk.push(current);
      current = dependencies[current]?.find((dependency) => !ordered.has(dependency));
    }
    const entry = current === undefined ? undefined : placeInWalk.get(current);
    if (entry === undefined) continue;
    const cycle = walk.slice(entry);
    const lowest = cycle.indexOf(Math.min(...cycle));
    cycles.push([...cycle.slice(lowest), ...cycle.slice(0, lowest)]);
  }
  return cycles;
}
