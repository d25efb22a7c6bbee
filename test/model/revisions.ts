/** New revisions, and which steps need not run again in them. */
import { canonicalJson, type Json, type PlanContent, type PlanStatus, stepReferences } from '@countersign/shared';
import { approvedOrAsked } from './building-blocks.ts';
import { movePlan } from './changes.ts';
import type { CommandOf } from './commands.ts';
import { newStep, type PlanState, stepOf } from './plan-state.ts';
import { type Applied, done, refused, refusedByPolicy, unchanged, wrongState } from './replies.ts';
import { asked } from './votes.ts';

const REVISABLE: readonly PlanStatus[] = ['draft', 'pending_approval', 'failed', 'partial'];

export function revise(state: PlanState, command: CommandOf<'revise'>, now: number): Applied {
  const { actor, content, digest, decision, origin, basedOn } = command;
  if (!REVISABLE.includes(state.status)) return wrongState(state, state);
  if (basedOn !== state.digest) return refused(state, 'stale_digest', { currentDigest: state.digest });
  if (digest === state.digest) return done(unchanged(state, now));

  if (decision.outcome === 'deny') return refusedByPolicy(state, decision);

  const pinned = pinnedIn(state, content);
  const generation = state.wasQueued || state.highestGeneration > 1 ? state.highestGeneration + 1 : 1;
  const steps = content.steps.map(({ id }) => (pinned.includes(id) ? { ...stepOf(state, id), pinned: true } : newStep(id, generation)));
  const highestGeneration = Math.max(state.highestGeneration, ...steps.map((step) => step.generation));
  const submitters = [...new Set([state.creator, actor])];
  const signed = { content, digest, decision, submitters };
  const rewritten = { ...state, ...signed, revision: state.revision + 1, stopping: null, highestGeneration, steps };

  const data = { ...asked({ digest, decision }), origin, pinned };
  const event = { type: 'plan.revised', actor, data } as const;
  return done(approvedOrAsked(movePlan(unchanged(rewritten, now), 'pending_approval', event)));
}

/** Those steps of the new content that have completed and are the same as before, with everything before them. */
function pinnedIn(state: PlanState, content: PlanContent): string[] {
  const stays = (stepId: string): boolean => {
    const [before, after] = [state.content, content].map((each) => definitionText(each, stepId));
    const dependsOn = content.steps.find(({ id }) => id === stepId)?.dependsOn ?? [];
    return before !== null && before === after && dependsOn.every(stays);
  };
  const isPinned = (stepId: string) => state.steps.some(({ id, status }) => id === stepId && status === 'completed') && stays(stepId);
  return content.steps.map(({ id }) => id).filter(isPinned);
}

/** What a step does, as text; null where the plan does not have it. */
function definitionText(content: PlanContent, stepId: string): string | null {
  const step = content.steps.find(({ id }) => id === stepId);
  if (step === undefined) return null;
  const input = stepReferences(step).some(({ root }) => root === 'input') ? content.input : null;
  return canonicalJson({ step, tool: content.tools[step.tool] ?? null, input } as unknown as Json);
}
