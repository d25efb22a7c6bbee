/** A plan as the store reads it, from a draft and what became of its steps: for planners, which get such a plan. */
import {
  digestOf,
  effectsOf,
  type Plan,
  type PlanContent,
  type PlanDraft,
  plainDecision,
  type StepView,
  type ToolContract,
  validatePlan,
} from '@countersign/shared';

export function contentOf(draft: PlanDraft, tools: readonly ToolContract[]): PlanContent {
  const result = validatePlan(draft, { tools: new Map(tools.map((tool) => [tool.name, tool])) });
  if (!result.valid) throw new Error(JSON.stringify(result.issues));
  return result.content;
}

const NOT_RUN = {
  resolvedInput: null,
  status: 'pending',
  reason: null,
  attempt: 0,
  generation: 1,
  startedAt: null,
  finishedAt: null,
  durationMs: null,
  output: null,
  error: null,
  progress: null,
  gate: null,
  children: null,
} as const;

export async function planView(
  content: PlanContent,
  outcomes: Record<string, Partial<StepView>> = {},
  rest: Partial<Plan> = {},
): Promise<Plan> {
  const { tools, steps, ...said } = content;
  const at = '2026-01-01T00:00:00.000Z';
  return {
    id: 'pln_1',
    taskId: null,
    revision: 1,
    digest: await digestOf(content),
    status: 'pending_approval',
    ...said,
    createdBy: 'ada',
    createdAt: at,
    updatedAt: at,
    startedAt: null,
    finishedAt: null,
    durationMs: null,
    policy: {
      ...plainDecision(1, 'the plan asks for an approval'),
      demands: [{ count: 1, roles: [], notSubmitter: false, have: 0 }],
      submitter: { actor: 'ada', roles: [] },
      submitters: ['ada'],
    },
    quorum: 1,
    approvals: [],
    autoApproved: null,
    rejection: null,
    cancellation: null,
    progress: { total: steps.length, completed: 0, failed: 0, skipped: 0, cancelled: 0, running: 0, waiting: 0, percent: 0 },
    effects: effectsOf(content),
    origin: 'openai',
    promptVersion: null,
    reviewedAt: null,
    usage: { calls: 0, inputTokens: 0, outputTokens: 0, costUsd: null },
    steps: steps.map((step) => ({
      ...step,
      risk: tools[step.tool]?.risk ?? 'read',
      secrets: [],
      effects: null,
      dryRun: null,
      ...NOT_RUN,
      ...outcomes[step.id],
    })),
    response: null,
    error: null,
    planning: null,
    ...rest,
  };
}
