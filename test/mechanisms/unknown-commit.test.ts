/**
 * A command that was carried out and whose reply was lost: nobody knows. Whoever repeats it, the connection by itself or the
 * caller after an error, hears what was done, and it was done once. Each case is first played without a loss: afterwards
 * the plan must look the same, and its events, too.
 */
import { createHash } from 'node:crypto';
import { Writable } from 'node:stream';
import { startApi } from '@countersign/api';
import { createLogger } from '@countersign/service';
import { digestOf, type Json, type Plan, type PlanningRound, type StepDraft, type StepJob } from '@countersign/shared';
import { type OpenStoreOptions, openStore, type Store, StoreUnavailableError } from '@countersign/store';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../faults/tcp-proxy.ts';
import { send, startTestRedis, type TestRedis } from '../redis/test-redis.ts';
import { createPlan, Probe, probeStep, readPlan, stepIn, untilPlan } from './probe.ts';

const PATIENT = { timeout: 20_000, interval: 25 };
const ADA = { id: 'ada', roles: ['admin' as const] };
const silent = createLogger({ service: 'api', destination: new Writable({ write: (_chunk, _encoding, done) => done() }) });

let server: TestRedis;
let direct: Store;
beforeAll(async () => {
  server = await startTestRedis();
  direct = openStore({ redis: { url: server.url } });
  // Contracts of the tool, without anybody who takes steps.
  const closeExecutor = await new Probe().startExecutor(direct, 'announces');
  await closeExecutor();
});
afterAll(async () => {
  await direct.close();
  await server.stop();
});

/** A store whose connections go through a proxy of its own. */
async function behindProxy<Value>(
  work: (store: Store, proxy: TcpProxy) => Promise<Value>,
  options: Pick<OpenStoreOptions, 'onCommand' | 'tag'> = {},
): Promise<Value> {
  const target = new URL(server.url);
  const proxy = await startTcpProxy(() => Number(target.port));
  const store = openStore({ redis: { url: `redis://127.0.0.1:${proxy.port}` }, ...options });
  try {
    return await work(store, proxy);
  } finally {
    await store.close();
    await proxy.close();
  }
}

/** What became of a plan, without what differs between two plans. */
async function story(planId: string): Promise<unknown> {
  const plan = await readPlan(direct, planId);
  const events = await direct.readEvents(planId);
  return {
    status: plan.status,
    revision: plan.revision,
    approvals: plan.approvals.map(({ actor }) => actor),
    planning: plan.planning?.number,
    steps: plan.steps.map(({ id, status, attempt, generation, output, error, resolvedInput, gate }) => [
      id,
      status,
      attempt,
      generation,
      output,
      error,
      resolvedInput,
      gate?.votes.length,
    ]),
    events: events.map(({ type, stepId, attempt, actor, data }) => [type, stepId, attempt, actor, data.delivery, data.takeover]),
  };
}

const WAYS = ['mended at once', 'away until the caller has given up'] as const;

/** Loses the reply to the next command that holds the marker; with the connection away, gives what brings it back. */
function loseReply(proxy: TcpProxy, marker: string, way: (typeof WAYS)[number]): Promise<void> {
  return proxy.dropReply(marker).then(() => {
    if (way !== WAYS[0]) proxy.refuse(true);
  });
}

/** A plan whose steps are taken by hand: `a` has been claimed with the token. */
async function claimed(token: string, more: Partial<StepDraft> = {}): Promise<StepJob> {
  const a = probeStep('a', { retry: { maxAttempts: 2, delayMs: 0 }, ...more });
  const { id: planId } = await createPlan(direct, { steps: [a, probeStep('b', { dependsOn: ['a'] }), probeStep('c')] });
  const job = { planId, stepId: 'a', revision: 1, generation: 1, delivery: 1 };
  expect(await direct.claimStep(job, { token, executor: 'one' })).toMatchObject({ ok: true });
  return job;
}

interface Word {
  prepare(token: string): Promise<StepJob>;
  say(store: Store, job: StepJob, token: string): Promise<unknown>;
  /** the quick command that leaves this case to another one, whose reply is then the one that counts */
  behind?: 'claim-step' | 'complete-step';
  repeated: unknown;
}

