/** Plans that ask the planner for something, and its answers, on a store. */
import { answerRequest, type Planner } from '@countersign/planner';
import { digestOf, type Plan, type PlanDraft, type PlanningRound, plainDecision, type ToolContract } from '@countersign/shared';
import type { Store } from '@countersign/store';
import { contentOf } from './plan-view.ts';

const tool = (name: string, verb: string): ToolContract => ({
  name,
  description: `${verb}s the files of a folder`,
  risk: 'read',
  idempotent: true,
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'], additionalProperties: false },
  outputSchema: null,
  timeoutMs: null,
  retry: null,
  queue: null,
  examples: [{ text: `${verb} the files in src`, input: { path: 'src' } }],
});
export const COUNT = tool('count', 'Count');
export const TOOLS = [COUNT, tool('check', 'Check')];
export const ADA = { id: 'ada', roles: ['submitter'] as const };
export const GATED: PlanDraft = {
  objective: 'Count the files in src',
  description: 'Counts twice.',
  steps: [
    { id: 'a', tool: 'count', input: { path: 'src' } },
    { id: 'b', tool: 'count', input: { path: 'docs' }, dependsOn: ['a'], approval: { message: 'Docs, too?' } },
  ],
};
export const step = (id: string, path: string) => ({ id, tool: 'count', description: '', input: JSON.stringify({ path }), dependsOn: [] });
export const reply = (...steps: object[]) => ({ content: { problem: '', description: 'Counts anew.', steps } });

export async function createPlan(store: Store, draft: PlanDraft, quorum: 0 | 1 = 1): Promise<string> {
  const content = contentOf(draft, TOOLS);
  const digest = await digestOf(content);
  const decision = plainDecision(quorum, 'for a test');
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: 'ada', decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

export const readPlan = async (store: Store, planId: string): Promise<Plan> => {
  const plan = await store.getPlan(planId);
  if (plan === null) throw new Error('the plan is gone');
  return plan;
};

/** Asks for a revision; gives what the planning job carries. */
export async function askRevision(store: Store, planId: string, feedback: string): Promise<{ planId: string; request: number }> {
  const asked = await store.requestRevision(planId, { actor: ADA, feedback });
  if (!asked.ok) throw new Error(asked.refusal.message);
  return { planId, request: (await readPlan(store, planId)).planning?.number ?? 0 };
}

interface RunOptions {
  store: Store;
  planner: Planner;
  token?: string;
  signal?: AbortSignal;
}
export const answer = (
  job: { planId: string; request: number },
  { store, planner, token = 'one', signal = new AbortController().signal }: RunOptions,
) => answerRequest(job, { store, planner, newToken: () => token, signal, watchEveryMs: 20, toolsWithinMs: 0 });

/** What a planner says that was overtaken. */
export const LATE_ROUND: PlanningRound = {
  round: 1,
  planner: 'rules',
  model: null,
  format: null,
  promptVersion: null,
  promptHash: null,
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 0,
  reply: 'late',
  issues: [],
  error: null,
  usage: null,
};
