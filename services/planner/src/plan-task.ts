/**
 * From a task's id to a stored plan. The stages: take the task, find the tools, ask the planner, check its plan, store it.
 * How it can end is said in under-hold.ts.
 */
import { inSpan } from '@countersign/service';
import {
  DEFAULT_POLICY,
  decidePolicy,
  digestOf,
  factsOf,
  type PlanContent,
  type PlanDraft,
  type PlanningRound,
  type PolicyInForce,
  type PolicyVerdict,
  type Task,
  validatePlan,
} from '@countersign/shared';
import type { PlanStore, PolicyNotice, TaskStore, ToolCatalogue } from '@countersign/store';
import { heldToApi } from './api-policy.ts';
import { type Fleet, findTools } from './find-tools.ts';
import { contextOf, deniedPlan, invalidPlan, type Planner } from './planner.ts';
import { createTemplatePlanner } from './template-planner.ts';
import { accepted, type Ending, PlanningFailedError, workUnderHold } from './under-hold.ts';

export type TaskPlanningStore = Pick<
  TaskStore,
  'startPlanning' | 'releasePlanning' | 'getTask' | 'getTaskDraft' | 'recordRound' | 'failTask'
> &
  Pick<PlanStore, 'createPlan'> &
  Pick<PolicyNotice, 'announcedPolicy'> &
  Pick<ToolCatalogue, 'listTools' | 'listConditions'>;

/** What planning needs besides the work itself. */
export interface PlanningDeps<Store> {
  store: Store;
  planner: Planner;
  /** the policy in force; absent: the default */
  policy?: () => PolicyInForce;
  /** a new name for this hold */
  newToken: () => string;
  /** aborts when the service ends or the job is lost to another worker */
  signal: AbortSignal;
  /** milliseconds between two looks at whether the work was ended by somebody else */
  watchEveryMs?: number;
  /** milliseconds that executors get to announce their tools, as they may start after the planner */
  toolsWithinMs?: number;
  /** called once the work is this planner's */
  onTaken?: (work: { taskId: string | null }) => void;
  /** called after each round that was recorded */
  onRound?: (round: PlanningRound) => void;
}

/** How planning ended. `dropped`: the task is not ours any more (cancelled, planned already, taken over). */
export type PlanTaskResult = { outcome: 'planned'; planId: string } | Ending;

const WATCH_EVERY_MS = 500;

/** One planner's hold on one task. */
interface TaskHold {
  task: Task;
  token: string;
  /** aborts when the work is over */
  signal: AbortSignal;
}

export async function planTask(taskId: string, deps: PlanningDeps<TaskPlanningStore>): Promise<PlanTaskResult> {
  const { store, signal, watchEveryMs = WATCH_EVERY_MS } = deps;
  const token = deps.newToken();
  const taken = await store.startPlanning(taskId, token);
  if (!taken.ok) return { outcome: 'dropped', reason: taken.refusal.message };
  const task = taken.value;
  deps.onTaken?.({ taskId });
  const held = {
    what: taskId,
    whyGone: async () => {
      const now = await store.getTask(taskId);
      if (now === null) return 'the task is gone';
      return now.status === 'planning' ? null : `the task is ${now.status}`;
    },
    release: () => store.releasePlanning(taskId, token),
    fail: (error: Parameters<TaskStore['failTask']>[2]) => store.failTask(taskId, token, error),
  };
  return workUnderHold<PlanTaskResult>(held, { signal, watchEveryMs }, async (until) => {
    const hold: TaskHold = { task, token, signal: until };
    const fleet = await findTools(store, { allowed: task.tools, signal: until, withinMs: deps.toolsWithinMs });
    const by = { store, planner: await plannerOf(task, deps), policy: deps.policy ?? (() => DEFAULT_POLICY), onRound: deps.onRound };
    const draft = await askPlanner(hold, fleet, by);
    const content = checkDraft(draft, task, fleet);
    return { outcome: 'planned', planId: await storePlan(content, hold, by) };
  });
}

/** Who plans the task, and where what comes of it is recorded. */
interface Planning {
  store: TaskPlanningStore;
  planner: Pick<Planner, 'name' | 'promptVersion' | 'plan'>;
  onRound: ((round: PlanningRound) => void) | undefined;
  policy: () => PolicyInForce;
}

/** Whose plan it is, and what it took, is the task's. */
const judge = (content: PlanContent, { createdBy, createdByRoles, usage }: Task, { planner, policy }: Planning): PolicyVerdict =>
  decidePolicy(
    policy(),
    factsOf(content, { submitter: { actor: createdBy, roles: createdByRoles }, origin: planner.name, rewritten: false, usage }),
  );

/** What a template came to was stored with the task, whatever the planner of this service is. */
async function plannerOf(task: Task, { store, planner }: PlanningDeps<TaskPlanningStore>): Promise<Planning['planner']> {
  if (task.template === null) return planner;
  const draft = await store.getTaskDraft(task.id);
  if (draft === null) throw new Error(`the task names the template ${task.template.name} and has no plan made from it`);
  return createTemplatePlanner(draft);
}

async function askPlanner({ task, token, signal }: TaskHold, { tools, conditions }: Fleet, by: Planning): Promise<PlanDraft> {
  const { store, planner, onRound } = by;
  const answer = await planner.plan({
    objective: task.objective,
    input: task.input,
    tools,
    conditions,
    options: task.options,
    used: task.usage,
    denial: (content) => {
      const verdict = judge(content, task, by);
      return verdict.outcome === 'deny' ? verdict : null;
    },
    signal,
    onRound: async (round) => {
      // What an aborted call gave is no round of the task.
      if (signal.aborted) throw signal.reason;
      accepted(await store.recordRound(task.id, token, round));
      onRound?.(round);
    },
  });
  if (signal.aborted) throw signal.reason;
  if (!answer.ok) throw new PlanningFailedError(answer.error);
  return answer.draft;
}

/** A planner is not trusted to have checked: what is stored is what this validation made. */
function checkDraft(draft: PlanDraft, task: Task, fleet: Fleet): PlanContent {
  const written = { ...draft, objective: task.objective, input: task.input, options: task.options };
  const result = validatePlan(written, { ...contextOf(fleet), allowedTools: task.tools });
  if (!result.valid) throw new PlanningFailedError(invalidPlan(result.issues));
  return result.content;
}

async function storePlan(content: PlanContent, { task, token, signal }: TaskHold, by: Planning): Promise<string> {
  const { store, planner } = by;
  const digest = await digestOf(content);
  // With what models took since the task was taken.
  const verdict = await heldToApi(judge(content, (await store.getTask(task.id)) ?? task, by), store);
  if (verdict.outcome === 'deny') throw new PlanningFailedError(deniedPlan(verdict));
  if (signal.aborted) throw signal.reason;
  return inSpan('plan.create', { attributes: { 'countersign.task.id': task.id } }, async (span) => {
    const created = await store.createPlan({
      content,
      digest,
      origin: planner.name,
      promptVersion: planner.promptVersion,
      createdBy: task.createdBy,
      createdByRoles: task.createdByRoles,
      decision: verdict,
      task: { id: task.id, token },
      trace: span.context,
    });
    const { id } = accepted(created);
    span.set({ 'countersign.plan.id': id, 'countersign.plan.steps': content.steps.length });
    return id;
  });
}
