/** The edges of the engine that a person would ask about, on the model and on the store alike. */
import type { PlanStatus, StepDraft, StepReason, StepStatus } from '@countersign/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOOL } from './generators.ts';
import { STALE_DIGEST } from './moves.ts';
import type { Command } from './plan-state.ts';
import { modelSide, type Side, storeSide } from './sides.ts';
import { createCommand, openTrial, START, type Trial } from './trial.ts';

/** A call and its reply: `ok`, or the word of the refusal. A number is time that passes, in milliseconds. */
type Call = readonly [Command | ((digest: string) => Command), string] | number;

interface Case {
  name: string;
  steps: (Omit<StepDraft, 'tool'> & { tool?: string })[];
  maxParallelSteps?: number;
  /** 0 when left out: the plan starts at once */
  quorum?: number;
  draft?: boolean;
  calls: Call[];
  ends: {
    plan: PlanStatus | null;
    steps: Record<string, StepStatus>;
    attempts?: Record<string, number>;
    /** of each step that has one: its kind, and the failed step behind it where there is one */
    reasons?: Record<string, StepReason['kind'] | `${StepReason['kind']} ${string}`>;
    /** the types of the last events, with their steps */
    events?: string[];
  };
}

const approve =
  (actor: string) =>
  (digest: string): Command => ({ do: 'approve', actor, digest, comment: null });
const reject =
  (actor: string) =>
  (digest: string): Command => ({ do: 'reject', actor, digest, reason: 'not like this' });
const approveStale: Command = { do: 'approve', actor: 'ann', digest: STALE_DIGEST, comment: null };
const cancel: Command = { do: 'cancel', actor: 'ann', reason: null };
const claim = (stepId: string, token: string, delivery = 1): Command => ({
  do: 'claim',
  stepId,
  generation: 1,
  delivery,
  token,
  executor: `executor of ${token}`,
});
const begin = (stepId: string, token: string): Command => ({ do: 'begin', stepId, token, resolvedInput: null });
const complete = (stepId: string, token: string): Command => ({ do: 'complete', stepId, token, output: '{"done":true}' });
const fail = (stepId: string, token: string): Command => ({
  do: 'fail',
  stepId,
  token,
  error: { code: 'tool_error', message: 'no use', retryable: false },
  delayMs: 0,
});
const failRetryable = (stepId: string, token: string, delayMs: number): Command => ({
  do: 'fail',
  stepId,
  token,
  error: { code: 'timeout', message: 'try again', retryable: true },
  delayMs,
});
const release = (stepId: string, token: string): Command => ({ do: 'release', stepId, token });

