/** What validation needs to know besides the plan. */
import type { JsonObject } from '../json.ts';
import type { ToolContract } from '../tool-contract.ts';

export interface ValidationContext {
  /** every tool that the fleet has, by name */
  tools: ReadonlyMap<string, ToolContract>;
  /** the tools that this plan may use; absent: all */
  allowedTools?: readonly string[] | null;
  /** the names of the conditions registered in code; absent: none */
  conditions?: Pick<ReadonlySet<string>, 'has'>;
  /** the JSON Schema of the plan's input, where it has one: references to what it can't hold are issues */
  inputSchema?: JsonObject;
}
