/**
 * From what a plan asks to its answer. The stages of a revision: take the request, read the plan, find the tools, ask the
 * planner, check its plan, store it as a new revision; of a summary: take, read, ask, record. How it can end is said in
 * under-hold.ts.
 */
import {
  DEFAULT_POLICY,
  decidePolicy,
  digestOf,
  factsOf,
  type Plan,
  type PlanContent,
  type PlanDraft,
  type PlanningRequest,
  type PlanningRound,
  type PolicyVerdict,
  type Submitter,
  type TotalUsage,
  validatePlan,
  writtenOptions,
} from '@countersign/shared';
import type { PlanningRequests, PlanStore, PolicyNotice, RequestHold, TaskStore, ToolCatalogue } from '@countersign/store';
import { heldToApi } from './api-policy.ts';
import { type Fleet, findTools } from './find-tools.ts';
import type { PlanningDeps } from './plan-task.ts';
import { contextOf, deniedPlan, invalidPlan, type RevisionRequest } from './planner.ts';
import { accepted, type Ending, PlanningFailedError, WorkGoneError, workUnderHold } from './under-hold.ts';

export type RequestStore = PlanningRequests &
  Pick<PlanStore, 'getPlan' | 'revisePlan'> &
  Pick<TaskStore, 'getTask'> &
  Pick<PolicyNotice, 'announcedPolicy'> &
  Pick<ToolCatalogue, 'listTools' | 'listConditions'>;

/** How it ended. `dropped`: nobody waits for the answer any more (the plan has gone on without it), or another planner holds it. */
export type AnswerResult = { outcome: 'revised'; digest: string } | { outcome: 'summarised' } | Ending;

/** Reading a plan takes longer than reading a task: with it come its steps and all that they gave. */
const WATCH_EVERY_MS = 2_000;

type Deps = PlanningDeps<RequestStore>;

/** One planner's hold on one request. */
interface Work {
  hold: RequestHold;
  request: PlanningRequest;
  /** the plan when the request was taken */
  plan: Plan;
  /** aborts when the work is over */
  signal: AbortSignal;
  onRound(round: PlanningRound): Promise<void>;
}

export async function answerRequest(asked: { planId: string; request: number }, deps: Deps): Promise<AnswerResult> {
  const { store, signal, watchEveryMs = WATCH_EVERY_MS } = deps;
  const { planId } = asked;
  const hold: RequestHold = { planId, number: asked.request, token: deps.newToken() };
  const taken = await store.startRequest(hold);
  if (!taken.ok) return { outcome: 'dropped', reason: taken.refusal.message };
  const held = {
    what: `request ${hold.number} of ${planId}`,
    whyGone: async () => whyGone(await store.getPlan(planId), hold.number),
    release: () => store.releaseRequest(hold),
    fail: (error: Parameters<PlanningRequests['failRequest']>[1]) => store.failRequest(hold, error),
  };
  return workUnderHold<AnswerResult>(held, { signal, watchEveryMs }, async (until) => {
    const plan = await store.getPlan(planId);
    const gone = whyGone(plan, hold.number);
    if (plan === null || gone !== null) throw new WorkGoneError(gone ?? 'the plan is gone');
    deps.onTaken?.(plan);
    const onRound = async (round: PlanningRound): Promise<void> => {
      // What an aborted call gave is no round of the request.
      if (until.aborted) throw until.reason;
      accepted(await store.recordRequestRound(hold, round));
      deps.onRound?.(round);
    };
    const work: Work = { hold, request: taken.value, plan, signal: until, onRound };
    return work.request.kind === 'summarise' ? summarise(work, deps) : revise(work, deps);
  });
}

function whyGone(plan: Plan | null, number: number): string | null {
  if (plan === null) return 'the plan is gone';
  const now = plan.planning;
  if (now === null || now.number !== number) return 'the plan asks for something else by now';
  return now.status === 'planning' ? null : `the request is ${now.status}`;
}

async function summarise({ hold, plan, signal, onRound }: Work, { store, planner }: Deps): Promise<AnswerResult> {
  const answer = await planner.summarise({ plan, used: plan.usage, signal, onRound });
  if (signal.aborted) throw signal.reason;
  if (!answer.ok) throw new PlanningFailedError(answer.error);
  accepted(await store.recordResponse(hold, answer.response));
  return { outcome: 'summarised' };
}

