/** What the fleet has announced, remembered for a moment: every validation asks for all of it. */
import type { ToolContract, ValidationContext } from '@countersign/shared';
import type { ToolCatalogue } from '@countersign/store';

const REMEMBERED_MS = 1_000;

export interface KnownTools {
  byName(): Promise<ReadonlyMap<string, ToolContract>>;
  /** what a plan is validated against: the tools, and the conditions that executors have in code */
  validation(): Promise<ValidationContext>;
}

/** Reads at most once in `REMEMBERED_MS`, however many ask. */
function remembering<Value>(read: () => Promise<Value>, now: () => number): () => Promise<Value> {
  let remembered: { value: Promise<Value>; until: number } | null = null;
  return () => {
    if (remembered !== null && now() < remembered.until) return remembered.value;
    const value = read();
    const entry = { value, until: now() + REMEMBERED_MS };
    remembered = entry;
    value.catch(() => {
      // A failure is not an answer to remember.
      if (remembered === entry) remembered = null;
    });
    return value;
  };
}

export function knownTools(
  catalogue: Pick<ToolCatalogue, 'listTools' | 'listConditions'>,
  now: () => number = () => performance.now(),
): KnownTools {
  const byName = remembering(async () => new Map((await catalogue.listTools()).map((contract) => [contract.name, contract])), now);
  const conditions = remembering(async () => new Set(await catalogue.listConditions()), now);
  return {
    byName,
    async validation() {
      const [tools, names] = await Promise.all([byName(), conditions()]);
      return { tools, conditions: names };
    },
  };
}
