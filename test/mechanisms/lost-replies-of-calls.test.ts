/** Replies that the API loses. Each case is first played without a loss: afterwards the plan must look the same, and its events, too. */
import { createHash } from 'node:crypto';
import { Writable } from 'node:stream';
import { startApi } from '@countersign/api';
import { createLogger } from '@countersign/service';
import { digestOf, type Json, type Plan } from '@countersign/shared';
import { describe, expect, test, vi } from 'vitest';
import type { TcpProxy } from '../faults/tcp-proxy.ts';
import { send } from '../redis/test-redis.ts';
import {
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
import { createPlan, probeStep, untilPlan } from './probe.ts';

useOneRedis();
const silent = createLogger({ service: 'api', destination: new Writable({ write: (_chunk, _encoding, done) => done() }) });

interface Click {
  prepare(): Promise<{ path: string; body: Json; planId: string | null }>;
  status: number;
  askedAgain?: true;
}

const gated = { steps: [probeStep('a', { approval: { quorum: 2 } }), probeStep('b', { dependsOn: ['a'] })] };
const onPlan = (plan: Plan, action: string, body: Json = {}) => ({ path: `/v1/plans/${plan.id}/${action}`, body, planId: plan.id });
const running = () => createPlan(direct, { steps: [probeStep('a'), probeStep('b')] });
async function failed(): Promise<Plan> {
  const job = await claimed('t');
  await direct.failStep({ ...job, token: 't' }, { error: { code: 'tool_error', message: 'broken', retryable: false }, delayMs: 0 });
  return untilPlan(direct, job.planId, 'failed');
}

const creating = (path: string, body: Json) => ({ prepare: async () => ({ path, body, planId: null }) });

const CLICKS: Record<string, Click> = {
  'a new plan': { ...creating('/v1/plans', { objective: 'x', steps: [{ id: 'a', tool: 'test.probe' }] }), status: 201 },
  'a new plan that starts at once': {
    askedAgain: true,
    ...creating('/v1/plans', { objective: 'x', steps: [{ id: 'a', tool: 'test.probe' }], options: { requireApproval: false } }),
    status: 201,
  },
  'a new task': { askedAgain: true, ...creating('/v1/tasks', { objective: 'x' }), status: 202 },
  approve: {
    askedAgain: true,
    prepare: async () => waitingPlan().then((plan) => onPlan(plan, 'approve', { digest: plan.digest })),
    status: 200,
  },
  reject: { prepare: async () => waitingPlan().then((plan) => onPlan(plan, 'reject', { digest: plan.digest, reason: 'no' })), status: 200 },
  'cancel of a waiting plan': { prepare: async () => onPlan(await waitingPlan(), 'cancel'), status: 200 },
  'cancel of a running plan': { askedAgain: true, prepare: async () => onPlan(await running(), 'cancel'), status: 200 },
  pause: { prepare: async () => onPlan(await running(), 'pause'), status: 200 },
  retry: { askedAgain: true, prepare: async () => onPlan(await failed(), 'retry'), status: 200 },
  'retry of a step': { prepare: async () => onPlan(await failed(), 'steps/a/retry'), status: 200 },
  'skip of a step': { askedAgain: true, prepare: async () => onPlan(await failed(), 'steps/a/skip'), status: 200 },
  'a vote at a gate': { prepare: async () => onPlan(await createPlan(direct, gated), 'steps/a/approve', { data: 1 }), status: 200 },
  'a rejection at a gate': { prepare: async () => onPlan(await createPlan(direct, gated), 'steps/a/reject', {}), status: 200 },
  'a request for a revision': { prepare: async () => onPlan(await waitingPlan(), 'revise', { feedback: 'less' }), status: 202 },
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
      expect(await send(serverUrl(), `HGET ${kept.field}`)).toContain(kept.value);
      const repeated = await call(path, body(name), 'lost');
      expect([repeated.status, repeated.replayed, repeated.body.secret]).toEqual([201, true, null]);
    });
  },
);
