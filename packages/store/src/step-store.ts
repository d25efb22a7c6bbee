/** Steps on Redis: what executors do to them. docs/engine.md says exactly what each command does. */
import { LIMITS, stepJobId } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import { parsePlanState } from './plan-state.ts';
import type { ClaimedStep, ClaimRefusal, Halt, Hold, RecordRefusal, RecordReply, StepOutcome, StepStore } from './step-contract.ts';

const recordReply = ([word]: readonly (string | number)[]): RecordReply =>
  word === 'ok' ? { ok: true } : { ok: false, refusal: word as RecordRefusal };

export function readClaim([, revision, attempt, taskId]: readonly string[]): ClaimedStep {
  return { revision: Number(revision), attempt: Number(attempt), taskId: taskId || null };
}

/** Whether running steps of a plan in this state are to abort, and which. */
function haltOf(state: string): Halt['kind'] | null {
  const { status, stopping } = parsePlanState(state);
  if (status !== 'executing' && status !== 'paused') return 'cancel';
  return stopping === '' ? null : 'stop';
}

/** What is read of a step for the references of others, by the prefix of its fields. */
const OUTCOME_FIELDS = ['', 'output:', 'error:', 'gate:', 'answer:', 'item:'] as const;

function readOutcome([state, output, error, gate, data, item]: readonly (string | null)[]): StepOutcome {
  const decision = (gate?.split('|')[3] || null) as NonNullable<StepOutcome['gate']>['decision'];
  return {
    status: state?.split('|')[0] ?? 'pending',
    output: output ?? null,
    error: error ?? null,
    gate: gate == null ? null : { decision, data: data ?? null },
    item: item ?? null,
  };
}

export function stepStore(connection: StoreConnection): StepStore {
  const { keys, redis } = connection;
  const record = async (script: string, hold: Hold, args: (string | number)[] = []): Promise<RecordReply> =>
    recordReply(
      await connection.run(script, { keys: [keys.plan(hold.planId)], id: hold.planId, args: [hold.stepId, hold.token, ...args] }),
    );

  const looksHeld = async ({ planId, stepId, token }: Hold): Promise<boolean> => {
    const [plan, step, approved] = await connection.attempt(() => redis.hmget(keys.planSteps(planId), '@', stepId, '='));
    const [state, , , , holder] = step?.split('|') ?? [];
    return (
      plan != null && haltOf(plan) === null && approved === String(parsePlanState(plan).revision) && state === 'running' && holder === token
    );
  };

  return {
    async claimStep({ planId, stepId, generation, delivery }, { token, executor, lock }) {
      const jobId = stepJobId(planId, stepId, generation, delivery);
      const call = {
        keys: [keys.plan(planId), ...(lock === undefined ? [] : [`${keys.bullPrefix}:${lock.queue}:${jobId}:lock`])],
        id: planId,
        args: [stepId, generation, delivery, token, JSON.stringify(executor), LIMITS.crashes, lock?.token ?? ''],
      };
      let reply = await connection.run('claim-step', call);
      if (reply[0] === 'unusual') reply = await connection.run('claim-step-anyhow', call);
      if (reply[0] === 'claimed') return { ok: true, claim: readClaim(reply as string[]) };
      const refusal = reply[0] as ClaimRefusal;
      return refusal === 'not_due'
        ? { ok: false, refusal, notBefore: Number(reply[1]), dueInMs: Number(reply[2]) }
        : { ok: false, refusal };
    },
    async readOutcomes(planId, stepIds) {
      const outcomes = new Map<string, StepOutcome>();
      if (stepIds.length === 0) return outcomes;
      const fields = stepIds.flatMap((id) => OUTCOME_FIELDS.map((field) => field + id));
      const values = await connection.attempt(() => redis.hmget(keys.planSteps(planId), ...fields));
      const width = OUTCOME_FIELDS.length;
      for (const [index, id] of stepIds.entries()) outcomes.set(id, readOutcome(values.slice(index * width, (index + 1) * width)));
      return outcomes;
    },
    declineStep: (hold) => record('decline-step', hold),
    askApproval: (hold, { resolvedInput, message, effects }) =>
      record('ask-approval', hold, [resolvedInput ?? '', JSON.stringify(message), effects == null ? '' : JSON.stringify(effects)]),
    expandStep: (hold, items) => record('expand-step', hold, [JSON.stringify(items)]),
    async beginStep(hold, resolvedInput) {
      // Nothing to write: a plain read is quicker than a script, and what refuses is the script all the same.
      if (resolvedInput === null && (await looksHeld(hold))) return { ok: true };
      return record('begin-step', hold, [resolvedInput ?? '']);
    },
    async completeStep(hold, output) {
      const reply = await record('complete-step', hold, [output]);
      return !reply.ok && (reply.refusal as string) === 'unusual' ? record('complete-step-anyhow', hold, [output]) : reply;
    },
    failStep: (hold, { error, delayMs }) => record('fail-step', hold, [JSON.stringify(error), error.retryable ? '1' : '0', delayMs]),
    releaseStep: (hold) => record('release-step', hold),
    reportProgress: (hold, progress) => record('report-progress', hold, [JSON.stringify(progress)]),
    async onHalt(handler) {
      return connection.subscribe(keys.haltChannel, (message) => {
        const [kind, planId = ''] = message.split(':');
        handler({ kind: kind as Halt['kind'], planId });
      });
    },
    async haltedPlans(planIds) {
      const states = await connection.attempt(() => Promise.all(planIds.map((id) => redis.hget(keys.planSteps(id), '@'))));
      return planIds.flatMap((planId, index) => {
        const kind = haltOf(states[index] ?? '');
        return kind === null ? [] : [{ planId, kind }];
      });
    },
  };
}
