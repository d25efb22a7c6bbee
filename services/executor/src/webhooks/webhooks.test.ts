/** Webhooks from an event to its receiver: real Redis, real receivers, the duty and the deliveries of one executor. */

import { createServer } from 'node:net';
import { Metrics } from '@countersign/service';
import {
  type Actor,
  digestOf,
  type PlanDraft,
  plainDecision,
  type StepDraft,
  type ToolContract,
  validatePlan,
  WEBHOOKS_QUEUE,
  type WebhookDelivery,
  type WebhookSubscription,
} from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { addressCheck, guardedPost, type PrivateNetworks } from '@countersign/tools';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { send, useTestRedis } from '../../../../test/redis/test-redis.ts';
import { type Receiver, type ReceiverAnswer, startReceiver } from '../../../../test/webhooks/receiver.ts';
import { startDuties } from '../duties.ts';
import { executorMeters } from '../metrics.ts';
import { startDeliveries } from './start-deliveries.ts';
import { tellWebhooks } from './tell-webhooks.ts';

const redis = useTestRedis();
const meters = executorMeters(new Metrics());
const HOUR_MS = 3_600_000;
const ADA: Actor = { id: 'ada', roles: ['admin'] };
const PATIENT = { timeout: 20_000 };
const tool: ToolContract = {
  ...{ name: 'test.echo', description: 'Gives back what it gets.', risk: 'read', idempotent: true },
  ...{ inputSchema: { type: 'object' }, outputSchema: null, timeoutMs: null, retry: null, queue: null, examples: [] },
};

let store: Store;
const cleanUps: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  store = openStore({ redis: { url: redis.url } });
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  await store.close();
});

const lines: Record<string, unknown>[] = [];
const into = (fields: object, message: string): void => void lines.push({ ...fields, message });
const logger = { debug: into, info: into, warn: into, error: into };
beforeEach(() => void lines.splice(0));

const receiver = async (answer?: Parameters<typeof startReceiver>[0]): Promise<Receiver> => {
  const started = await startReceiver(answer);
  cleanUps.push(() => started.close());
  return started;
};

async function register(url: string, events: WebhookSubscription[] = ['plan.pending_approval']): Promise<{ id: string; secret: string }> {
  const made = await store.createWebhook({ url, events, description: '', enabled: true }, { actor: ADA });
  if (!made.ok) throw new Error(made.refusal.message);
  return { id: made.value.id, secret: made.value.secret ?? '' };
}

interface Work {
  concurrency?: number;
  attempts?: number;
  backoffMs?: number;
  allowPrivate?: PrivateNetworks;
}

/** One executor's part in webhooks. */
async function work({ concurrency = 10, attempts = 4, backoffMs = 1, allowPrivate = ['127.0.0.0/8'] }: Work = {}) {
  const duties = await startDuties({
    store,
    meters,
    logger,
    everyMs: { reconcile: HOUR_MS, clock: HOUR_MS, webhooks: 50, retention: HOUR_MS },
  });
  cleanUps.push(() => duties.close());
  const post = guardedPost(addressCheck(allowPrivate));
  const deliveries = startDeliveries({ store, meters, logger, post, concurrency, retry: { attempts, backoffMs } });
  cleanUps.push(() => deliveries.close());
}

async function createPlan({ steps = [{ id: 'a', tool: tool.name }], quorum = 1 }: { steps?: StepDraft[]; quorum?: number } = {}) {
  const draft: PlanDraft = { objective: 'tell everybody', input: { password: 'open sesame' }, steps };
  const result = validatePlan(draft, { tools: new Map([[tool.name, tool]]) });
  if (!result.valid) throw new Error(JSON.stringify(result.issues));
  const { content } = result;
  const digest = await digestOf(content);
  const decision = plainDecision(quorum, 'as the test wants it');
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: ADA.id, decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return { id: created.value.id, digest };
}

const deliveriesOf = async (webhookId: string): Promise<WebhookDelivery[]> =>
  (await store.listDeliveries(webhookId, { limit: 200 }))?.items ?? [];
