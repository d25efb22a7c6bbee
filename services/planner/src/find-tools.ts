/** What the fleet can do, as far as a plan may use it. */
import type { TaskError, ToolContract } from '@countersign/shared';
import type { ToolCatalogue } from '@countersign/store';
import { PlanningFailedError, pause } from './under-hold.ts';

/** Milliseconds between two looks for the first executor. */
const LOOK_EVERY_MS = 500;
const TOOLS_WITHIN_MS = 10_000;

export interface ToolSearch {
  /** the tools that the plan may use; null: all */
  allowed: readonly string[] | null;
  signal: AbortSignal;
  /** milliseconds that executors get to announce their tools, as they may start after the planner */
  withinMs?: number | undefined;
}

export interface Fleet {
  tools: ToolContract[];
  /** the names of the conditions in code */
  conditions: ReadonlySet<string>;
}

/** Waits a while for the first executor; throws a PlanningFailedError where none of the allowed tools is there. */
export async function findTools(
  store: Pick<ToolCatalogue, 'listTools' | 'listConditions'>,
  { allowed, signal, withinMs = TOOLS_WITHIN_MS }: ToolSearch,
): Promise<Fleet> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const announced = await store.listTools();
    const tools = announced.filter(({ name }) => allowed === null || allowed.includes(name));
    if (tools.length > 0) return { tools, conditions: new Set(await store.listConditions()) };
    if (performance.now() >= deadline) throw new PlanningFailedError(noTools(allowed, announced));
    await pause(Math.min(LOOK_EVERY_MS, withinMs), signal);
  }
}

function noTools(allowed: readonly string[] | null, announced: readonly ToolContract[]): TaskError {
  const names = announced.map(({ name }) => name).sort();
  if (names.length === 0) {
    return { code: 'no_tools', message: 'no executor has announced its tools: start an executor and ask again', detail: {} };
  }
  return {
    code: 'no_tools',
    message: `none of the tools that the task allows (${allowed?.join(', ') || 'an empty list'}) is there; there are ${names.join(', ')}`,
    detail: { allowed: [...(allowed ?? [])], announced: names },
  };
}
