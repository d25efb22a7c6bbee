/** Tools that read plans and what waits for people. */
import { type ApprovalItem, approvalItemSchema, listPlansQuery, type Page, type Plan, type PlanSummary } from '@countersign/shared';
import { z } from 'zod';
import { problem } from '../answer.ts';
import { oneLine, partOf, restRemark } from './answer-size.ts';
import { briefText, lineText, nextFor, planBrief, planBriefSchema, planLine, planLineSchema } from './plan-brief.ts';
import { markdownPart, shortenedStep } from './plan-parts.ts';
import { type Answered, type McpTool, offset, operationTool, planId, READS, type Shown } from './tool.ts';

const TITLE_CHARACTERS = 300;
/** Characters of one value of a step among others, and of a step that was asked for by its id. */
const VALUE_CHARACTERS = { among: 2_000, alone: 5_000 };
const { status, cursor } = listPlansQuery.shape;

const getPlanInput = z.strictObject({
  planId,
  format: z.enum(['markdown', 'json']).default('markdown').describe('markdown: a table for people; json: every field of the steps.'),
  offset: offset.describe('With which step to begin, from 0: nextOffset of the answer before.'),
  stepId: z.string().optional().describe('Only this step, with longer values.'),
});

const getPlanOutput = z.object({
  plan: planBriefSchema,
  description: z.string(),
  markdown: z.string().nullable(),
  steps: z
    .array(z.record(z.string(), z.unknown()))
    .nullable()
    .describe('as GET /v1/plans/:id has them; a value that is too long is the beginning of its JSON, as text'),
  total: z.int().describe('how many steps the plan has'),
  nextOffset: z.int().nullable(),
});

function showPlan({ body: { plan }, own, call }: Answered<{ plan: Plan }, z.output<typeof getPlanInput>>): Shown {
  const brief = planBrief(plan, call.planUrl(plan.id));
  const total = plan.steps.length;
  const structured = {
    plan: brief,
    description: oneLine(plan.description, VALUE_CHARACTERS.among),
    markdown: null,
    steps: null,
    total,
    nextOffset: null,
  };
  if (own.stepId !== undefined) {
    const step = plan.steps.find(({ id }) => id === own.stepId);
    if (step === undefined) return problem('not_found', `the plan has no step \`${own.stepId.slice(0, 100)}\``);
    const shown = shortenedStep(step, VALUE_CHARACTERS.alone);
    return { structured: { ...structured, steps: [shown] }, text: JSON.stringify(shown, null, 1) };
  }
  if (own.format === 'json') {
    const part = partOf(plan.steps, own.offset, (step) => shortenedStep(step, VALUE_CHARACTERS.among));
    const text = [briefText(brief, nextFor(plan)), ...restRemark(part, own.offset, 'steps')].join('\n');
    return {
      structured: { ...structured, steps: part.items, nextOffset: part.nextOffset },
      text: `${text}\n${JSON.stringify(part.items)}`,
    };
  }
  const { markdown, nextOffset } = markdownPart(plan, own.offset);
  return { structured: { ...structured, markdown, nextOffset }, text: markdown };
}

export const planTools: readonly McpTool[] = [
  operationTool({
    name: 'get_plan',
    title: 'Read a plan',
    description:
      'The plan with its steps: what each does, whether it ran, what it gave or why it failed or waits. Long values and long plans are cut, ' +
      'with nextOffset for the rest; stepId shows one step.',
    annotations: READS,
    operation: 'readPlan',
    own: getPlanInput,
    route: (own) => ({ params: { id: own.planId }, query: { format: 'json' } }),
    output: getPlanOutput,
    show: showPlan,
  }),
  operationTool({
    name: 'list_plans',
    title: 'List plans',
    description: 'Plans, newest first, each in a line.',
    annotations: READS,
    operation: 'listPlans',
    own: z.strictObject({ status, cursor, limit: z.int().min(1).max(25).default(10) }),
    route: (query) => ({ query }),
    output: z.object({ items: z.array(planLineSchema), nextCursor: z.string().nullable() }),
    show({ body: { items, nextCursor }, call }: Answered<Page<PlanSummary>, unknown>) {
      const lines = items.map((plan) => planLine(plan, call.planUrl(plan.id)));
      const rest = nextCursor === null ? [] : [`For more, call again with cursor ${nextCursor}.`];
      const none = items.length === 0 ? ['There is none.'] : [];
      return { structured: { items: lines, nextCursor }, text: [...none, ...lines.map(lineText), ...rest].join('\n') };
    },
  }),
  operationTool({
    name: 'list_approvals',
    title: 'List what waits for people',
    description: 'Plans that wait for votes and steps that ask, oldest first, with the digest that people decide on.',
    annotations: READS,
    operation: 'listApprovals',
    own: z.strictObject({ offset }),
    output: z.object({ items: z.array(approvalItemSchema), total: z.int(), nextOffset: z.int().nullable() }),
    show({ body, own }: Answered<{ items: ApprovalItem[] }, { offset: number }>) {
      const part = partOf(body.items, own.offset, (item) => ({ ...item, title: oneLine(item.title, TITLE_CHARACTERS) }));
      const lines = part.items.map(({ planId: id, stepId, digest, title, approvals }) => {
        const where = stepId === undefined ? `plan ${id}` : `step ${stepId} of plan ${id}`;
        return `- ${where} (${digest}), ${approvals.have} of ${approvals.count}: ${title}`;
      });
      const none = body.items.length === 0 ? ['Nothing waits for a person.'] : [];
      return { structured: part, text: [...none, ...lines, ...restRemark(part, own.offset, 'items')].join('\n') };
    },
  }),
];