const statusesOf = async (webhookId: string) => (await deliveriesOf(webhookId)).map(({ status }) => status);
const verify = (secret: string, { body, headers }: Receiver['received'][number]) =>
  new Webhook(secret).verify(body, headers as Record<string, string>);
const untilIt = (look: () => unknown) => expect.poll(look, PATIENT);

test('an event that is wanted arrives, signed, with ids and no more', async () => {
  const to = await receiver();
  const { id, secret } = await register(to.url);
  await work();
  const plan = await createPlan();
  await untilIt(() => to.received.length).toBe(1);
  const [came] = to.received;
  if (came === undefined) throw new Error('nothing came');
  const [event] = (await store.readEvents(plan.id)).filter(({ type }) => type === 'plan.submitted');
  expect(verify(secret, came)).toEqual({
    type: 'plan.pending_approval',
    timestamp: event?.at,
    data: {
      eventId: event?.id,
      planId: plan.id,
      taskId: null,
      revision: 1,
      digest: plan.digest,
      status: 'pending_approval',
      actor: 'ada',
      links: { plan: `/v1/plans/${plan.id}` },
    },
  });
  await untilIt(() => statusesOf(id)).toEqual(['delivered']);
  const [delivery] = await deliveriesOf(id);
  expect(delivery).toMatchObject({ id: came.headers['webhook-id'], planId: plan.id, attempts: 1, responseStatus: 204, error: null });
  expect(() => verify('whsec_b3RoZXI=', came)).toThrow();
  expect(() => verify(secret, { ...came, body: came.body.replace('ada', 'eve') })).toThrow();
  // Neither the secret nor what a plan holds is in anything that is sent or logged, or in a job.
  const jobs = await store
    .queues()
    .find(({ name }) => name === WEBHOOKS_QUEUE)
    ?.getJobs();
  expect(JSON.stringify([lines, jobs?.map(({ data, returnvalue }) => [data, returnvalue])])).not.toContain(secret);
  expect(came.body).not.toContain('open sesame');
});

test('the routine of steps is told where it is wanted, and costs no entry where it is not', async () => {
  const wanted: WebhookSubscription[] = ['step.started', 'step.completed', 'plan.completed', 'plan.ended'];
  const to = await receiver();
  await register(to.url, wanted);
  await work();
  const consumer = store.consumeSteps(
    async (job, _lease, early) => {
      const token = early?.token ?? 'one';
      if (early === null) await store.claimStep(job, { token, executor: 'test' });
      return { word: 'done', completion: { hold: { ...job, token }, output: '1', onReply: () => {} } };
    },
    { concurrency: 1, executor: 'test', persist: (call) => call(), onError: () => {} },
  );
  cleanUps.push(() => consumer.close());
  const steps = ['a', 'b', 'c'].map((id, at, all): StepDraft => ({ id, tool: tool.name, dependsOn: all.slice(0, at).slice(-1) }));
  const plan = await createPlan({ steps, quorum: 0 });
  await untilIt(() => to.received.length).toBe(8);
  const came = to.received.map(({ message: { type, data } }) => `${type} ${data.stepId ?? data.status}`);
  expect(came.sort()).toEqual([
    'plan.completed completed',
    'plan.ended completed',
    ...['a', 'b', 'c'].map((id) => `step.completed ${id}`),
    ...['a', 'b', 'c'].map((id) => `step.started ${id}`),
  ]);
  expect(to.received.every(({ message: { data } }) => data.planId === plan.id && data.digest === plan.digest)).toBe(true);
  await untilIt(() => send(redis.url, 'XLEN {cs0}:hooks')).toBe(':0');
});

