/** The product in one go: a task becomes a plan, a person countersigns it, two executors run it, everything ends. */
import { mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { ApiError, type Client, createClient } from '@countersign/client';
import { ACTOR_NAME, isEndedPlan, linkSignals, missingText, type Plan, type Task } from '@countersign/shared';
import { Interruption, type InterruptionWatch } from './interruption.ts';
import { liveProgress } from './live-progress.ts';
import { resultLines } from './plan-result.ts';
import { planLines } from './plan-table.ts';
import { type Asker, openAsker } from './question.ts';
import { keepOutOfGit, type Stack, startStack } from './stack.ts';
import { duration, plainText, type Terminal, wrap } from './terminal.ts';

const OBJECTIVE = 'Audit this repository and write a report to .countersign/audit.md';
const DEMO_ACTOR = 'demo';
const EXECUTORS = 2;
const PLANNING_LIMIT_MS = 10 * 60_000;
const POLL_MS = 100;
const CANCEL_LIMIT_MS = 5_000;
/** ms that the demo waits for what tools say of the steps; approval itself never waits for it */
const REVIEW_LIMIT_MS = 5_000;

/** The demo ends here, with this sentence and exit code 1. */
class DemoEnd extends Error {
  override readonly name = 'DemoEnd';
}

interface Demo {
  api: Client;
  terminal: Terminal;
  asker: Asker | null;
  signal: AbortSignal;
}

const userName = (): string => {
  try {
    const name = userInfo().username.replace(/[^\w.@-]/g, '_');
    return ACTOR_NAME.test(name) ? name : DEMO_ACTOR;
  } catch {
    return DEMO_ACTOR;
  }
};

function taskFailure(task: Task): string {
  const issues = task.rounds.at(-1)?.issues ?? [];
  const reason = task.error === null ? `the task is ${task.status}` : task.error.message;
  return [`There is no plan: ${reason}`, ...issues.map((issue) => `  ${issue.path}: ${issue.message}`)].join('\n');
}

async function makePlan({ api, signal, terminal }: Demo, objective: string): Promise<Plan> {
  const { id } = await api.submitTask({ objective }, { signal });
  const late = new DemoEnd(`There is no plan after ${duration(PLANNING_LIMIT_MS)}; the planner's log says more`);
  const limit = linkSignals([signal], PLANNING_LIMIT_MS);
  const task = await api
    .waitForTask(id, { signal: limit.signal })
    .catch((error: unknown) => {
      throw limit.timedOut ? late : error;
    })
    .finally(limit.release);
  if (task.planId === null) throw new DemoEnd(taskFailure(task));
  const round = task.rounds.at(-1);
  if (round !== undefined) {
    const by = round.planner === 'rules' ? 'by rules, without a model' : `by ${plainText(round.model ?? 'a model')}`;
    terminal.write(`Planned ${by}, in ${duration(task.rounds.reduce((sum, { durationMs }) => sum + durationMs, 0))}\n\n`);
  }
  return reviewedPlan({ api, signal }, task.planId);
}

/** The plan once its tools were asked what its steps will do. */
async function reviewedPlan({ api, signal }: Pick<Demo, 'api' | 'signal'>, planId: string): Promise<Plan> {
  const deadline = performance.now() + REVIEW_LIMIT_MS;
  for (;;) {
    const plan = await api.getPlan(planId, { signal });
    if (plan.reviewedAt !== null || plan.status !== 'pending_approval' || performance.now() > deadline) return plan;
    await new Promise((next) => setTimeout(next, POLL_MS));
    signal.throwIfAborted();
  }
}

const missing = ({ policy: { demands, submitters } }: Plan): string => missingText(demands, submitters);

async function countersign({ api, terminal, asker, signal }: Demo, plan: Plan): Promise<Plan> {
  if (plan.status !== 'pending_approval') {
    if (plan.autoApproved !== null) terminal.write(`Nobody has to approve it: ${plainText(plan.autoApproved)}\n`);
    return plan;
  }
  if (asker !== null && !(await asker.confirm('Countersign this plan?'))) {
    await api.reject(plan, { reason: 'not countersigned in the demo', signal });
    throw new DemoEnd('Not countersigned: the plan is rejected, nothing was run.');
  }
  const approved = await api.approve(plan, { signal });
  const who = asker === null ? `There is no terminal to ask on: approved as ${DEMO_ACTOR}` : `Countersigned by ${userName()}`;
  terminal.write(`${who}\n`);
  if (approved.status === 'pending_approval')
    throw new DemoEnd(`The policy asks for more than the demo can give: ${missing(approved)}. Nothing was run.`);
  return approved;
}

/** A gate asks in the middle of the run. */
async function decideGate({ api, terminal, asker, signal }: Demo, plan: Plan, stepId: string): Promise<void> {
  const step = plan.steps.find(({ id }) => id === stepId);
  if (step === undefined || step.status !== 'awaiting_approval') return;
  const question = typeof step.input.question === 'string' ? step.input.question : (step.approval?.message ?? 'May it run?');
  const effects = step.effects === null ? '' : `\n  effect: ${plainText(step.effects)}`;
  const gate = { planId: plan.id, stepId };
  const asks = `${stepId} asks: ${plainText(question)}${effects}`;
  if (asker === null) {
    terminal.write(`${asks}\n  approved as ${DEMO_ACTOR}\n`);
    await api.gates.approve(gate, { signal });
  } else if (step.tool === 'human.input') {
    await api.gates.approve(gate, { data: await asker.ask(`${asks} `), signal });
  } else {
    await api.gates[(await asker.confirm(asks)) ? 'approve' : 'reject'](gate, { signal });
  }
}

async function follow(demo: Demo, plan: Plan): Promise<Plan> {
  const { api, signal } = demo;
  const progress = liveProgress(plan, demo.terminal);
  demo.terminal.write('\n');
  try {
    for await (const event of api.events(plan.id, { signal })) {
      progress.show(event);
      if (event.type !== 'step.awaiting_approval' || event.stepId === undefined) continue;
      progress.clear();
      await decideGate(demo, await api.getPlan(plan.id, { signal }), event.stepId);
    }
  } finally {
    progress.clear();
  }
  return api.getPlan(plan.id, { signal });
}

/** A Redis that outlives the demo must not go on with the demo's plan. */
async function cancelUnfinished(stack: Stack, planId: string | null): Promise<void> {
  if (planId === null) return;
  const api = createClient({ url: stack.url, actor: DEMO_ACTOR });
  const signal = AbortSignal.timeout(CANCEL_LIMIT_MS);
  try {
    const { status } = await api.getPlan(planId, { signal });
    if (!isEndedPlan(status)) await api.cancel(planId, { reason: 'the demo was interrupted', signal });
  } catch {
    // The stack is ending anyway; the plan waits for a person or is reconciled by the next executor.
  }
}

function places(stack: Stack): string {
  const entries = { API: stack.url, Docs: `${stack.url}/docs`, Dashboard: `${stack.url}/admin/queues`, Logs: stack.logDir };
  return Object.entries(entries)
    .map(([name, place]) => `  ${name.padEnd(10)} ${place}\n`)
    .join('');
}

async function runDemo(demo: Demo, options: { objective: string; root: string; url: string; made(planId: string): void }): Promise<number> {
  const { terminal } = demo;
  terminal.write(`Task: ${plainText(options.objective)}\n`);
  const plan = await makePlan(demo, options.objective);
  options.made(plan.id);
  terminal.write(`${planLines(plan, terminal).join('\n')}\n`);
  terminal.write(`In full: ${options.url}/v1/plans/${plan.id}?format=markdown\n\n`);
  const ended = await follow(demo, await countersign(demo, plan));
  terminal.write(`\n${resultLines(ended, options.root, terminal).join('\n')}\n\n`);
  if (ended.status === 'completed')
    terminal.write(
      `${wrap('Everything is stopped again; npm start keeps it up: API on http://127.0.0.1:3000, /docs, /admin/queues', terminal.width).join('\n')}\n`,
    );
  return ended.status === 'completed' ? 0 : 1;
}

export interface DemoOptions {
  /** default: an audit of the workspace */
  objective: string | undefined;
  /** the folder that the plan's tools work in */
  root: string;
  env: NodeJS.ProcessEnv;
  terminal: Terminal;
  interruption: InterruptionWatch;
}

/** Runs the demo. Resolves to the exit code: 0 when the plan was completed, 1 with the reason otherwise, 130 after Ctrl-C. */
export async function demo(options: DemoOptions): Promise<number> {
  const { terminal, root, interruption } = options;
  const { signal } = interruption;
  const say = (line: string): void => terminal.write(`${line}\n`);
  const logDir = join(root, '.countersign', 'demo-logs');
  let stack: Stack | null = null;
  let planId: string | null = null;
  try {
    say(terminal.paint('bold', 'Countersign: an agent writes the plan, you countersign it, a fleet runs exactly that.'));
    mkdirSync(logDir, { recursive: true });
    keepOutOfGit(join(root, '.countersign'));
    // The demo talks to its own API on the loopback; keys would only lock it out of it.
    const { API_KEYS: _keys, ...env } = options.env;
    stack = await startStack({
      env,
      workspaceRoot: root,
      folder: root,
      host: '127.0.0.1',
      port: 0,
      executors: EXECUTORS,
      healthPort: null,
      logDir,
      redisDir: null,
      note: say,
      signal,
    });
    say(places(stack));
    const asker = openAsker(interruption);
    const api = createClient({ url: stack.url, actor: asker === null ? DEMO_ACTOR : userName() });
    const run = runDemo(
      { api, terminal, asker, signal },
      {
        objective: options.objective ?? OBJECTIVE,
        root,
        url: stack.url,
        made(id) {
          planId = id;
        },
      },
    );
    return await Promise.race([run, stack.failed]);
  } catch (error) {
    if (signal.aborted) {
      say(`\nInterrupted; stopping everything...`);
      return signal.reason instanceof Interruption ? signal.reason.exitCode : 1;
    }
    if (error instanceof DemoEnd) say(error.message);
    else if (error instanceof ApiError) say(`The API refused (${error.code ?? error.status}): ${error.message}`);
    else say(terminal.paint('red', error instanceof Error ? error.message : String(error)));
    return 1;
  } finally {
    if (stack !== null) {
      await cancelUnfinished(stack, planId);
      await stack.stop();
    }
  }
}
