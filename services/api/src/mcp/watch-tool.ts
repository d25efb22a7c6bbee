/** Waiting for a plan: until it has ended, needs a person, or time is up. */
import { type Event, type EventType, isEndedStep, linkSignals, type Plan, parseChildId, stepStatusAfter } from '@countersign/shared';
import { z } from 'zod';
import { EVENT_ID, isOver } from '../event-stream.ts';
import { noPlan } from '../plan-answers.ts';
import { briefText, nextFor, planBrief, planBriefSchema, waitsFor } from './plan-brief.ts';
import { type Answered, type McpTool, operationTool, planId, READS, type Shown, type ToolCall } from './tool.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_TIMEOUT_MS = 300_000;

/** After these a plan may need a person. */
const ASKING: readonly EventType[] = ['plan.created', 'plan.submitted', 'plan.revised', 'plan.paused', 'step.awaiting_approval'];
const ENDING: readonly EventType[] = [
  ...(['plan.completed', 'plan.partial', 'plan.failed', 'plan.cancelled'] as const),
  ...(['plan.rejected', 'plan.expired'] as const),
];

const input = z.strictObject({
  planId,
  after: z
    .string()
    .regex(EVENT_ID, 'must be `after` of an earlier answer, like 1772442990000-0')
    .optional()
    .describe('`after` of the answer before: waits for what comes then, also where the plan needs a person already.'),
  timeoutMs: z.int().min(0).max(MAX_TIMEOUT_MS).default(DEFAULT_TIMEOUT_MS).describe('How long to wait, in milliseconds.'),
});

const REASONS = {
  ended: 'the plan has ended',
  needs_person: 'the plan needs a person',
  timeout: 'nothing of that happened in time',
  shutting_down: 'this process is shutting down; another one goes on',
} as const;
type Reason = keyof typeof REASONS;

const output = z.object({
  plan: planBriefSchema,
  reason: z.enum(Object.keys(REASONS) as Reason[]).describe('why it answers'),
  after: z.string().describe('for the next call, to go on from here'),
  next: z.string(),
});

/** Counts the steps that have ended, each once, and tells the client: first how many had when it began. */
async function stepCounter(plan: Plan, report: ToolCall['report']): Promise<(event: Event) => Promise<void>> {
  const ended = new Set(plan.steps.filter(({ status }) => isEndedStep(status)).map(({ id }) => id));
  await report?.({ progress: ended.size, total: plan.steps.length, message: 'watching' });
  return async ({ type, stepId }: Event): Promise<void> => {
    if (report === null || stepId === undefined || parseChildId(stepId) !== null || ended.has(stepId)) return;
    const status = stepStatusAfter(type);
    if (status === undefined || !isEndedStep(status)) return;
    ended.add(stepId);
    await report({ progress: ended.size, total: plan.steps.length, message: `${stepId} ${status}` });
  };
}

/** Why to answer with the plan as it is now; null where there is nothing to say yet. */
function reasonNow(plan: Plan): Reason | null {
  if (isOver(plan)) return 'ended';
  return waitsFor(plan).length > 0 ? 'needs_person' : null;
}

async function watch(
  first: Plan,
  own: z.output<typeof input>,
  call: ToolCall,
): Promise<{ plan: Plan; reason: Reason; after: string } | null> {
  const { store, draining } = call.context;
  // The id before the plan: what happens between the two is told again, which does no harm.
  let after = own.after ?? (await store.lastEventId(first.id));
  let plan = (await store.getPlan(first.id)) ?? first;
  const now = reasonNow(plan);
  // Who comes back with `after` has been told what the plan needs.
  if (now === 'ended' || (now !== null && own.after === undefined)) return { plan, reason: now, after: await store.lastEventId(first.id) };
  const count = await stepCounter(plan, call.report);
  const until = linkSignals([call.signal, draining], own.timeoutMs);
  try {
    for await (const event of store.tailEvents(first.id, { after, signal: until.signal })) {
      after = event.id;
      await count(event);
      if (!ASKING.includes(event.type) && !ENDING.includes(event.type)) continue;
      const read = await store.getPlan(first.id);
      if (read === null) return null;
      plan = read;
      const reason = reasonNow(plan);
      if (reason !== null) return { plan, reason, after };
    }
  } finally {
    until.release();
  }
  const last = await store.getPlan(first.id);
  if (last === null) return null;
  const over = isOver(last);
  return { plan: last, reason: over ? 'ended' : draining.aborted ? 'shutting_down' : 'timeout', after };
}

async function show({ body, own, call }: Answered<{ plan: Plan }, z.output<typeof input>>): Promise<Shown> {
  const watched = await watch(body.plan, own, call);
  if (watched === null) return noPlan(own.planId);
  const { plan, reason, after } = watched;
  const brief = planBrief(plan, call.planUrl(plan.id));
  const next = nextFor(plan);
  const text = `${briefText(brief, next)}\nAnswered because ${REASONS[reason]}. To go on from here: after ${after}`;
  return { structured: { plan: brief, reason, after, next }, text };
}

export const watchTool: McpTool = operationTool({
  name: 'watch_plan',
  title: 'Wait for a plan',
  description:
    'Waits until the plan has ended, needs a person (a vote, an answer to a step, a resume) or time is up, and says how it stands. Without ' +
    '`after` it answers at once where the plan needs a person already; with `after` it waits for what comes next. Call it again with the ' +
    '`after` that it answers until the reason is `ended`.',
  annotations: READS,
  operation: 'readPlan',
  own: input,
  route: (own) => ({ params: { id: own.planId }, query: { format: 'json' } }),
  output,
  show,
});