test('without an enabled webhook that wants it nothing is kept for one', async () => {
  const { id } = await register('http://127.0.0.1:1/', ['plan.completed']);
  await createPlan();
  expect(await send(redis.url, 'XLEN {cs0}:hooks')).toBe(':0');
  await store.updateWebhook(id, { events: ['*'] }, { actor: ADA });
  await createPlan();
  const length = await send(redis.url, 'XLEN {cs0}:hooks');
  expect(length).not.toBe(':0');
  await store.updateWebhook(id, { enabled: false }, { actor: ADA });
  await createPlan();
  expect([await send(redis.url, 'XLEN {cs0}:hooks'), await send(redis.url, 'EXISTS {cs0}:hooks:wanted')]).toEqual([length, ':0']);
});

test('500, then 200: it is tried again, under the same id, signed for that attempt', async () => {
  const to = await receiver((_, before) => (before < 2 ? 500 : 200));
  const { id, secret } = await register(to.url);
  await work();
  await createPlan();
  await untilIt(() => statusesOf(id)).toEqual(['delivered']);
  expect(to.received).toHaveLength(3);
  expect(new Set(to.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(new Set(to.received.map(({ body }) => body)).size).toBe(1);
  for (const came of to.received) verify(secret, came);
  expect((await deliveriesOf(id))[0]).toMatchObject({ attempts: 3, responseStatus: 200, error: null });
});

test('what fails to its last attempt is dead, seen in every place, and can be delivered by hand under its id', async () => {
  let well = false;
  const to = await receiver(() => (well ? 200 : 500));
  const { id } = await register(to.url);
  await work({ attempts: 3 });
  await createPlan();
  await untilIt(() => statusesOf(id)).toEqual(['dead']);
  const [delivery] = await deliveriesOf(id);
  expect(delivery).toMatchObject({ attempts: 3, responseStatus: 500, error: 'answered 500' });
  const queue = store.queues().find(({ name }) => name === WEBHOOKS_QUEUE);
  await untilIt(async () => (await queue?.getFailed())?.map(({ failedReason }) => failedReason)).toEqual(['answered 500']);
  expect(lines).toContainEqual(
    expect.objectContaining({ deliveryId: delivery?.id, message: 'delivery died: it is not tried again by itself' }),
  );

  well = true;
  expect(await store.redeliver(id, delivery?.id ?? '', {})).toMatchObject({ ok: true });
  await untilIt(() => statusesOf(id)).toEqual(['delivered']);
  expect(to.received.map(({ headers }) => headers['webhook-id'])).toEqual(Array.from({ length: 4 }, () => delivery?.id));
  expect((await deliveriesOf(id))[0]).toMatchObject({ attempts: 4 });
});

test.each<[string, ReceiverAnswer, string]>([
  ['a redirect', { status: 302, headers: { location: 'http://169.254.169.254/' } }, 'answered 302: redirects are not followed'],
  ['what is not found', 404, 'answered 404'],
])('%s is no success', async (_, answer, error) => {
  const to = await receiver(() => answer);
  const { id } = await register(to.url);
  await work({ attempts: 1 });
  await createPlan();
  await untilIt(() => statusesOf(id)).toEqual(['dead']);
  expect((await deliveriesOf(id))[0]).toMatchObject({ attempts: 1, error });
});

test.each([
  ['an address', '127.0.0.1'],
  ['a name that leads to one', 'localhost'],
  ['an IPv6 address that means it', '[::ffff:127.0.0.1]'],
])('a private address is refused when the connection is made, given as %s', async (_, host) => {
  const to = await receiver();
  const { id } = await register(`http://${host}:${to.port}/hook`);
  await work({ attempts: 1, allowPrivate: false });
  await createPlan();
  await untilIt(() => statusesOf(id)).toEqual(['dead']);
  expect((await deliveriesOf(id))[0]?.error).toContain('is not a public address');
  expect(to.received).toEqual([]);
});

test('a receiver that is not there is an error in words, without the path of its URL', async () => {
  const closed = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => closed.once('listening', resolve));
  const { port } = closed.address() as { port: number };
  await new Promise((resolve) => closed.close(resolve));
  const { id } = await register(`http://127.0.0.1:${port}/secret-path?token=t0ken`);
  await work({ attempts: 1 });
  await createPlan();
  await untilIt(() => statusesOf(id)).toEqual(['dead']);
  expect((await deliveriesOf(id))[0]?.error).toContain('ECONNREFUSED');
  expect(JSON.stringify([await deliveriesOf(id), lines])).not.toMatch(/secret-path|t0ken/);
});

test('after a rotation both secrets verify; a repeated rotation of the same name is one', async () => {
  const to = await receiver();
  const { id, secret: first } = await register(to.url);
  const idempotency = { key: 'once', fingerprint: 'f' };
  const rotated = await store.rotateWebhook(id, { idempotency });
  const again = await store.rotateWebhook(id, { idempotency });
  if (!rotated.ok || !again.ok) throw new Error('refused');
  expect(again.value).toMatchObject({ id, secret: null });
  await work();
  await createPlan();
  await untilIt(() => to.received.length).toBe(1);
  const [came] = to.received;
  if (came === undefined) throw new Error('nothing came');
  expect(String(came.headers['webhook-signature']).split(' ')).toHaveLength(2);
  verify(first, came);
  verify(rotated.value.secret ?? '', came);
  expect((await store.getWebhook(id))?.oldSecretUntil).not.toBeNull();
});

test('an old secret signs no longer than its time', async () => {
  let now = 1_772_442_900_000;
  const other = openStore({ redis: { url: redis.url }, clock: () => now });
  cleanUps.push(() => other.close());
  const made = await other.createWebhook({ url: 'http://127.0.0.1:1/', events: ['*'], description: '', enabled: true }, { actor: ADA });
  if (!made.ok) throw new Error(made.refusal.message);
  const { id } = made.value;
  await other.rotateWebhook(id, {});
  const tested = await other.testWebhook(id, { type: 'webhook.test', body: '{}' }, {});
  if (!tested.ok) throw new Error(tested.refusal.message);
  const job = { webhookId: id, deliveryId: tested.value.id, job: 1 };
  const secrets = async () => {
    const begun = await other.beginDelivery(job);
    return begun.ok ? begun.send.secrets.length : begun.refusal;
  };
  expect(await secrets()).toBe(2);
  now += 24 * HOUR_MS;
  expect(await secrets()).toBe(1);
});

test('410 disables the webhook at once, and what waits for it dies without being sent', async () => {
  const to = await receiver(() => 410);
  const { id } = await register(to.url);
  for (let i = 0; i < 5; i++) await createPlan();
  await tellWebhooks({ store, meters, logger, publicUrl: '' });
  expect(await statusesOf(id)).toEqual(Array.from({ length: 5 }, () => 'pending'));
  await work({ concurrency: 1 });
  await untilIt(() => statusesOf(id)).toEqual(Array.from({ length: 5 }, () => 'dead'));
  expect(to.received).toHaveLength(1);
  expect(await store.getWebhook(id)).toMatchObject({ enabled: false, disabledReason: 'answered 410: it wants no more' });
  expect(lines).toContainEqual(expect.objectContaining({ webhookId: id, message: 'webhook disabled' }));
});

test('ten deliveries that die in a row disable the webhook, with the reason; enabling it begins anew', async () => {
  const to = await receiver(() => 500);
  const { id } = await register(to.url);
  await work({ attempts: 1 });
  for (let i = 0; i < 10; i++) await createPlan();
  await untilIt(async () => (await store.getWebhook(id))?.enabled).toBe(false);
  expect(await store.getWebhook(id)).toMatchObject({ deadInARow: 10, disabledReason: '10 deliveries in a row died' });
  const [delivery] = await deliveriesOf(id);
  expect(await store.redeliver(id, delivery?.id ?? '', {})).toMatchObject({ ok: false, refusal: { code: 'wrong_state' } });
  await store.updateWebhook(id, { enabled: true }, { actor: ADA });
  expect(await store.getWebhook(id)).toMatchObject({ enabled: true, deadInARow: 0, disabledReason: null });
});

test('one that hangs takes three places and no more, and those beside it are served', async () => {
  const [slow, quick] = [await receiver(() => 'hang'), await receiver()];
  const { id: slowId } = await register(slow.url);
  const { id: quickId } = await register(quick.url);
  await work({ concurrency: 4 });
  for (let i = 0; i < 12; i++) await createPlan();
  await untilIt(() => statusesOf(quickId)).toEqual(Array.from({ length: 12 }, () => 'delivered'));
  expect(slow.open()).toEqual({ now: 3, most: 3 });
  expect(new Set(await statusesOf(slowId))).toEqual(new Set(['pending']));
  // Before the deliveries are waited for.
  await slow.close();
  cleanUps.splice(0, 1);
});

test('one that failed three times in a row has a single place: no more is begun while anything is under way', async () => {
  const to = await receiver((_, before) => (before < 3 ? 500 : 'hang'));
  const { id } = await register(to.url);
  await work({ backoffMs: HOUR_MS });
  for (let i = 0; i < 6; i++) await createPlan();
  await untilIt(async () => (await deliveriesOf(id)).filter(({ attempts }) => attempts === 1).length).toBe(3);
  // The first two failures had each let another one begin.
  await untilIt(() => to.open().now).toBe(2);
  expect(await send(redis.url, `LLEN {cs0}:webhook:${id}:waiting`)).toBe(':1');
  await to.close();
  cleanUps.splice(0, 1);
});

test('a receiver that is busy says when to come back', async () => {
  const to = await receiver(() => ({ status: 429, headers: { 'retry-after': '60' } }));
  const { id } = await register(to.url);
  await work();
  await createPlan();
  await untilIt(async () => (await deliveriesOf(id))[0]?.attempts).toBe(1);
  const [{ status, lastAttemptAt, nextAttemptAt } = {} as WebhookDelivery] = await deliveriesOf(id);
  expect([status, Date.parse(nextAttemptAt ?? '') - Date.parse(lastAttemptAt ?? '')]).toEqual(['pending', 60_000]);
});

test('of what has ended the newest thousand are kept, of what is pending all', async () => {
  const { id } = await register('http://127.0.0.1:1/');
  const all: string[] = [];
  for (let i = 0; i < 1_005; i++) {
    const tested = await store.testWebhook(id, { type: 'webhook.test', body: '{}' }, {});
    if (!tested.ok) throw new Error(tested.refusal.message);
    all.push(tested.value.id);
  }
  const attempt = { responseStatus: 200, error: null, durationMs: 1, retryInMs: null, disable: null };
  for (const deliveryId of all.slice(0, 1_003)) {
    const job = { webhookId: id, deliveryId, job: 1 };
    expect(await store.beginDelivery(job)).toMatchObject({ ok: true });
    expect(await store.recordDelivery(job, attempt)).toEqual({ word: 'delivered', disabled: null });
  }
  expect(Number((await send(redis.url, `ZCARD {cs0}:webhook:${id}:deliveries`)).slice(1))).toBe(1_002);
  expect(await store.getDelivery(id, all.sort()[0] ?? '')).toBeNull();
  expect((await store.getWebhook(id))?.pending).toBe(2);
});

test('what is told twice is delivered once: two duties at the same time, one that died before it had settled', async () => {
  const to = await receiver();
  const { id } = await register(to.url);
  for (let i = 0; i < 20; i++) await createPlan();
  const read = await store.readHooks(100);
  // Dies between the deliveries and the end of the entry.
  const dying = { ...store, settleHooks: () => Promise.reject(new Error('killed')) };
  await expect(tellWebhooks({ store: dying, meters, logger, publicUrl: '' })).rejects.toThrow('killed');
  await Promise.all([tellWebhooks({ store, meters, logger, publicUrl: '' }), tellWebhooks({ store, meters, logger, publicUrl: '' })]);
  expect(await deliveriesOf(id)).toHaveLength(20);
  await work();
  await untilIt(async () => new Set(await statusesOf(id))).toEqual(new Set(['delivered']));
  expect(to.received).toHaveLength(20);
  // Was stopped after it had read, and goes on when all is done.
  const stopped = { ...store, readHooks: async () => read.splice(0) };
  await tellWebhooks({ store: stopped, meters, logger, publicUrl: '' });
  await createPlan();
  await untilIt(() => to.received.length).toBe(21);
  await untilIt(async () => new Set(await statusesOf(id))).toEqual(new Set(['delivered']));
  expect(to.received).toHaveLength(21);
});

test('deliveries whose jobs were lost are queued again', async () => {
  const to = await receiver();
  const { id } = await register(to.url);
  for (let i = 0; i < 5; i++) await createPlan();
  await tellWebhooks({ store, meters, logger, publicUrl: '' });
  await store
    .queues()
    .find(({ name }) => name === WEBHOOKS_QUEUE)
    ?.obliterate({ force: true });
  const mended: unknown[] = [];
  for await (const each of store.mendDeliveries({ restMs: 0 })) mended.push(each);
  expect(mended).toHaveLength(3);
  for await (const each of store.mendDeliveries({ restMs: 0 })) mended.push(each);
  expect(mended).toHaveLength(3);
  await work();
  await untilIt(async () => new Set(await statusesOf(id))).toEqual(new Set(['delivered']));
  expect(to.received).toHaveLength(5);
});

test('a plan that was deleted before anybody was told is told of all the same', async () => {
  const to = await receiver();
  await register(to.url, ['plan.ended']);
  const plan = await createPlan();
  await store.cancelPlan(plan.id, { actor: ADA });
  await store.deletePlan(plan.id);
  await work();
  await untilIt(() => to.received.map(({ message: { data } }) => [data.planId, data.status])).toEqual([[plan.id, 'cancelled']]);
});

test('a task is told of, and one that is not told any more leaves nothing behind', async () => {
  const to = await receiver();
  const { id } = await register(to.url, ['task.queued']);
  await work();
  const request = { objective: 'x', input: {}, options: {}, tools: null, template: null };
  const created = await store.createTask({ request, actor: ADA });
  if (!created.ok) throw new Error(created.refusal.message);
  await untilIt(() => statusesOf(id)).toEqual(['delivered']);
  const { data } = to.received[0]?.message ?? {};
  expect(data).toMatchObject({
    taskId: created.value.id,
    planId: null,
    status: 'queued',
    links: { task: `/v1/tasks/${created.value.id}` },
  });
  expect(await store.deleteWebhook(id)).toEqual({ ok: true, value: null });
  expect(await send(redis.url, `KEYS {cs0}:webhook*`)).toBe('*0');
  expect(await send(redis.url, `EXISTS {cs0}:hooks:wanted`)).toBe(':0');
});

test('what happens in any shard is told, also in one that came later', async () => {
  const to = await receiver();
  const spread = openStore({ redis: { url: redis.url }, shards: 3 });
  cleanUps.push(() => spread.close());
  await register(to.url, ['plan.created', 'task.queued']);
  const signal = new AbortController().signal;
  expect(await spread.prepare({ info: into, warn: into, error: into }, signal, { creates: true })).toEqual({ ok: true });
  await store.close();
  store = spread;
  const plans = new Set<string>();
  const shards = new Set<string>();
  while (shards.size < 3) {
    const { id } = await createPlan();
    plans.add(id);
    shards.add(id.slice(26));
  }
  await work();
  await untilIt(() => new Set(to.received.map(({ message: { data } }) => data.planId))).toEqual(plans);
  const { id } = await register(to.url, ['plan.created']);
  await store.deleteWebhook(id);
  const [first] = await store.listWebhooks();
  await store.updateWebhook(first?.id ?? '', { enabled: false }, { actor: ADA });
  expect(await send(redis.url, 'EXISTS {cs0}:hooks:wanted {cs1}:hooks:wanted {cs2}:hooks:wanted')).toBe(':0');
});
