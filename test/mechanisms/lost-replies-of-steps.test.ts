/** Replies that executors and planners lose. Each case is first played without a loss: afterwards the plan must look the same, and its events, too. */
import type { PlanningRound, StepJob } from '@countersign/shared';
import { openStore, type Store, StoreUnavailableError } from '@countersign/store';
import { describe, expect, test, vi } from 'vitest';
import {
  ADA,
  behindProxy,
  casesOf,
  claimed,
  direct,
  loseReply,
  PATIENT,
  serverUrl,
  story,
  useOneRedis,
  WAYS,
  waitingPlan,
} from './lost-replies.ts';
import { createPlan, Probe, probeStep, readPlan, stepIn, untilPlan } from './probe.ts';

useOneRedis();

interface Word {
  prepare(token: string): Promise<StepJob>;
  say(store: Store, job: StepJob, token: string): Promise<unknown>;
  /** the quick command that leaves this case to another one, whose reply is then the one that counts */
  behind?: 'claim-step' | 'complete-step';
  repeated: unknown;
  askedAgain?: true;
}

const DONE = { ok: true };
/** The step has moved on: docs/engine.md, complete. */
const MOVED_ON = { ok: false, refusal: 'stale_token' };
const error = (retryable: boolean) => ({ code: 'tool_error' as const, message: 'broken', retryable });

const WORDS: Record<string, Word> = {
  'claim of a queued step': {
    askedAgain: true,
    prepare: async () => {
      const { id: planId } = await createPlan(direct, { steps: [probeStep('a')] });
      return { planId, stepId: 'a', revision: 1, generation: 1, delivery: 1 };
    },
    say: (store, job, token) => store.claimStep(job, { token, executor: 'one' }),
    repeated: { ok: true, claim: { revision: 1, attempt: 1, taskId: null } },
  },
  'claim that takes a step over': {
    behind: 'claim-step',
    prepare: () => claimed('the one before'),
    say: (store, job, token) => store.claimStep(job, { token, executor: 'two' }),
    repeated: { ok: true, claim: { revision: 1, attempt: 1, taskId: null } },
  },
  begin: { askedAgain: true, prepare: claimed, say: (store, job, token) => store.beginStep({ ...job, token }, '{"x":1}'), repeated: DONE },
  'complete in the middle': {
    askedAgain: true,
    prepare: claimed,
    say: (store, job, token) => store.completeStep({ ...job, token }, '1'),
    repeated: DONE,
  },
  'complete after another attempt': {
    behind: 'complete-step',
    prepare: async (token) => {
      const job = await claimed('before');
      await direct.failStep({ ...job, token: 'before' }, { error: error(true), delayMs: 0 });
      const again = { ...job, delivery: 2 };
      await direct.claimStep(again, { token, executor: 'one' });
      return again;
    },
    say: (store, job, token) => store.completeStep({ ...job, token }, '1'),
    repeated: DONE,
  },
  'complete at the end': {
    askedAgain: true,
    behind: 'complete-step',
    prepare: async (token) => {
      const { id: planId } = await createPlan(direct, { steps: [probeStep('a')] });
      const job = { planId, stepId: 'a', revision: 1, generation: 1, delivery: 1 };
      await direct.claimStep(job, { token, executor: 'one' });
      return job;
    },
    say: (store, job, token) => store.completeStep({ ...job, token }, '1'),
    repeated: DONE,
  },
  'fail for now': {
    askedAgain: true,
    prepare: claimed,
    say: (store, job, token) => store.failStep({ ...job, token }, { error: error(true), delayMs: 0 }),
    repeated: MOVED_ON,
  },
  'fail until later': {
    prepare: claimed,
    say: (store, job, token) => store.failStep({ ...job, token }, { error: error(true), delayMs: 60_000 }),
    repeated: MOVED_ON,
  },
  'fail for good': {
    askedAgain: true,
    prepare: (token) => claimed(token, { onError: 'continue' }),
    say: (store, job, token) => store.failStep({ ...job, token }, { error: error(false), delayMs: 0 }),
    repeated: MOVED_ON,
  },
  release: { prepare: claimed, say: (store, job, token) => store.releaseStep({ ...job, token }), repeated: MOVED_ON },
  decline: { prepare: claimed, say: (store, job, token) => store.declineStep({ ...job, token }), repeated: MOVED_ON },
  ask: {
    prepare: (token) => claimed(token, { approval: {}, when: '1 == 1' }),
    say: (store, job, token) => store.askApproval({ ...job, token }, { resolvedInput: null, message: 'May it?' }),
    repeated: MOVED_ON,
  },
  expand: {
    prepare: (token) => claimed(token, { forEach: [1, 2] }),
    say: (store, job, token) => store.expandStep({ ...job, token }, ['1', '2']),
    repeated: MOVED_ON,
  },
};

/** Says the word without a loss; afterwards Redis knows its scripts, which are sent whole the first time. */
async function rehearsed({ prepare, say }: Word): Promise<string> {
  const token = crypto.randomUUID();
  const job = await prepare(token);
  expect(await say(direct, job, token)).toMatchObject({ ok: true });
  return job.planId;
}

