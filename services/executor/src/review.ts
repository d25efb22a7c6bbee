/**
 * Looks at what the steps of a revision will do, for the people who are to approve it. Tools are asked what they say of
 * their calls; nothing is run. It is advice: approval does not wait for it, and it is no part of what is signed.
 */
import { inSpan, inToolCall, keptContext, logIds, type SpanOptions } from '@countersign/service';
import {
  canonicalJson,
  type PlanContent,
  type PlanStatus,
  REVIEWS_QUEUE,
  type ReviewJob,
  signedContract,
  signedInput,
} from '@countersign/shared';
import type { Consumer, PlanReview, Store } from '@countersign/store';
import type { Tool } from '@countersign/tools';
import type { ExecutorMeters } from './metrics.ts';
import { REVIEW_LIMITS, type ReviewLimits, reviewSteps, type StepToReview } from './review-steps.ts';
import { NO_SECRETS, type Secrets } from './secrets/give-secrets.ts';
import type { StepLogger } from './step-log.ts';

export interface ReviewOptions {
  store: Pick<Store, 'getPlan' | 'getRevision' | 'recordReview' | 'consumeReviews' | 'readTrace'>;
  tools: ReadonlyMap<string, Tool>;
  logger: StepLogger;
  meters: Pick<ExecutorMeters, 'reviewed'>;
  limits?: Partial<ReviewLimits>;
  /** absent: there are none */
  secrets?: Secrets;
}

interface ReviewerScope extends Omit<ReviewOptions, 'limits' | 'meters' | 'secrets'> {
  limits: ReviewLimits;
  secrets: Secrets;
  /** aborts when the executor closes */
  signal: AbortSignal;
}

/** revisions at the same time: reviews stand behind the steps that run */
const AT_ONCE = 2;

const isAsking = (status: PlanStatus): boolean => status === 'draft' || status === 'pending_approval';

/** The plan's tools that are here now as they were signed, by name. */
function signedTools({ tools: signed }: PlanContent, { tools }: ReviewerScope): Map<string, Tool> {
  const here = Object.entries(signed).flatMap(([name, contract]): [string, Tool][] => {
    const tool = tools.get(name);
    return tool !== undefined && canonicalJson(signedContract(tool.contract)) === canonicalJson(contract) ? [[name, tool]] : [];
  });
  return new Map(here);
}

/** Gives a word for the dashboard. Throws where another executor may know more, so that the job is tried again. */
async function reviewRevision({ planId, revision }: ReviewJob, scope: ReviewerScope): Promise<string> {
  const { store, logger, limits, signal } = scope;
  const plan = await store.getPlan(planId);
  const written = await store.getRevision(planId, revision);
  if (plan === null || written === null) return 'the plan is gone';
  if (plan.revision !== revision || !isAsking(plan.status)) return 'nobody is to be asked about it any more';

  const { content } = written;
  const tools = signedTools(content, scope);
  const steps = new Map(content.steps.map((step) => [step.id, step]));
  // What another executor has found stays; what has completed in an earlier revision will not run again.
  const kept: PlanReview = {};
  const toAsk: StepToReview[] = [];
  const missing = new Set<string>();
  for (const { id, status, effects, dryRun } of plan.steps) {
    const step = steps.get(id);
    if (step === undefined || status !== 'pending') continue;
    const tool = tools.get(step.tool);
    if (effects !== null || dryRun !== null) kept[id] = { effects, dryRun };
    else if (tool === undefined) missing.add(step.tool);
    else toAsk.push({ step, tool });
  }

  const known = { input: content.input, task: { id: plan.taskId, objective: content.objective } };
  const { found, cutShort } = await reviewSteps(toAsk, {
    ...{ planId, known, signal, limits, secrets: scope.secrets },
    signed: signedInput(content.input),
    log:
      (stepId) =>
      (level, message, fields = {}) =>
        logger[level]({ ...fields, ...logIds({ taskId: plan.taskId, planId, revision, stepId }) }, message),
  });
  signal.throwIfAborted();
  if (cutShort)
    logger.info(
      { ...logIds({ taskId: plan.taskId, planId, revision }), steps: toAsk.length, found: Object.keys(found).length },
      'a review was cut short',
    );
  const isNews = plan.reviewedAt === null || Object.keys(found).length > 0;
  if (isNews && !(await store.recordReview({ planId, revision }, { ...kept, ...found }))) return 'nobody is to be asked about it any more';
  if (missing.size > 0) throw new Error(`this executor has not, as they were signed: ${[...missing].sort().join(', ')}; another one may`);
  return `${Object.keys(found).length} of ${toAsk.length} steps`;
}

const spanOptions = async ({ planId, revision }: ReviewJob, store: ReviewOptions['store']): Promise<SpanOptions> => ({
  parent: await keptContext(() => store.readTrace(planId)),
  kind: 'consumer',
  attributes: {
    'messaging.system': 'bullmq',
    'messaging.destination.name': REVIEWS_QUEUE,
    'messaging.operation.type': 'process',
    'countersign.plan.id': planId,
    'countersign.plan.revision': revision,
  },
});

/** Takes reviews until it is closed; one in hand is then left to another executor. */
export function startReviews({ store, tools, logger, meters, limits = {}, secrets = NO_SECRETS }: ReviewOptions): Consumer {
  const closing = new AbortController();
  const scope: ReviewerScope = { store, tools, logger, limits: { ...REVIEW_LIMITS, ...limits }, secrets, signal: closing.signal };
  const consumer = store.consumeReviews(
    async (job) => {
      const startedAt = performance.now();
      const ended = (outcome: 'finished' | 'failed'): void => meters.reviewed({ outcome, durationMs: performance.now() - startedAt });
      const ids = logIds({ planId: job.planId, revision: job.revision });
      try {
        const outcome = await inSpan('plan.review', await spanOptions(job, store), () => inToolCall(() => reviewRevision(job, scope)));
        ended('finished');
        logger.debug({ ...ids, outcome }, 'review ended');
        return outcome;
      } catch (error) {
        ended('failed');
        logger.debug({ ...ids, error: (error as Error).message }, 'a review was not finished: it is tried again later');
        throw error;
      }
    },
    { concurrency: AT_ONCE, onError: (error) => logger.warn({ error: error.message }, 'queue connection') },
  );
  return {
    async close() {
      closing.abort(new Error('the executor closes'));
      await consumer.close();
    },
  };
}
