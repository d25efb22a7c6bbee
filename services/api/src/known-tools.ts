/** The tools that the fleet has announced, remembered for a moment: every validation asks for all of them. */
import type { ToolContract } from '@countersign/shared';
import type { ToolCatalogue } from '@countersign/store';

const REMEMBERED_MS = 1_000;

export interface KnownTools {
  byName(): Promise<ReadonlyMap<string, ToolContract>>;
}

export function knownTools(catalogue: Pick<ToolCatalogue, 'listTools'>, now: () => number = () => performance.now()): KnownTools {
  let remembered: { tools: Promise<ReadonlyMap<string, ToolContract>>; until: number } | null = null;
  const read = async (): Promise<ReadonlyMap<string, ToolContract>> =>
    new Map((await catalogue.listTools()).map((contract) => [contract.name, contract]));
  return {
    byName() {
      if (remembered !== null && now() < remembered.until) return remembered.tools;
      const tools = read();
      const entry = { tools, until: now() + REMEMBERED_MS };
      remembered = entry;
      tools.catch(() => {
        // A failure is not an answer to remember.
        if (remembered === entry) remembered = null;
      });
      return tools;
    },
  };
}
