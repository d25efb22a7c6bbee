/** From plans as somebody writes them to the commands that the API makes of them. */
import {
  CONDITION_TOOL,
  digestOf,
  type PlanContent,
  type PlanDraft,
  type PolicyDecision,
  type ToolContract,
  validatePlan,
} from '@countersign/shared';
import type { CommandOf } from './commands.ts';

export const TOOL = 'test.echo';
/** Like TOOL; what it does is nobody's business here, so a new version of it is only another description. */
const CHANGING_TOOL = 'test.changing';

const contract = (name: string, description: string): ToolContract => ({
  name,
  description,
  risk: 'read',
  idempotent: true,
  inputSchema: { type: 'object' },
  outputSchema: null,
  timeoutMs: null,
  retry: null,
  queue: null,
  examples: [],
});

/** The tools of the fleet; `version` is that of the one that changes. */
function toolsOf(version: number): Map<string, ToolContract> {
  const tools = [
    contract(TOOL, 'Gives back what it gets.'),
    contract(CHANGING_TOOL, `Does what version ${version} of it does.`),
    contract(CONDITION_TOOL, 'Says whether an expression is true.'),
  ];
  return new Map(tools.map((tool) => [tool.name, tool]));
}

async function signed(plan: PlanDraft, toolVersion: number): Promise<{ content: PlanContent; digest: string }> {
  const result = validatePlan(plan, { tools: toolsOf(toolVersion) });
  if (!result.valid) throw new Error(`the plan is not valid: ${JSON.stringify(result.issues)}`);
  return { content: result.content, digest: await digestOf(result.content) };
}

export interface Submission {
  plan: PlanDraft;
  decision: PolicyDecision;
  draft: boolean;
}

/** The command that creates a plan, with the content and the digest that the API would make of it. */
export async function createCommand({ plan, decision, draft }: Submission): Promise<CommandOf<'create'>> {
  return { do: 'create', actor: 'ann', ...(await signed(plan, 1)), decision, draft };
}

export interface Rewriting {
  plan: PlanDraft;
  decision: PolicyDecision;
  actor: string;
  basedOn: string;
  toolVersion?: number;
}

/** The command that revises a plan. */
export async function reviseCommand({ plan, decision, actor, basedOn, toolVersion = 1 }: Rewriting): Promise<CommandOf<'revise'>> {
  return { do: 'revise', actor, ...(await signed(plan, toolVersion)), origin: 'manual', basedOn, decision };
}

/** What somebody writes who changes nothing of a plan. */
export function draftOf({ objective, description, input, steps, options }: PlanContent): PlanDraft {
  return { objective, description, input, steps: steps.map((step) => ({ ...step })), options };
}
