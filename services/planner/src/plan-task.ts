/**
 * From a task's id to a stored plan. The stages: take the task, find the tools, ask the planner, check its plan, store it.
 * Whatever goes wrong on the way is recorded on the task; only the store's own faults and an interruption are thrown, so
 * that the queue delivers the job again.
 */
import {
  decidePolicy,
  digestOf,
  effectsOf,
  type PlanContent,
  type PlanDraft,
  type Task,
  type TaskError,
  type ToolContract,
  validatePlan,
} from '@countersign/shared';
import { type Outcome, type PlanStore, StoreUnavailableError, type TaskStore, type ToolCatalogue } from '@countersign/store';
import { invalidPlan, type Planner, toolsByName } from './planner.ts';

export type PlanningStore = Pick<TaskStore, 'startPlanning' | 'releasePlanning' | 'getTask' | 'recordRound' | 'failTask'> &
  Pick<PlanStore, 'createPlan'> &
  Pick<ToolCatalogue, 'listTools'>;

export interface PlanTaskDeps {
  store: PlanningStore;
  planner: Planner;
  /** a new name for this hold on the task */
  newToken: () => string;
  /** aborts when the service ends or the job is lost to another worker */
  signal: AbortSignal;
  /** milliseconds between two looks at whether the task was cancelled */
  watchEveryMs?: number;
  /** milliseconds that executors get to announce their tools, as they may start after the planner */
  toolsWithinMs?: number;
}

/** How planning ended. `dropped`: the task is not ours any more (cancelled, planned already, taken over). */
export type PlanTaskResult =
  | { outcome: 'planned'; planId: string }
  | { outcome: 'failed'; error: TaskError }
  | { outcome: 'dropped'; reason: string };

/** The service ends or lost the job: nothing was recorded, and another planner takes the task over. */
export class PlanningInterruptedError extends Error {
  override readonly name = 'PlanningInterruptedError';
}

const WATCH_EVERY_MS = 500;
const TOOLS_WITHIN_MS = 10_000;

/** Ends the work on a task that somebody else has ended. */
class TaskGoneError extends Error {
  override readonly name = 'TaskGoneError';
}

class PlanningFailedError extends Error {
  override readonly name = 'PlanningFailedError';
  readonly error: TaskError;
  constructor(error: TaskError) {
    super(error.message);
    this.error = error;
  }
}

/** One planner's hold on one task. */
interface Hold {
  task: Task;
  token: string;
  /** aborts with the reason why the work is over: a TaskGoneError, a PlanningInterruptedError */
  signal: AbortSignal;
}

export async function planTask(taskId: string, deps: PlanTaskDeps): Promise<PlanTaskResult> {
  const { store } = deps;
  const token = deps.newToken();
  const taken = await store.startPlanning(taskId, token);
  if (!taken.ok) return { outcome: 'dropped', reason: taken.refusal.message };
  const watch = watchTask({ taskId, token }, deps);
  const hold: Hold = { task: taken.value, token, signal: watch.signal };
  try {
    const tools = await findTools(hold, deps);
    const draft = await askPlanner(hold, tools, deps);
    const content = checkDraft(draft, hold.task, tools);
    const planId = await storePlan(content, hold, deps);
    return { outcome: 'planned', planId };
  } catch (thrown) {
    // An aborted call fails in whatever way the library chose; the reason for the abort is what counts.
    const cause: unknown = hold.signal.aborted ? hold.signal.reason : thrown;
    if (cause instanceof TaskGoneError) return { outcome: 'dropped', reason: cause.message };
    if (cause instanceof PlanningInterruptedError) {
      // Where this does not arrive, the task counts one loss too many: no reason to hold up the end.
      await store.releasePlanning(taskId, token).catch(() => {});
      throw cause;
    }
    if (cause instanceof StoreUnavailableError) throw cause;
    const error = cause instanceof PlanningFailedError ? cause.error : faultOf(cause);
    const failed = await store.failTask(taskId, token, error);
    return failed.ok ? { outcome: 'failed', error } : { outcome: 'dropped', reason: failed.refusal.message };
  } finally {
    watch.stop();
  }
}

function faultOf(cause: unknown): TaskError {
  const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return { code: 'planner_fault', message: `the planner broke down: ${text.slice(0, 1_000)}`, detail: {} };
}