describe.concurrent.each(WAYS)('the reply to an executor is lost, the connection is %s', (way) => {
  test.each(casesOf(WORDS, way))('%s: it was done once', async (_name, word) => {
    const without = await rehearsed(word);
    const token = crypto.randomUUID();
    const job = await word.prepare(token);
    let lost: Promise<void> | null = null;
    let lose = (): void => {};
    const onCommand = ({ name }: { name: string }): void => {
      if (name === word.behind) lose();
    };
    await behindProxy(
      async (store, proxy) => {
        lose = () => {
          lost ??= loseReply(proxy, token, way);
        };
        if (word.behind === undefined) lose();
        const saying = word.say(store, job, token);
        if (way === WAYS[0]) expect(await saying).toEqual(word.repeated);
        else {
          await expect(saying).rejects.toThrow(StoreUnavailableError);
          expect(await story(job.planId)).toEqual(await story(without));
          proxy.refuse(false);
          await vi.waitFor(() => store.ping(), PATIENT);
        }
        expect(lost, 'no reply was lost').not.toBeNull();
        await lost;
        expect(await word.say(store, job, token)).toEqual(word.repeated);
        expect(await story(job.planId)).toEqual(await story(without));
      },
      { onCommand },
    );
  });
});

test.concurrent('an executor whose replies are lost, each kind once, and Redis with one of them: every tool is called once for each attempt, and the plan completes', async () => {
  const probe = new Probe();
  probe.behaviour.set('completes', () => 'mark of completes');
  probe.behaviour.set('fails', (_call, number) => {
    if (number === 1) throw new Error('mark of fails');
    return 'second';
  });
  // Under keys of its own: the steps of the other plans here are not to be taken.
  const own = { tag: 'own' };
  const direct = openStore({ redis: { url: serverUrl() }, ...own });
  await behindProxy(async (store, proxy) => {
    const plan = await createPlan(
      direct,
      {
        input: { word: 'mark of begins' },
        steps: [
          probeStep('claims'),
          probeStep('begins', { input: { said: '{{input.word}}' } }),
          probeStep('completes'),
          probeStep('fails', { retry: { maxAttempts: 2, delayMs: 0 } }),
          probeStep('after', { dependsOn: ['claims', 'begins', 'completes', 'fails'] }),
        ],
        options: { maxParallelSteps: 5 },
      },
      1,
    );
    // Of the requests of an executor that starts, only the claim has the plan's id right before its step's.
    const claim = `${plan.id}\r\n$6\r\nclaims\r\n`;
    const lost = [claim, 'mark of begins', 'mark of fails'].map((marker) => loseReply(proxy, marker, WAYS[0]));
    const away = loseReply(proxy, 'mark of completes', WAYS[1]);
    const close = await probe.startExecutor(store, 'one');
    try {
      const vote = { actor: ADA, digest: plan.digest, policyVersion: plan.policy.version };
      expect(await direct.approvePlan(plan.id, vote)).toMatchObject({ ok: true });
      await away;
      const isTold = ({ message }: { message: string }): boolean => message === 'Redis is away: trying again';
      await vi.waitFor(() => expect(probe.log.some(isTold)).toBe(true), PATIENT);
      proxy.refuse(false);
      await Promise.all(lost);
      const done = await untilPlan(direct, plan.id, 'completed');
      expect(probe.calls.map(({ stepId, attempt }) => `${stepId} ${attempt}`).toSorted()).toEqual([
        'after 1',
        'begins 1',
        'claims 1',
        'completes 1',
        'fails 1',
        'fails 2',
      ]);
      expect(stepIn(done, 'completes').output).toBe('mark of completes');
      const completed = (await direct.readEvents(plan.id)).filter(({ type }) => type === 'step.completed');
      expect(completed.map(({ stepId }) => stepId).toSorted()).toEqual(['after', 'begins', 'claims', 'completes', 'fails']);
    } finally {
      await close();
      await direct.close();
    }
  }, own);
});

const roundOf = (number: number, reply: string): PlanningRound => ({
  round: number,
  planner: 'openai',
  model: 'm',
  format: 'json_schema',
  promptVersion: '1',
  promptHash: null,
  startedAt: new Date(0).toISOString(),
  durationMs: 1,
  reply,
  issues: [],
  error: null,
  usage: { inputTokens: 10, outputTokens: 5, estimated: false, costUsd: null },
});

async function planningTask() {
  const request = { objective: 'x', input: {}, options: {}, tools: null, template: null };
  const created = await direct.createTask({ request, actor: ADA });
  if (!created.ok) throw new Error(created.refusal.message);
  const { id } = created.value;
  await direct.startPlanning(id, 'token');
  return {
    record: (store: Store, round: PlanningRound) => store.recordRound(id, 'token', round),
    read: async () => (await direct.getTask(id)) ?? { rounds: [], usage: null },
  };
}

async function planThatIsRevised() {
  const { id } = await waitingPlan();
  await direct.requestRevision(id, { actor: ADA, feedback: 'less' });
  const hold = { planId: id, number: 1, token: 'token' };
  await direct.startRequest(hold);
  return {
    record: (store: Store, round: PlanningRound) => store.recordRequestRound(hold, round),
    read: async () => {
      const { planning, usage } = await readPlan(direct, id);
      return { rounds: planning?.rounds ?? [], usage };
    },
  };
}

test.concurrent.each([
  ['a task', planningTask],
  ['a revision', planThatIsRevised],
])('a round of a planner on %s whose reply is lost is kept once, and what it cost is counted once', async (what, prepare) => {
  await behindProxy(async (store, proxy) => {
    const { record, read } = await prepare();
    await record(direct, roundOf(1, 'first'));
    const mark = `mark of the round on ${what}`;
    const lost = proxy.dropReply(mark);
    expect(await record(store, roundOf(2, mark))).toEqual({ ok: true, value: null });
    await lost;
    const { rounds, usage } = await read();
    expect(rounds.map(({ round }) => round)).toEqual([1, 2]);
    expect(usage).toMatchObject({ calls: 2, inputTokens: 20, outputTokens: 10 });
  });
});
