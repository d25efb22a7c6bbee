/** A plan as tools answer it: where it stands, what it waits for, and what to do next, without its steps. */
import { effectsText, isPlain, missingText, type Plan, type PlanSummary, planSummarySchema, shorten, sumOf } from '@countersign/shared';
import { z } from 'zod';
import { isOver } from '../event-stream.ts';
import { oneLine } from './answer-size.ts';

const OBJECTIVE_CHARACTERS = 200;
const TEXT_CHARACTERS = 1_000;
const RESPONSE_CHARACTERS = 5_000;
/** Gates that wait at the same time and are shown. */
const GATES_SHOWN = 10;

const count = z.int().min(0);
const summary = planSummarySchema.shape;

/** A plan as one of many. */
export const planLineSchema = z.object({
  id: summary.id,
  revision: summary.revision,
  digest: summary.digest,
  status: summary.status,
  objective: z.string().describe('shortened where it is long'),
  createdBy: z.string(),
  createdAt: z.string(),
  finishedAt: z.string().nullable(),
  progress: summary.progress,
  effects: summary.effects,
  approvals: z.object({ need: count, have: count }),
  url: z.string().describe('where a person can read it'),
});

const waitSchema = z.object({
  kind: z.enum(['submission', 'approval', 'gate', 'resume']),
  stepId: z.string().nullable(),
  text: z.string(),
  deadline: z.string().nullable(),
});

export const planBriefSchema = planLineSchema.extend({
  waitsFor: z.array(waitSchema).describe('what a person must do for it to go on'),
  planning: z
    .object({ kind: z.string(), status: z.string(), error: z.string().nullable() })
    .nullable()
    .describe('what the planner was asked last'),
  error: z.object({ code: z.string(), message: z.string(), stepId: z.string().nullable() }).nullable(),
  response: z.string().nullable().describe('the summary at its end, where one was asked for'),
});

export type PlanLine = z.infer<typeof planLineSchema>;
export type PlanBrief = z.infer<typeof planBriefSchema>;

function needed({ policy }: Pick<PlanSummary, 'policy'>): PlanLine['approvals'] {
  const { count: need, have } = sumOf(policy.demands);
  return { need, have };
}

/** What people must do who are to approve the plan. */
function approvalText({ digest, policy }: Plan): string {
  const { outcome, reason, demands, submitters } = policy;
  if (outcome === 'deny') return `it is changed, or the policy is: the policy denies it as it is: ${oneLine(reason, TEXT_CHARACTERS)}`;
  const { need, have } = needed({ policy });
  const missing = isPlain(demands) ? '' : `; missing: ${missingText(demands, submitters)}`;
  return `people approve exactly ${digest}: ${have} of ${need}${oneLine(missing, TEXT_CHARACTERS)}`;
}

export const planLine = (plan: PlanSummary, url: string): PlanLine => ({
  id: plan.id,
  revision: plan.revision,
  digest: plan.digest,
  status: plan.status,
  objective: oneLine(plan.objective, OBJECTIVE_CHARACTERS),
  createdBy: plan.createdBy,
  createdAt: plan.createdAt,
  finishedAt: plan.finishedAt,
  progress: plan.progress,
  effects: plan.effects,
  approvals: needed(plan),
  url,
});

/** Whether the planner is writing another revision, so that nobody needs to decide about this one. */
const isBeingRewritten = ({ planning }: Plan): boolean =>
  planning !== null && planning.kind !== 'summarise' && (planning.status === 'queued' || planning.status === 'planning');

/** What a person must do for the plan to go on. */
export function waitsFor(plan: Plan): PlanBrief['waitsFor'] {
  const wait = (kind: PlanBrief['waitsFor'][number]['kind'], text: string) => ({ kind, stepId: null, text, deadline: null });
  if (isBeingRewritten(plan)) return [];
  if (plan.status === 'draft') return [wait('submission', 'a person submits the draft for approval')];
  if (plan.status === 'pending_approval') return [wait('approval', approvalText(plan))];
  const gates = plan.steps.flatMap(({ id, status, gate }) => {
    if (status !== 'awaiting_approval' || gate === null) return [];
    const text = `step ${id} asks: ${oneLine(gate.message, TEXT_CHARACTERS)} (${gate.have} of ${gate.need})`;
    return [{ kind: 'gate' as const, stepId: id, text, deadline: gate.deadline }];
  });
  return [...(plan.status === 'paused' ? [wait('resume', 'a person resumes the plan')] : []), ...gates].slice(0, GATES_SHOWN);
}

export function planBrief(plan: Plan, url: string): PlanBrief {
  const { planning, error, response } = plan;
  return {
    ...planLine(plan, url),
    waitsFor: waitsFor(plan),
    planning:
      planning === null
        ? null
        : {
            kind: planning.kind,
            status: planning.status,
            error: planning.error === null ? null : oneLine(planning.error.message, TEXT_CHARACTERS),
          },
    error: error === null ? null : { ...error, message: oneLine(error.message, TEXT_CHARACTERS) },
    response: response === null ? null : shorten(response, RESPONSE_CHARACTERS),
  };
}

/** What an agent does about a plan that is as this one. */
export function nextFor(plan: Plan): string {
  if (isOver(plan)) {
    if (plan.status === 'completed') return 'It has ended: get_plan shows what each step gave.';
    if (plan.status === 'failed' || plan.status === 'partial')
      return 'It has ended: get_plan shows what failed and why. revise_plan asks the planner for another way, and people approve that anew.';
    return 'It has ended and never runs again.';
  }
  const again = 'watch_plan waits for what comes next.';
  const waits = waitsFor(plan);
  if (waits.length === 0) return again;
  const what =
    plan.status === 'pending_approval'
      ? 'Show a person the digest and the URL and ask for their decision'
      : 'Tell a person what it waits for';
  return `${what}; ${again}`;
}

const ended = ({ progress }: Pick<PlanLine, 'progress'>): string =>
  `${progress.completed + progress.failed + progress.skipped + progress.cancelled} of ${progress.total} steps ended`;

/** A plan as one of many, on one line. */
export const lineText = (plan: PlanLine): string =>
  `- ${plan.id}: ${plan.status.replaceAll('_', ' ')}, ${ended(plan)}, by ${plan.createdBy}: ${plan.objective}`;

/** A plan in a few lines. */
export function briefText(plan: PlanBrief, next: string): string {
  const { planning, error, response } = plan;
  return [
    `Plan ${plan.id}, revision ${plan.revision}: ${plan.status.replaceAll('_', ' ')}`,
    `Objective: ${plan.objective}`,
    `Digest: ${plan.digest}`,
    `URL for people: ${plan.url}`,
    `Effects: ${effectsText(plan.effects)}. Progress: ${ended(plan)}, ${plan.progress.failed} failed`,
    ...plan.waitsFor.map(({ text, deadline }) => `Waits until ${text}${deadline === null ? '' : `, by ${deadline}`}`),
    ...(planning === null ? [] : [`Planner: ${planning.kind}, ${planning.status}${planning.error === null ? '' : `: ${planning.error}`}`]),
    ...(error === null ? [] : [`Error (${error.code}): ${error.message}`]),
    ...(response === null ? [] : [`Response: ${oneLine(response, RESPONSE_CHARACTERS)}`]),
    `Next: ${next}`,
  ].join('\n');
}