/** What stands for its like where the caller has to ask again, which takes a second each time. */
const ASKED_AGAIN = new Set([
  ...['claim of a queued step', 'begin', 'complete in the middle', 'complete at the end', 'fail for now', 'fail for good'],
  ...['a new plan that starts at once', 'a new task', 'approve', 'cancel of a running plan', 'retry', 'skip of a step'],
]);
const casesOf = <Case>(cases: Record<string, Case>, way: string): [string, Case][] =>
  Object.entries(cases).filter(([name]) => way === WAYS[0] || ASKED_AGAIN.has(name));

const DONE = { ok: true };
/** The step has moved on: docs/engine.md, complete. */
const MOVED_ON = { ok: false, refusal: 'stale_token' };
const error = (retryable: boolean) => ({ code: 'tool_error' as const, message: 'broken', retryable });

const WORDS: Record<string, Word> = {
  'claim of a queued step': {
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
  begin: { prepare: claimed, say: (store, job, token) => store.beginStep({ ...job, token }, '{"x":1}'), repeated: DONE },
  'complete in the middle': { prepare: claimed, say: (store, job, token) => store.completeStep({ ...job, token }, '1'), repeated: DONE },
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

interface Click {
  prepare(): Promise<{ path: string; body: Json; planId: string | null }>;
  status: number;
}

const gated = { steps: [probeStep('a', { approval: { quorum: 2 } }), probeStep('b', { dependsOn: ['a'] })] };
const onPlan = (plan: Plan, action: string, body: Json = {}) => ({ path: `/v1/plans/${plan.id}/${action}`, body, planId: plan.id });
const waiting = () => createPlan(direct, { steps: [probeStep('a'), probeStep('b')] }, 1);
const running = () => createPlan(direct, { steps: [probeStep('a'), probeStep('b')] });
async function failed(): Promise<Plan> {
  const job = await claimed('t');
  await direct.failStep({ ...job, token: 't' }, { error: error(false), delayMs: 0 });
  return untilPlan(direct, job.planId, 'failed');
}

const creating = (path: string, body: Json) => ({ prepare: async () => ({ path, body, planId: null }) });

const CLICKS: Record<string, Click> = {
  'a new plan': { ...creating('/v1/plans', { objective: 'x', steps: [{ id: 'a', tool: 'test.probe' }] }), status: 201 },
  'a new plan that starts at once': {
    ...creating('/v1/plans', { objective: 'x', steps: [{ id: 'a', tool: 'test.probe' }], options: { requireApproval: false } }),
    status: 201,
  },
  'a new task': { ...creating('/v1/tasks', { objective: 'x' }), status: 202 },
  approve: { prepare: async () => waiting().then((plan) => onPlan(plan, 'approve', { digest: plan.digest })), status: 200 },
  reject: { prepare: async () => waiting().then((plan) => onPlan(plan, 'reject', { digest: plan.digest, reason: 'no' })), status: 200 },
  'cancel of a waiting plan': { prepare: async () => onPlan(await waiting(), 'cancel'), status: 200 },
  'cancel of a running plan': { prepare: async () => onPlan(await running(), 'cancel'), status: 200 },
  pause: { prepare: async () => onPlan(await running(), 'pause'), status: 200 },
  retry: { prepare: async () => onPlan(await failed(), 'retry'), status: 200 },
  'retry of a step': { prepare: async () => onPlan(await failed(), 'steps/a/retry'), status: 200 },
  'skip of a step': { prepare: async () => onPlan(await failed(), 'steps/a/skip'), status: 200 },
  'a vote at a gate': { prepare: async () => onPlan(await createPlan(direct, gated), 'steps/a/approve', { data: 1 }), status: 200 },
  'a rejection at a gate': { prepare: async () => onPlan(await createPlan(direct, gated), 'steps/a/reject', {}), status: 200 },
  'a request for a revision': { prepare: async () => onPlan(await waiting(), 'revise', { feedback: 'less' }), status: 202 },
};

interface Answer {
  status: number;
  replayed: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
  body: any;
}

async function behindApi(
  work: (call: (path: string, body: Json, key: string) => Promise<Answer>, proxy: TcpProxy) => Promise<void>,
): Promise<void> {
  await behindProxy(async (store, proxy) => {
    const api = await startApi({ store, logger: silent, keys: null, host: '127.0.0.1', port: 0 });
    try {
      await work(async (path, body, key) => {
        const headers = { 'content-type': 'application/json', 'idempotency-key': key };
        const response = await fetch(api.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
        return { status: response.status, replayed: response.headers.has('idempotent-replayed'), body: await response.json() };
      }, proxy);
    } finally {
      await api.close();
    }
  });
}

const idOf = ({ body }: Answer): string => (body.plan ?? body.task).id;
describe.concurrent.each(WAYS)('the reply to the API is lost, the connection is %s', (way) => {
  test.each(casesOf(CLICKS, way))('%s: it was done once, and each repetition gets the one answer', async (_name, { prepare, status }) => {
    await behindApi(async (call, proxy) => {
      const { planId: without, path: firstPath, body: firstBody } = await prepare();
      const usual = await call(firstPath, firstBody, crypto.randomUUID());
      expect([usual.status, usual.replayed]).toEqual([status, false]);

      const { path, body: written, planId } = await prepare();
      const key = crypto.randomUUID();
      // No other body is the same.
      const body = planId === null ? { ...(written as object), objective: `of ${key}` } : written;
      const marker = `${await digestOf(body)}|`;
      const lost = loseReply(proxy, marker, way);
      const first = await call(path, body, key);
      await lost;
      if (way === WAYS[0]) expect([first.status, first.replayed], JSON.stringify(first.body)).toEqual([status, false]);
      else {
        expect([first.status, first.body.code]).toEqual([503, 'store_unavailable']);
        proxy.refuse(false);
      }
      let again: Answer = first;
      await vi.waitFor(async () => {
        again = await call(path, body, key);
        expect(again.status, JSON.stringify(again.body)).toBe(status);
      }, PATIENT);
      expect(again.replayed).toBe(true);
      if (way === WAYS[0]) expect(again.body).toEqual(first.body);
      expect((await call(path, body, key)).body).toEqual(again.body);

      if (planId !== null && without !== null) expect(await story(planId)).toEqual(await story(without));
      else if (path === '/v1/plans') expect(await story(idOf(again))).toEqual(await story(idOf(usual)));
      if (planId === null) {
        const listed = path === '/v1/tasks' ? await direct.listTasks({ limit: 200 }) : await direct.listPlans({ limit: 200 });
        expect(listed.items.filter(({ objective }) => objective === `of ${key}`).map(({ id }) => id)).toEqual([idOf(again)]);
      }
    });
  });
});

test.concurrent.each(['/v1/keys', '/v1/webhooks'])(
  'the reply to %s is lost: whoever asked is told the secret all the same, and it is the one that counts',
  async (path) => {
    await behindApi(async (call, proxy) => {
      const body = (name: string): Json =>
        path === '/v1/keys' ? { name, roles: ['viewer'] } : { url: `https://example.org/${name}`, events: ['plan.completed'] };
      expect((await call(path, body('first'), 'first')).status).toBe(201);
      const name = 'lost';
      const lost = loseReply(proxy, `${await digestOf(body(name))}|`, WAYS[0]);
      const made = await call(path, body(name), 'lost');
      await lost;
      expect([made.status, made.replayed]).toEqual([201, false]);
      const { secret, key, webhook } = made.body;
      const kept =
        path === '/v1/keys'
          ? { field: `{cs0}:key:${key.id} digest`, value: createHash('sha256').update(secret).digest('hex') }
          : { field: `{cs0}:webhook:${webhook.id} secret`, value: secret };
      expect(await send(server.url, `HGET ${kept.field}`)).toContain(kept.value);
      const repeated = await call(path, body(name), 'lost');
      expect([repeated.status, repeated.replayed, repeated.body.secret]).toEqual([201, true, null]);
    });
  },
);

test.concurrent('an executor whose replies are lost, each kind once, and Redis with one of them: every tool is called once for each attempt, and the plan completes', async () => {
  const probe = new Probe();
  probe.behaviour.set('completes', () => 'mark of completes');
  probe.behaviour.set('fails', (_call, number) => {
    if (number === 1) throw new Error('mark of fails');
    return 'second';
  });
  // Under keys of its own: the steps of the other plans here are not to be taken.
  const own = { tag: 'own' };
  const direct = openStore({ redis: { url: server.url }, ...own });
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
  const { id } = await waiting();
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
