/** Having something carried out, with calls back on the way. */
import type { Event, Plan, Task } from '@countersign/shared';
import type { Client } from './client.ts';
import { ApiError } from './errors.ts';
import type { NewPlan, NewTask } from './resources.ts';

/** An event of a step. The runs of a forEach step are steps of their own here, like `count[0]`. */
export type StepEvent = Event & { planId: string; stepId: string };

/** true: countersign it; with words, or a reason to reject it; false or nothing: leave it to others. */
export type Verdict = boolean | undefined | { comment: string } | { reject: string };

/**
 * What is called on the way, each at most once per event, in order, and waited for. One that throws ends the wait with its
 * error; the plan goes on by itself.
 */
export interface RunOptions {
  /** with the plan when there is one, and with each revision that comes afterwards */
  onPlan?(plan: Plan): unknown;
  /** decides the plan where people are asked, once for each revision and policy, as whoever the client is */
  approve?(plan: Plan): Verdict | Promise<Verdict>;
  /** with each attempt that begins. `plan` is as it was read last, which is not at each event */
  onStepStart?(event: StepEvent, plan: Plan): unknown;
  onStepComplete?(event: StepEvent, plan: Plan): unknown;
  /** when a step has failed for good; `event.data.error` says why */
  onStepFailed?(event: StepEvent, plan: Plan): unknown;
  /** with the plan as it ended, however it did: its `status` says */
  onPlanComplete?(plan: Plan): unknown;
  /** ends the wait, not the plan */
  signal?: AbortSignal | undefined;
}

/** There is no plan to wait for: its task has failed or was cancelled. */
export class NoPlanError extends Error {
  override readonly name = 'NoPlanError';
  readonly task: Task;

  constructor(task: Task) {
    super(`the task ${task.id} is ${task.status}, without a plan${task.error === null ? '' : `: ${task.error.message}`}`);
    this.task = task;
  }
}

type Work = NewTask | NewPlan | { id: string };

const STEP_CALLBACKS = {
  'step.started': 'onStepStart',
  'step.completed': 'onStepComplete',
  'step.failed': 'onStepFailed',
} as const;
/** After these a plan may be another, or wait for people. */
const TURNS: readonly Event['type'][] = ['plan.created', 'plan.revised', 'plan.submitted'];
/** Somebody else was first, or the plan has moved on; what becomes of it is seen in its events. */
const OVERTAKEN = ['stale_digest', 'wrong_state', 'already_voted', 'policy_changed'];

async function planIdOf(client: Client, work: Work, signal: AbortSignal | undefined): Promise<string> {
  const isNew = !('id' in work);
  if (isNew && 'steps' in work) return (await client.createPlan(work, { signal })).id;
  if (!isNew && work.id.startsWith('pln_')) return work.id;
  const { id } = isNew ? await client.submitTask(work, { signal }) : work;
  const task = await client.waitForTask(id, { signal });
  if (task.planId === null) throw new NoPlanError(task);
  return task.planId;
}

async function vote(client: Client, plan: Plan, { verdict, signal }: { verdict: Verdict; signal: AbortSignal | undefined }): Promise<void> {
  if (verdict === undefined || verdict === false) return;
  try {
    if (verdict === true) await client.approve(plan, { signal });
    else if ('reject' in verdict) await client.reject(plan, { reason: verdict.reject, signal });
    else await client.approve(plan, { comment: verdict.comment, signal });
  } catch (error) {
    if (!(error instanceof ApiError && error.code !== null && OVERTAKEN.includes(error.code))) throw error;
  }
}

/**
 * Makes a task or a plan, or takes one that is there (`{id}`), follows it, and resolves with the plan once it has ended.
 * Throws a NoPlanError where the task came to no plan, what a callback throws, what calls throw, or the signal's reason.
 */
export async function runAndWait(client: Client, work: Work, options: RunOptions = {}): Promise<Plan> {
  const { signal } = options;
  const planId = await planIdOf(client, work, signal);
  let plan = await client.getPlan(planId, { signal });
  let shown = 0;
  const decided = new Set<string>();

  const look = async (): Promise<void> => {
    plan = await client.getPlan(planId, { signal });
    if (plan.revision > shown) {
      shown = plan.revision;
      await options.onPlan?.(plan);
    }
    // Another policy asks anew, too: the votes so far are void then.
    const asked = `${plan.revision} ${plan.policy.version}`;
    if (options.approve === undefined || plan.status !== 'pending_approval' || decided.has(asked)) return;
    decided.add(asked);
    await vote(client, plan, { verdict: await options.approve(plan), signal });
  };

  for await (const event of client.events(planId, { signal })) {
    if (TURNS.includes(event.type)) await look();
    const callback = STEP_CALLBACKS[event.type as keyof typeof STEP_CALLBACKS];
    if (callback !== undefined && event.stepId !== undefined) await options[callback]?.({ ...event, planId, stepId: event.stepId }, plan);
  }
  plan = await client.getPlan(planId, { signal });
  await options.onPlanComplete?.(plan);
  return plan;
}
