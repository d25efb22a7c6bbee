/** Tools that submit, change and decide plans: each answers with the plan in brief. */
import type { Plan } from '@countersign/shared';
import { z } from 'zod';
import { briefText, nextFor, planBrief, planBriefSchema } from './plan-brief.ts';
import { type Answered, DECIDES, type McpTool, operationTool, planId, SUBMITS, stepId } from './tool.ts';

const output = z.object({
  plan: planBriefSchema,
  repeated: z.boolean().describe('whether this is the answer of an earlier call with the same idempotencyKey'),
  next: z.string(),
});

function show({ body: { plan }, repeated, call }: Answered<{ plan: Plan }, unknown>) {
  const brief = planBrief(plan, call.planUrl(plan.id));
  const next = nextFor(plan);
  return { structured: { plan: brief, repeated, next }, text: briefText(brief, next) };
}

const ofPlan = { own: z.strictObject({ planId }), route: (own: { planId: string }) => ({ params: { id: own.planId } }) };
const ofStep = {
  own: z.strictObject({ planId, stepId }),
  route: (own: { planId: string; stepId: string }) => ({ params: { id: own.planId, stepId: own.stepId } }),
};

/** Said with every tool that takes a decision. */
const FOR_PEOPLE = "Deciding is people's business: call this only when a person has told you that this is their decision.";

export const decisionTools: readonly McpTool[] = [
  operationTool({
    name: 'submit_plan',
    title: 'Submit a plan',
    description:
      'Hands in a plan that you wrote: steps that call tools (see list_tools), with what depends on what. It is held until people have approved ' +
      'its digest; nothing of it runs before. An invalid plan is refused with every issue at once. With `draft` it waits for a person to submit it.',
    annotations: SUBMITS,
    operation: 'createPlan',
    own: z.strictObject({}),
    output,
    show,
  }),
  operationTool({
    name: 'approve_plan',
    title: 'Approve a plan',
    description: `A vote for exactly this digest; the vote with which all that policy demands is met starts the plan. The digest must be the plan's current one. ${FOR_PEOPLE}`,
    annotations: DECIDES,
    operation: 'approvePlan',
    ...ofPlan,
    output,
    show,
  }),
  operationTool({
    name: 'reject_plan',
    title: 'Reject a plan',
    description: `Refuses exactly this digest, for good: the plan never runs. ${FOR_PEOPLE}`,
    annotations: DECIDES,
    operation: 'rejectPlan',
    ...ofPlan,
    output,
    show,
  }),
  operationTool({
    name: 'approve_step',
    title: 'Approve a step that asks',
    description: `A vote that lets one step run that waits for people. \`data\` is the answer where the step asks a question. ${FOR_PEOPLE}`,
    annotations: DECIDES,
    operation: 'approveGate',
    ...ofStep,
    output,
    show,
  }),
  operationTool({
    name: 'reject_step',
    title: 'Reject a step that asks',
    description: `Refuses one step that waits for people: it fails for good. ${FOR_PEOPLE}`,
    annotations: DECIDES,
    operation: 'rejectGate',
    ...ofStep,
    output,
    show,
  }),
  operationTool({
    name: 'revise_plan',
    title: 'Ask for a new revision',
    description:
      'Asks the planner to write the plan anew with this feedback. The new revision has another digest, the votes are gone, and people approve ' +
      'it anew. watch_plan waits for it.',
    annotations: SUBMITS,
    operation: 'revisePlan',
    ...ofPlan,
    output,
    show,
  }),
  operationTool({
    name: 'cancel_plan',
    title: 'Cancel a plan',
    description: 'Once this is answered no further step starts; running ones are told to stop. The plan never runs again.',
    annotations: { ...DECIDES, openWorldHint: false },
    operation: 'cancelPlan',
    ...ofPlan,
    output,
    show,
  }),
];