const CASES: Case[] = [
  {
    name: 'approving twice: the second vote of the same actor is refused and does not count',
    steps: [{ id: 'a' }],
    quorum: 2,
    calls: [
      [approve('ann'), 'ok'],
      [approve('ann'), 'already_voted'],
    ],
    ends: { plan: 'pending_approval', steps: { a: 'pending' }, reasons: { a: 'plan_not_started' } },
  },
  {
    name: 'approving twice: a vote after the quorum finds the plan executing',
    steps: [{ id: 'a' }],
    quorum: 2,
    calls: [
      [approve('ann'), 'ok'],
      [approve('bob'), 'ok'],
      [approve('cas'), 'wrong_state'],
    ],
    ends: {
      plan: 'executing',
      steps: { a: 'queued' },
      events: ['plan.voted', 'plan.approved', 'plan.started', 'step.ready a', 'step.queued a'],
    },
  },
  {
    name: 'approving a stale digest is refused, and the right one still counts',
    steps: [{ id: 'a' }],
    quorum: 1,
    calls: [
      [approveStale, 'stale_digest'],
      [approve('ann'), 'ok'],
    ],
    ends: { plan: 'executing', steps: { a: 'queued' } },
  },
  {
    name: 'approving a draft is refused until it is submitted',
    steps: [{ id: 'a' }],
    quorum: 1,
    draft: true,
    calls: [
      [approve('ann'), 'wrong_state'],
      [{ do: 'submit', actor: 'ann' }, 'ok'],
      [{ do: 'submit', actor: 'ann' }, 'wrong_state'],
      [approve('ann'), 'ok'],
    ],
    ends: { plan: 'executing', steps: { a: 'queued' } },
  },
  {
    name: 'approving a cancelled plan is refused',
    steps: [{ id: 'a' }],
    quorum: 1,
    calls: [
      [cancel, 'ok'],
      [approve('ann'), 'wrong_state'],
    ],
    ends: {
      plan: 'cancelled',
      steps: { a: 'cancelled' },
      reasons: { a: 'plan_cancelled' },
      events: ['step.cancelled a', 'plan.cancelled'],
    },
  },
  {
    name: 'reject then approve: a rejected plan stays rejected and its steps pending',
    steps: [{ id: 'a' }],
    quorum: 1,
    calls: [
      [reject('ann'), 'ok'],
      [approve('bob'), 'wrong_state'],
      [reject('bob'), 'wrong_state'],
    ],
    ends: { plan: 'rejected', steps: { a: 'pending' }, events: ['plan.submitted', 'plan.rejected'] },
  },
  {
    name: 'cancelling twice: the second is refused and writes nothing',
    steps: [{ id: 'a' }, { id: 'b', dependsOn: ['a'] }],
    calls: [
      [cancel, 'ok'],
      [cancel, 'wrong_state'],
    ],
    ends: {
      plan: 'cancelled',
      steps: { a: 'cancelled', b: 'cancelled' },
      events: ['step.queued a', 'step.cancelled a', 'step.cancelled b', 'plan.cancelled'],
    },
  },
  {
    name: 'running -> cancelled: a late completion is refused, and so is every other word of the executor',
    steps: [{ id: 'a' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [cancel, 'ok'],
      [begin('a', 't1'), 'plan_not_executing'],
      [complete('a', 't1'), 'plan_not_executing'],
      [fail('a', 't1'), 'plan_not_executing'],
      [release('a', 't1'), 'plan_not_executing'],
      [claim('a', 't2'), 'plan_not_executing'],
    ],
    ends: { plan: 'cancelled', steps: { a: 'cancelled' }, events: ['step.cancelled a', 'plan.cancelled'] },
  },
  {
    name: 'a claim whose reply was lost is answered again without a second start',
    steps: [{ id: 'a' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('a', 't1'), 'ok'],
    ],
    ends: { plan: 'executing', steps: { a: 'running' }, attempts: { a: 1 }, events: ['step.queued a', 'step.started a'] },
  },
  {
    name: 'a takeover after a crash keeps the attempt, and a completion with the old token is refused',
    steps: [{ id: 'a' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('a', 't2'), 'ok'],
      [begin('a', 't1'), 'stale_token'],
      [complete('a', 't1'), 'stale_token'],
      [complete('a', 't2'), 'ok'],
    ],
    ends: {
      plan: 'completed',
      steps: { a: 'completed' },
      attempts: { a: 1 },
      events: ['step.started a', 'step.started a', 'step.completed a', 'plan.completed'],
    },
  },
  {
    name: 'the completion that ended the plan is answered again when its reply was lost',
    steps: [{ id: 'a' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [complete('a', 't1'), 'ok'],
      [complete('a', 't1'), 'ok'],
      [complete('a', 't2'), 'plan_not_executing'],
    ],
    ends: { plan: 'completed', steps: { a: 'completed' }, events: ['step.completed a', 'plan.completed'] },
  },
  {
    name: 'a step whose executors crash too often fails, and stops its plan',
    steps: [{ id: 'a', retry: { maxAttempts: 3 } }, { id: 'b', dependsOn: ['a'] }, { id: 'c' }],
    maxParallelSteps: 1,
    calls: [...Array.from({ length: 10 }, (_, at): Call => [claim('a', `t${at}`), 'ok']), [claim('a', 't10'), 'too_many_crashes']],
    ends: {
      plan: 'failed',
      steps: { a: 'failed', b: 'skipped', c: 'cancelled' },
      attempts: { a: 1 },
      reasons: { b: 'dependency_failed a', c: 'plan_stopped' },
      events: ['step.failed a', 'step.skipped b', 'step.cancelled c', 'plan.failed'],
    },
  },
  {
    name: 'a backoff gives its place to another step and is not over before its time',
    steps: [{ id: 'a', retry: { maxAttempts: 2 } }, { id: 'b' }],
    maxParallelSteps: 1,
    calls: [[claim('a', 't1'), 'ok'], [failRetryable('a', 't1', 1_000), 'ok'], 999, [claim('a', 't2', 2), 'not_due']],
    ends: {
      plan: 'executing',
      steps: { a: 'retrying', b: 'queued' },
      reasons: { a: 'backoff', b: 'queued' },
      events: ['step.retrying a', 'step.queued b'],
    },
  },
  {
    name: 'a due step that finds the cap full is parked, and queued once there is room',
    steps: [{ id: 'a', retry: { maxAttempts: 2 } }, { id: 'b' }, { id: 'c' }],
    maxParallelSteps: 1,
    calls: [
      [claim('a', 't1'), 'ok'],
      [failRetryable('a', 't1', 1_000), 'ok'],
      1_000,
      [claim('a', 't2', 2), 'parked'],
      [claim('b', 't3'), 'ok'],
      [complete('b', 't3'), 'ok'],
      // It comes before c, as it does in the array, and with a delivery of its own.
      [claim('a', 't4', 2), 'stale_delivery'],
      [claim('c', 't5', 1), 'stale_delivery'],
      [claim('a', 't6', 3), 'ok'],
    ],
    ends: {
      plan: 'executing',
      steps: { a: 'running', b: 'completed', c: 'ready' },
      attempts: { a: 2 },
      reasons: { c: 'cap' },
      events: ['step.completed b', 'step.queued a', 'step.started a'],
    },
  },
  {
    name: 'a due step that finds room is queued and running at once',
    steps: [{ id: 'a', retry: { maxAttempts: 2 } }],
    calls: [[claim('a', 't1'), 'ok'], [failRetryable('a', 't1', 1_000), 'ok'], 1_000, [claim('a', 't2', 2), 'ok']],
    ends: {
      plan: 'executing',
      steps: { a: 'running' },
      attempts: { a: 2 },
      events: ['step.retrying a', 'step.queued a', 'step.started a'],
    },
  },
  {
    name: 'a step that failed its last attempt retryably fails',
    steps: [{ id: 'a', retry: { maxAttempts: 2 } }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [failRetryable('a', 't1', 0), 'ok'],
      [claim('a', 't2', 2), 'ok'],
      [failRetryable('a', 't2', 0), 'ok'],
    ],
    ends: { plan: 'failed', steps: { a: 'failed' }, attempts: { a: 2 }, events: ['step.failed a', 'plan.failed'] },
  },
  {
    name: 'an executor that hands its step back does not cost it an attempt',
    steps: [{ id: 'a' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [release('a', 't1'), 'ok'],
      [complete('a', 't1'), 'stale_token'],
      [claim('a', 't2', 2), 'ok'],
    ],
    ends: {
      plan: 'executing',
      steps: { a: 'running' },
      attempts: { a: 1 },
      events: ['step.started a', 'step.retrying a', 'step.queued a', 'step.started a'],
    },
  },
  {
    name: 'stop: the plan ends failed only when what was running has ended',
    steps: [{ id: 'a' }, { id: 'b' }, { id: 'c' }],
    maxParallelSteps: 2,
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [begin('b', 't2'), 'plan_stopping'],
    ],
    ends: {
      plan: 'executing',
      steps: { a: 'failed', b: 'running', c: 'cancelled' },
      reasons: { c: 'plan_stopped' },
      events: ['step.failed a', 'step.cancelled c'],
    },
  },
  {
    name: 'stop: a running step that is handed back is cancelled, and the plan fails',
    steps: [{ id: 'a' }, { id: 'b' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [release('b', 't2'), 'ok'],
    ],
    ends: {
      plan: 'failed',
      steps: { a: 'failed', b: 'cancelled' },
      reasons: { b: 'plan_stopped' },
      events: ['step.failed a', 'step.cancelled b', 'plan.failed'],
    },
  },
  {
    name: 'stop: a step whose executor died meanwhile is cancelled instead of taken over',
    steps: [{ id: 'a' }, { id: 'b' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [claim('b', 't3'), 'plan_stopping'],
    ],
    ends: { plan: 'failed', steps: { a: 'failed', b: 'cancelled' }, events: ['step.cancelled b', 'plan.failed'] },
  },
  {
    name: 'stop: a completion meanwhile stands, and the plan fails all the same',
    steps: [{ id: 'a' }, { id: 'b' }, { id: 'c', dependsOn: ['b'] }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [complete('b', 't2'), 'ok'],
    ],
    ends: {
      plan: 'failed',
      steps: { a: 'failed', b: 'completed', c: 'cancelled' },
      events: ['step.failed a', 'step.cancelled c', 'step.completed b', 'plan.failed'],
    },
  },
  {
    name: 'stop: a retryable failure meanwhile is final',
    steps: [{ id: 'a' }, { id: 'b', retry: { maxAttempts: 3 } }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [failRetryable('b', 't2', 0), 'ok'],
    ],
    ends: { plan: 'failed', steps: { a: 'failed', b: 'failed' }, events: ['step.failed b', 'plan.failed'] },
  },
  {
    name: 'continue: some failed, some completed: partial',
    steps: [
      { id: 'a', onError: 'continue' },
      { id: 'b', onError: 'continue' },
    ],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [complete('b', 't2'), 'ok'],
    ],
    ends: { plan: 'partial', steps: { a: 'failed', b: 'completed' }, events: ['step.completed b', 'plan.partial'] },
  },
  {
    name: 'continue: everything failed and nothing completed: failed',
    steps: [
      { id: 'a', onError: 'continue' },
      { id: 'b', onError: 'continue' },
    ],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [fail('b', 't2'), 'ok'],
    ],
    ends: { plan: 'failed', steps: { a: 'failed', b: 'failed' }, events: ['step.failed b', 'plan.failed'] },
  },
  {
    name: 'continue: steps behind a failure are skipped in the order in which they are reached, each naming the step that failed',
    steps: [
      { id: 'end', dependsOn: ['left', 'right'] },
      { id: 'a', onError: 'continue' },
      { id: 'left', dependsOn: ['a'] },
      { id: 'right', dependsOn: ['a'] },
      { id: 'tail', dependsOn: ['left'] },
    ],
    calls: [
      [claim('a', 't1'), 'ok'],
      [fail('a', 't1'), 'ok'],
    ],
    ends: {
      plan: 'failed',
      steps: { end: 'skipped', a: 'failed', left: 'skipped', right: 'skipped', tail: 'skipped' },
      reasons: {
        end: 'dependency_failed a',
        left: 'dependency_failed a',
        right: 'dependency_failed a',
        tail: 'dependency_failed a',
      },
      events: ['step.failed a', 'step.skipped left', 'step.skipped right', 'step.skipped tail', 'step.skipped end', 'plan.failed'],
    },
  },
  {
    name: 'continue: a step behind two failures names the one that failed first',
    steps: [
      { id: 'a', onError: 'continue' },
      { id: 'b', onError: 'continue' },
      { id: 'c', dependsOn: ['a', 'b'] },
    ],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
    ],
    ends: { plan: 'failed', steps: { a: 'failed', b: 'failed', c: 'skipped' }, reasons: { c: 'dependency_failed b' } },
  },
  {
    name: 'a plan that is under way cannot be deleted; an ended one can, and then it is not found',
    steps: [{ id: 'a' }],
    calls: [
      [{ do: 'delete' }, 'wrong_state'],
      [claim('a', 't1'), 'ok'],
      [complete('a', 't1'), 'ok'],
      [{ do: 'delete' }, 'ok'],
      [{ do: 'delete' }, 'not_found'],
      [cancel, 'not_found'],
      [complete('a', 't1'), 'not_found'],
    ],
    ends: { plan: null, steps: {} },
  },
];

let trial: Trial;
beforeAll(async () => {
  trial = await openTrial();
});
afterAll(() => trial.close());

describe.each(['model', 'store'] as const)('the %s', (which) => {
  test.each(CASES)('$name', async ({ steps, maxParallelSteps = 3, quorum = 0, draft = false, calls, ends }) => {
    const { clock, store } = trial;
    clock.now = START;
    const plan = {
      objective: 'try an edge',
      options: { maxParallelSteps },
      steps: steps.map((step) => ({ tool: TOOL, ...step })),
    };
    const create = await createCommand({ plan, quorum, draft });
    const side: Side = which === 'model' ? modelSide(create, clock) : await storeSide(create, store);

    for (const call of calls) {
      if (typeof call === 'number') {
        clock.now += call;
        continue;
      }
      const command = typeof call[0] === 'function' ? call[0](create.digest) : call[0];
      const reply = await side.run(command);
      expect(reply.ok ? 'ok' : reply.refusal, `the reply to ${JSON.stringify(command)}`).toBe(call[1]);
    }

    const seen = await side.plan();
    expect(seen?.status ?? null).toBe(ends.plan);
    expect(Object.fromEntries(seen?.steps.map(({ id, status }) => [id, status]) ?? [])).toEqual(ends.steps);
    const attempts = Object.fromEntries(seen?.steps.map(({ id, attempt }) => [id, attempt]) ?? []);
    expect(attempts).toMatchObject(ends.attempts ?? {});
    const reasons = Object.fromEntries(
      seen?.steps.map(({ id, reason, failedStep }) => [id, failedStep === null ? reason : `${reason} ${failedStep}`]) ?? [],
    );
    expect(reasons).toMatchObject(ends.reasons ?? {});
    const events = (await side.events()).map(({ type, stepId }) => (stepId === undefined ? type : `${type} ${stepId}`));
    expect(events.slice(-(ends.events?.length ?? 0))).toEqual(ends.events ?? events);
  });
});
