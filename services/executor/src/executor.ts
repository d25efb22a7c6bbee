/** An executor: takes step jobs, runs them, aborts what was stopped, and lets go in good order. */
import { Metrics } from '@countersign/service';
import { canonicalJson, type QueueLimits, STEPS_QUEUE, signedContract } from '@countersign/shared';
import type { Consumer, Store } from '@countersign/store';
import type { Toolbox } from '@countersign/tools';
import { announceTools } from './announce-tools.ts';
import { callTurns } from './call-turns.ts';
import { type ExecutorMeters, executorMeters } from './metrics.ts';
import { type Persistence, persist, waitMs } from './persist.ts';
import { revisionCache } from './revision-cache.ts';
import { type RunStepScope, runStep } from './run-step.ts';
import { NO_SECRETS, type Secrets } from './secrets/give-secrets.ts';
import type { StepLogger } from './step-log.ts';
import { stepsInHand } from './steps-in-hand.ts';

export interface ExecutorOptions {
  store: Store;
  toolbox: Toolbox;
  logger: StepLogger;
  /** when absent nobody is shown what it counts */
  meters?: ExecutorMeters;
  name: string;
  /** steps at the same time, of each queue */
  concurrency: number;
  /** absent: `steps` and every queue that a tool names */
  queues?: readonly string[] | undefined;
  /** what queues let through over the whole fleet */
  queueLimits?: ReadonlyMap<string, QueueLimits>;
  /** ms that running steps get to finish when the executor closes; then they are handed back */
  drainMs: number;
  /** absent: there are none */
  secrets?: Secrets;
  /** aborts what is still being started; absent: nobody wants that */
  signal?: AbortSignal;
}

export interface Executor {
  /** Takes no more steps, lets running ones finish within the limit, hands the rest back. */
  close(): Promise<void>;
}

/** A cancel reaches an executor by message; because a message can be lost, it also looks this often, in ms. */
const LOOK_FOR_HALTS_MS = 1_000;

/** Announces tools and conditions, sets the limits of queues and starts to take steps. */
export async function startExecutor({
  store,
  toolbox,
  logger,
  meters = executorMeters(new Metrics()),
  name,
  concurrency,
  queues,
  queueLimits = new Map(),
  drainMs,
  secrets = NO_SECRETS,
  signal,
}: ExecutorOptions): Promise<Executor> {
  const { tools, conditions } = toolbox;
  const inHand = stepsInHand();
  let isStarting = true;
  let closed = false;
  const persistence: Persistence = {
    wait: (ms) => waitMs(ms, isStarting ? signal : undefined),
    givenUp: () => closed,
    onRetry: (error) => logger.warn({ error: error.message }, 'Redis is away: trying again'),
  };
  const contracts = new Map<string, string>();
  const takeStock = (): void => {
    contracts.clear();
    for (const [tool, { contract }] of tools) contracts.set(tool, canonicalJson(signedContract(contract)));
  };
  takeStock();
  await persist(() => store.announceConditions([...conditions.keys()]), persistence);
  for (const [queue, limits] of queueLimits) await persist(() => store.limitQueue(queue, limits), persistence);
  // Before anything that is waited for: a tool that changes in the meantime must not be missed.
  const stopTakingStock = toolbox.onChange?.(takeStock);
  const named = [...tools.values()].flatMap(({ contract: { queue } }) => (queue === null ? [] : [queue]));
  const served = queues ?? [...new Set([STEPS_QUEUE, ...named, ...(toolbox.queues ?? [])])];
  const announcement = await announceTools(toolbox, { store, queues: [...served, ...queueLimits.keys()], persistence, logger });
  const scope: RunStepScope = {
    store,
    equipment: { tools, contracts, conditions, secretRules: secrets.rules },
    reachTool: (tool, signal) => toolbox.reach?.(tool, signal) ?? null,
    loadRevision: revisionCache(store),
    inHand,
    turns: callTurns(),
    logger,
    meters,
    executor: name,
    persistence,
    secrets,
  };

  const unsubscribe = await persist(() => store.onHalt(inHand.halt), persistence);
  isStarting = false;
  const look = setInterval(() => {
    const plans = inHand.plans();
    if (plans.length === 0) return;
    store.haltedPlans(plans).then(
      (halts) => halts.forEach(inHand.halt),
      (error: Error) => logger.debug({ error: error.message }, 'could not look for stopped plans'),
    );
  }, LOOK_FOR_HALTS_MS);

  const onError = (error: Error): void => logger.warn({ error: error.message }, 'queue connection');
  const consumers: Consumer[] = served.map((queue) =>
    store.consumeSteps((job, lease, early) => runStep({ job, queue, lease, early }, scope), {
      queue,
      concurrency,
      executor: name,
      persist: (call) => persist(call, scope.persistence),
      onError,
    }),
  );
  logger.info({ queues: served, concurrency, tools: [...tools.keys()], conditions: [...conditions.keys()] }, 'executor takes steps');

  return {
    async close() {
      const giveBack = setTimeout(() => {
        logger.warn({ plans: inHand.plans() }, 'handing back the steps that still run');
        inHand.abortAll('shutdown');
      }, drainMs);
      // A store that stays away must not keep the process alive for ever: its steps are delivered again elsewhere.
      const giveUp = setTimeout(() => {
        closed = true;
      }, drainMs + 5_000);
      await Promise.all(consumers.map((consumer) => consumer.close()));
      clearTimeout(giveBack);
      clearTimeout(giveUp);
      clearInterval(look);
      unsubscribe();
      stopTakingStock?.();
      closed = true;
      await announcement.stop();
    },
  };
}