async function revise(work: Work, deps: Deps): Promise<AnswerResult> {
  const { plan, signal } = work;
  const allowed = await allowedTools(plan, deps.store);
  const fleet = await findTools(deps.store, { allowed, signal, withinMs: deps.toolsWithinMs });
  const draft = await askPlanner(work, fleet, deps);
  const content = checkDraft(draft, plan, { fleet, allowed });
  const digest = await digestOf(content);
  if (digest === plan.digest) throw new PlanningFailedError(noChange());
  if (signal.aborted) throw signal.reason;
  await storeRevision({ content, digest }, work, deps);
  return { outcome: 'revised', digest };
}

/** Those of the plan's task, and those that people have put into the plan since. A task that is gone allows nothing more. */
async function allowedTools(plan: Plan, store: Pick<TaskStore, 'getTask'>): Promise<string[] | null> {
  if (plan.taskId === null) return null;
  const task = await store.getTask(plan.taskId);
  if (task?.tools === null) return null;
  return [...new Set([...(task?.tools ?? []), ...plan.steps.map(({ tool }) => tool)])];
}

/** A revision by feedback is that of the person who gave it; what the engine asks for stays whose it was. */
const submitterOf = ({ request: { requestedBy, requestedByRoles }, plan }: Pick<Work, 'request' | 'plan'>): Submitter =>
  requestedBy === null ? plan.policy.submitter : { actor: requestedBy, roles: requestedByRoles };

interface Judging {
  work: Work;
  deps: Deps;
  /** absent: what it was when the request was taken */
  usage?: TotalUsage | undefined;
}

function judge(content: PlanContent, { work, deps: { planner, policy }, usage = work.plan.usage }: Judging): PolicyVerdict {
  const facts = factsOf(content, { submitter: submitterOf(work), origin: planner.name, rewritten: true, usage });
  return decidePolicy(policy?.() ?? DEFAULT_POLICY, facts);
}

async function askPlanner(work: Work, fleet: Fleet, deps: Deps): Promise<PlanDraft> {
  const { request, plan, signal, onRound } = work;
  const { planner } = deps;
  const { objective, input } = plan;
  const denial = (content: PlanContent): PolicyVerdict | null => {
    const verdict = judge(content, { work, deps });
    return verdict.outcome === 'deny' ? verdict : null;
  };
  const asked = { plan, objective, input, options: writtenOptions(plan.options), used: plan.usage, ...fleet, denial, signal, onRound };
  const answer = await (request.kind === 'revise'
    ? planner.revise({ ...asked, feedback: request.feedback ?? '' } satisfies RevisionRequest)
    : planner.replan(asked));
  if (signal.aborted) throw signal.reason;
  if (!answer.ok) throw new PlanningFailedError(answer.error);
  return answer.draft;
}

/** A planner is not trusted to have checked: what is stored is what this validation made. */
function checkDraft(draft: PlanDraft, plan: Plan, { fleet, allowed }: { fleet: Fleet; allowed: string[] | null }): PlanContent {
  const written = { ...draft, objective: plan.objective, input: plan.input, options: writtenOptions(plan.options) };
  const result = validatePlan(written, { ...contextOf(fleet), allowedTools: allowed });
  if (!result.valid) throw new PlanningFailedError(invalidPlan(result.issues));
  return result.content;
}

const noChange = () => ({
  code: 'no_change',
  message: 'the planner wrote the plan that is there already, to the letter: there is nothing new to approve',
  detail: {},
});

async function storeRevision({ content, digest }: { content: PlanContent; digest: string }, work: Work, deps: Deps): Promise<void> {
  const { hold, request, plan } = work;
  const { store, planner } = deps;
  // With what models took for this very revision.
  const verdict = await heldToApi(judge(content, { work, deps, usage: (await store.getPlan(plan.id))?.usage }), store);
  if (verdict.outcome === 'deny') throw new PlanningFailedError(deniedPlan(verdict));
  const revised = await store.revisePlan(plan.id, {
    content,
    digest,
    origin: planner.name,
    promptVersion: planner.promptVersion,
    actor: { id: request.requestedBy ?? 'planner', roles: request.requestedByRoles },
    submitter: submitterOf(work),
    decision: verdict,
    basedOn: plan.digest,
    request: hold,
  });
  if (revised.ok) return;
  // Where the plan has gone on but still asks, the request must not stay open: to fail it decides which of both it is.
  const { code, message, detail } = revised.refusal;
  throw new PlanningFailedError({ code, message, detail });
}