/** Looks again and again whether the task is still to be planned, so that a cancel ends the call to the model. */
function watchTask({ taskId, token }: { taskId: string; token: string }, deps: PlanTaskDeps): { signal: AbortSignal; stop(): void } {
  const { store, signal: outer, watchEveryMs = WATCH_EVERY_MS } = deps;
  const controller = new AbortController();
  const interrupt = (): void => controller.abort(new PlanningInterruptedError(`planning of ${taskId} (${token}) was interrupted`));
  if (outer.aborted) interrupt();
  outer.addEventListener('abort', interrupt, { once: true });
  let timer: NodeJS.Timeout;
  const look = async (): Promise<void> => {
    // A look that fails says nothing; the write at the end meets the same store and decides.
    const task = await store.getTask(taskId).catch(() => undefined);
    if (controller.signal.aborted) return;
    if (task === null) controller.abort(new TaskGoneError('the task is gone'));
    else if (task !== undefined && task.status !== 'planning') controller.abort(new TaskGoneError(`the task is ${task.status}`));
    else timer = setTimeout(look, watchEveryMs);
  };
  timer = setTimeout(look, watchEveryMs);
  return {
    signal: controller.signal,
    stop: () => {
      clearTimeout(timer);
      outer.removeEventListener('abort', interrupt);
      // A look that is under way must not set a timer after the end.
      controller.abort(new TaskGoneError('planning has ended'));
    },
  };
}

/** The contracts that the plan may use. Waits a while for the first executor. */
async function findTools({ task, signal }: Hold, { store, watchEveryMs = WATCH_EVERY_MS, toolsWithinMs = TOOLS_WITHIN_MS }: PlanTaskDeps) {
  const deadline = performance.now() + toolsWithinMs;
  for (;;) {
    const announced = await store.listTools();
    const tools = announced.filter(({ name }) => task.tools === null || task.tools.includes(name));
    if (tools.length > 0) return tools;
    if (performance.now() >= deadline) throw new PlanningFailedError(noTools(task, announced));
    await pause(watchEveryMs, signal);
  }
}

function noTools({ tools }: Task, announced: readonly ToolContract[]): TaskError {
  const names = announced.map(({ name }) => name).sort();
  if (names.length === 0) {
    return { code: 'no_tools', message: 'no executor has announced its tools: start an executor and submit the task again', detail: {} };
  }
  return {
    code: 'no_tools',
    message: `none of the tools that the task allows (${tools?.join(', ') || 'an empty list'}) is there; there are ${names.join(', ')}`,
    detail: { allowed: tools ?? [], announced: names },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    if (signal.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}

async function askPlanner(
  { task, token, signal }: Hold,
  tools: readonly ToolContract[],
  { store, planner }: PlanTaskDeps,
): Promise<PlanDraft> {
  const answer = await planner.plan({
    objective: task.objective,
    input: task.input,
    tools,
    options: task.options,
    signal,
    onRound: async (round) => {
      // What an aborted call gave is no round of the task.
      if (signal.aborted) throw signal.reason;
      accepted(await store.recordRound(task.id, token, round));
    },
  });
  if (signal.aborted) throw signal.reason;
  if (!answer.ok) throw new PlanningFailedError(answer.error);
  return answer.draft;
}

/** A planner is not trusted to have checked: what is stored is what this validation made. */
function checkDraft(draft: PlanDraft, task: Task, tools: readonly ToolContract[]): PlanContent {
  const written = { ...draft, objective: task.objective, input: task.input, options: task.options };
  const result = validatePlan(written, { tools: toolsByName(tools), allowedTools: task.tools });
  if (!result.valid) throw new PlanningFailedError(invalidPlan(result.issues));
  return result.content;
}

async function storePlan(content: PlanContent, { task, token, signal }: Hold, { store, planner }: PlanTaskDeps): Promise<string> {
  const digest = await digestOf(content);
  if (signal.aborted) throw signal.reason;
  const created = await store.createPlan({
    content,
    digest,
    origin: planner.name,
    createdBy: task.createdBy,
    decision: decidePolicy(content.options, effectsOf(content)),
    task: { id: task.id, token },
  });
  return accepted(created).id;
}

/** A refusal means that the task was cancelled or that another planner holds it now. */
function accepted<Value>(outcome: Outcome<Value>): Value {
  if (!outcome.ok) throw new TaskGoneError(outcome.refusal.message);
  return outcome.value;
}
