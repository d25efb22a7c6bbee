/** The client library against this API, over a network that fails. */
import { ApiError, type Client, type ClientOptions, ConnectionError, createClient, NoPlanError } from '@countersign/client';
import type { Event, Plan } from '@countersign/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultyProxy, startFaultyProxy } from '../test/faulty-proxy.ts';
import { collectingLogger, completeSteps, runSteps, TOOLS, twoSteps, useApi, whenPlan } from '../test/running-api.ts';
import { type RunningApi, startApi } from './server.ts';

const api = useApi({ heartbeatMs: 20 });
let proxy: FaultyProxy;
let other: RunningApi | null = null;
let client: Client;
const QUICK = { delayMs: 5, maxDelayMs: 20 };
const clientOf = (options: Partial<ClientOptions> = {}): Client =>
  createClient({ url: proxy.url, actor: 'ada', retries: QUICK, ...options });
beforeEach(async () => {
  proxy = await startFaultyProxy(() => other?.url ?? api.url);
  client = clientOf();
});
afterEach(async () => {
  await proxy.close();
  await other?.close();
  other = null;
});

const draft = twoSteps() as unknown as Parameters<Client['createPlan']>[0];
const keysSent = (): unknown[] => proxy.seen.map(({ headers }) => headers['idempotency-key']);
const failure = async (promise: Promise<unknown>): Promise<ApiError> => {
  const error = await promise.catch((thrown: unknown) => thrown);
  if (error instanceof ApiError) return error;
  throw new Error(`expected an ApiError, got ${String(error)}`);
};
const all = async (events: AsyncIterable<Event>): Promise<Event[]> => {
  const seen: Event[] = [];
  for await (const event of events) seen.push(event);
  return seen;
};
const recorded = async (planId: string): Promise<Event[]> => api.store.readEvents(planId);

describe('calls', () => {
  it('take a plan through its life', async () => {
    const plan = await client.createPlan({ ...draft, draft: true });
    expect([plan.status, plan.createdBy]).toEqual(['draft', 'ada']);
    expect((await client.submit(plan.id)).status).toBe('pending_approval');
    expect((await client.listApprovals()).map(({ planId }) => planId)).toEqual([plan.id]);
    expect((await client.approve(plan, { comment: 'fine' })).approvals).toMatchObject([{ actor: 'ada', comment: 'fine' }]);
    expect((await client.pause(plan.id)).status).toBe('paused');
    expect((await client.resume(plan.id)).status).toBe('executing');
    const failing = runSteps(api.store, () => ({ error: 'no' }));
    await whenPlan(api, plan.id, 'failed');
    await failing.close();
    expect((await client.retry(plan.id, { from: ['read'] })).status).toBe('executing');
    expect((await client.cancel(plan.id, { reason: 'enough' })).cancellation).toMatchObject({ actor: 'ada', reason: 'enough' });
    const rejected = await client.createPlan(draft);
    expect((await client.reject(rejected, { reason: 'no' })).status).toBe('rejected');
    expect((await client.listPlans({ limit: 1 })).items.map(({ id }) => id)).toEqual([rejected.id]);
    expect((await client.listPlans({ status: 'cancelled' })).items.map(({ id }) => id)).toEqual([plan.id]);
    const tried = { objective: 'Tried', steps: [{ id: 'a', tool: 'test.read' }] };
    expect(await client.testPolicy({ plan: tried })).toMatchObject({ policy: { inForce: true }, decision: { outcome: 'approve' } });
    const lax = { rules: [{ name: 'any', then: { auto: 'always' } }] };
    expect(await client.testPolicy({ plans: { status: 'cancelled' }, policy: lax })).toMatchObject({
      items: [{ planId: plan.id, now: { rule: 'any' } }],
    });
    expect((await client.listTools()).map(({ name }) => name).sort()).toEqual(TOOLS.map(({ name }) => name).sort());
    const task = await client.submitTask({ objective: 'x' });
    expect((await client.getTask(task.id)).status).toBe('queued');
    await client.cancelTask(task.id);
    expect((await client.waitForTask(task.id)).status).toBe('cancelled');
  });

  it('decide gates', async () => {
    const gate = { approval: { message: 'May it?' } };
    const steps = [
      { id: 'a', tool: 'test.read', ...gate },
      { id: 'b', tool: 'test.read', ...gate },
    ];
    const plan = await client.createPlan({ objective: 'Ask', steps, options: { autoApprove: true, stopOnError: false } });
    await client.approve(plan).catch(() => {});
    await expect.poll(async () => (await client.listApprovals()).map(({ stepId }) => stepId).sort()).toEqual(['a', 'b']);
    const voted = await client.gates.approve({ planId: plan.id, stepId: 'a' }, { data: { n: 1 }, comment: 'yes' });
    expect(voted.steps[0]?.gate).toMatchObject({ decision: 'approved', data: { n: 1 } });
    expect((await client.gates.reject({ planId: plan.id, stepId: 'b' })).steps[1]?.status).toBe('failed');
  });

  it('that are refused say everything that the API said, and are not repeated', async () => {
    const bad = await failure(client.createPlan({ objective: 'x', steps: [{ id: 'a', tool: 'no.such' }] }));
    expect(bad).toMatchObject({ code: 'invalid_plan', status: 422, retryable: false, retryAfterMs: null });
    expect(bad.issues).toMatchObject([{ path: 'steps[0].tool', code: 'unknown_tool' }]);
    expect(bad.message).toContain('\n  steps[0].tool: there is no tool');
    expect(api.log.some(({ requestId }) => requestId === bad.requestId)).toBe(true);
    const plan = await client.createPlan(draft);
    const stale = await failure(client.approve({ ...plan, digest: `sha256:${'0'.repeat(64)}` }));
    expect([stale.code, stale.problem.currentDigest]).toEqual(['stale_digest', plan.digest]);
    expect(await failure(client.getPlan('pln_x'))).toMatchObject({ code: 'not_found' });
    expect(keysSent()).toHaveLength(4);
  });

  it('with what is no id are not made: it would be another path', async () => {
    for (const id of ['', '..', '/x']) {
      await expect(client.getPlan(id)).rejects.toThrow(`${JSON.stringify(id)} is no id of a plan`);
      await expect(client.approve({ id, digest: 'x' })).rejects.toThrow(TypeError);
    }
    expect(proxy.seen).toEqual([]);
  });

  it('whose answer was lost are made again under their key, and done once', async () => {
    proxy.next('lose_answer', 'lose_request', { cutAfter: 100 });
    const plan = await client.createPlan(draft);
    const keys = keysSent();
    expect([keys.length, new Set(keys).size, typeof keys[0]]).toEqual([4, 1, 'string']);
    expect((await client.listPlans()).items.map(({ id }) => id)).toEqual([plan.id]);
    proxy.next('lose_answer');
    expect((await client.approve(plan)).approvals).toHaveLength(1);
    expect(new Set(keysSent()).size).toBe(3);
  });

  it('are made again after 503 and 429, and after no other status', async () => {
    proxy.next({ status: 503, headers: { 'Retry-After': '0' } }, { status: 429 });
    const { id } = await client.createPlan(draft);
    expect(proxy.seen).toHaveLength(3);
    for (const status of [500, 502, 504, 408]) {
      proxy.next({ status, body: '<h1>No</h1>' });
      const error = await failure(client.cancel(id));
      expect(error).toMatchObject({ code: null, status, detail: '<h1>No</h1>', retryable: false });
    }
    expect(proxy.seen).toHaveLength(7);
  });

  it('give up after the last attempt, and at once where they would have to wait for long', async () => {
    const busy = { status: 503, body: '{"code":"store_unavailable","detail":"away"}' };
    proxy.always(busy);
    expect(await failure(clientOf({ retries: { ...QUICK, maxAttempts: 3 } }).getPlan('pln_1'))).toMatchObject({
      code: 'store_unavailable',
      message: 'away',
      retryable: true,
    });
    expect(proxy.seen).toHaveLength(3);
    proxy.always({ ...busy, headers: { 'Retry-After': '3600' } });
    expect((await failure(client.getPlan('pln_1'))).retryAfterMs).toBe(3_600_000);
    expect(proxy.seen).toHaveLength(4);
    proxy.always('hang');
    const late = clientOf({ timeoutMs: 500, retries: { ...QUICK, maxAttempts: 2 } }).getPlan('pln_1');
    await expect(late).rejects.toThrow(/GET .*\/v1\/plans\/pln_1: no answer within 500 ms/);
    await expect(late).rejects.toBeInstanceOf(ConnectionError);
    expect(proxy.seen).toHaveLength(6);
  });

  it('end with their signal, also while they wait for the next attempt', async () => {
    const over = new AbortController();
    proxy.always({ status: 503, headers: { 'Retry-After': '30' } });
    const waiting = client.getPlan('pln_1', { signal: over.signal });
    await expect.poll(() => proxy.seen.length).toBe(1);
    over.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(client.getPlan('pln_1', { signal: over.signal })).rejects.toThrow('enough');
    expect(proxy.seen).toHaveLength(1);
  });

  it('do not take their key to where they are redirected', async () => {
    proxy.next({ status: 307, headers: { Location: `${proxy.url}/elsewhere` } });
    expect((await failure(clientOf({ apiKey: 'secret' }).createPlan(draft))).message).toContain("`url` must be the API's own address");
    expect(proxy.seen.map(({ headers, path }) => [path, headers.authorization])).toEqual([['/v1/plans', 'Bearer secret']]);
  });

  it('ask for the key each time where it is a function', async () => {
    let asked = 0;
    const renewing = clientOf({ actor: undefined, apiKey: async () => `token-${++asked}` });
    proxy.next({ status: 503 });
    await renewing.listTools();
    expect(proxy.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
    const broken = clientOf({
      apiKey: () => {
        throw new Error('logged out');
      },
    });
    await expect(broken.listTools()).rejects.toThrow('logged out');
    expect(asked).toBe(2);
  });

  it('say so where something else than the API answers', async () => {
    proxy.next({ status: 200, body: '<html>' }, { status: 200, body: '{"ok":true}' });
    expect((await failure(client.getPlan('pln_1'))).message).toContain('is not JSON; is it the API?');
    expect((await failure(client.getPlan('pln_1'))).message).toContain('has no `plan`');
  });
});

describe('events', () => {
  it('come once each and in order, wherever the connection breaks', async () => {
    const plan = await client.createPlan(draft);
    const executor = completeSteps(api.store, { text: 'größer' });
    try {
      await client.approve(plan);
      await whenPlan(api, plan.id, 'completed');
    } finally {
      await executor.close();
    }
    const expected = await recorded(plan.id);
    for (let cutAfter = 1; cutAfter < 400; cutAfter += 37) proxy.next({ cutAfter }, 'lose_request', { status: 503 });
    proxy.seen.length = 0;
    expect(await all(client.events(plan.id))).toEqual(expected);
    const positions = proxy.seen.map(({ headers }) => headers['last-event-id']);
    expect(positions[0]).toBeUndefined();
    expect(positions.at(-1)).toBe(expected.at(-1)?.id);
    expect(await all(client.events(plan.id, { after: expected[2]?.id ?? '' }))).toEqual(expected.slice(3));
  });

  it('of a stream that begins too early are not told twice', async () => {
    const plan = await client.createPlan(draft);
    await client.cancel(plan.id);
    const expected = await recorded(plan.id);
    const text = expected.map((event) => `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`);
    const stream = (body: string) => ({ status: 200, headers: { 'Content-Type': 'text/event-stream' }, body });
    proxy.next(stream(text.slice(0, 2).join('')), stream(text.join('')), { status: 204 });
    expect(await all(client.events(plan.id))).toEqual(expected);
  });

  it('go on at another API when one shuts down', async () => {
    const plan = await client.createPlan(draft);
    const seen: Event[] = [];
    const following = (async () => {
      for await (const event of client.events(plan.id)) seen.push(event);
    })();
    await expect.poll(() => seen.length).toBeGreaterThan(1);
    other = await startApi({ store: api.store, logger: collectingLogger().logger, keys: null, host: '127.0.0.1', port: 0 });
    await api.running.close();
    await client.cancel(plan.id);
    await following;
    expect(seen).toEqual(await recorded(plan.id));
  });

  it('are asked for again when a connection falls silent, but not when only their reader takes long', async () => {
    const plan = await client.createPlan(draft);
    proxy.seen.length = 0;
    proxy.next('fall_silent');
    const seen: Event[] = [];
    for await (const event of client.events(plan.id, { silenceMs: 250 })) {
      seen.push(event);
      if (seen.length > 1) continue;
      // Longer than the silence that counts as a break: that many signs of life went by.
      const since = proxy.passed;
      await expect.poll(() => proxy.passed - since, { timeout: 10_000 }).toBeGreaterThan(20);
      await api.call(`/v1/plans/${plan.id}/cancel`, { method: 'POST' });
    }
    expect(seen).toEqual(await recorded(plan.id));
    // The silent one, the one that was read, and the look that there is nothing after it.
    expect(proxy.seen).toHaveLength(3);
  });

  it('are given up when nobody answers for long, and at once where the API refuses', async () => {
    const plan = await client.createPlan(draft);
    proxy.always('lose_request');
    await expect(all(client.events(plan.id, { patienceMs: 50 }))).rejects.toBeInstanceOf(ConnectionError);
    proxy.always({ status: 200, headers: { 'Content-Type': 'text/event-stream' }, body: ': hello\n\n' });
    await expect(all(client.events(plan.id, { patienceMs: 50 }))).rejects.toThrow('ended before its plan');
    proxy.always({ status: 200, headers: { 'Content-Type': 'text/html' }, body: '<html>' });
    expect((await failure(all(client.events(plan.id)))).message).toContain('is not an event stream');
    proxy.always(null);
    expect(await failure(all(client.events(`pln_${'0'.repeat(22)}`)))).toMatchObject({ code: 'not_found' });
    expect(await failure(all(client.events(plan.id, { after: 'x' })))).toMatchObject({ code: 'invalid_request' });
  });

  it('end with their signal, and with their reader', async () => {
    const plan = await client.createPlan(draft);
    const over = new AbortController();
    const reading = all(client.events(plan.id, { signal: over.signal }));
    await expect.poll(() => proxy.passed).toBeGreaterThan(2);
    over.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    for await (const event of client.events(plan.id)) if (event.type === 'plan.submitted') break;
    const ended = () => api.log.filter(({ path, aborted }) => String(path).endsWith('/events') && aborted === true).length;
    await expect.poll(ended).toBe(2);
  });
});

describe('runAndWait', () => {
  const stepText = ({ stepId, attempt }: { stepId: string; attempt?: number }) => `${stepId} ${attempt}`;

  it('tells of everything once and in order, waits for what it calls, and gives the plan as it ended', async () => {
    const executor = completeSteps(api.store, { text: 'x' });
    const told: string[] = [];
    const say = async (text: string): Promise<void> => {
      told.push(`${text} {`);
      await Promise.resolve();
      told.push('}');
    };
    proxy.next(null, null, { cutAfter: 700 });
    try {
      const ended = await client.runAndWait(draft, {
        onPlan: ({ status }) => say(`plan ${status}`),
        approve: () => ({ comment: 'looks right' }),
        onStepStart: (event, plan) => say(`start ${stepText(event)} ${plan.steps.find(({ id }) => id === event.stepId)?.tool}`),
        onStepComplete: (event) => say(`complete ${stepText(event)}`),
        onStepFailed: (event) => say(`failed ${stepText(event)}`),
        onPlanComplete: ({ status }) => say(`end ${status}`),
      });
      expect(ended).toMatchObject({ status: 'completed', approvals: [{ actor: 'ada', comment: 'looks right' }] });
      expect(ended.steps.map(({ output }) => output)).toEqual([{ text: 'x' }, { text: 'x' }]);
    } finally {
      await executor.close();
    }
    const starts = ['start read 1 test.read', 'complete read 1', 'start write 1 test.write', 'complete write 1'];
    expect(told).toEqual(['plan pending_approval', ...starts, 'end completed'].flatMap((text) => [`${text} {`, '}']));
  });

  it('of a plan that fails gives that plan; of one that is there already it tells from the first event', async () => {
    const executor = runSteps(api.store, () => ({ error: 'no luck' }));
    try {
      const failed: unknown[] = [];
      const ended = await client.runAndWait(draft, {
        approve: () => true,
        onStepFailed: ({ stepId, data }) => failed.push(stepId, data.error),
      });
      expect([ended.status, failed]).toEqual(['failed', ['read', expect.objectContaining({ message: 'no luck' })]]);
      const again: string[] = [];
      const approve = () => {
        throw new Error('nobody is asked any more');
      };
      await client.runAndWait(ended, { approve, onPlan: ({ id }) => again.push(id), onStepFailed: ({ stepId }) => again.push(stepId) });
      expect(again).toEqual([ended.id, 'read']);
    } finally {
      await executor.close();
    }
  });

  it('ends with what a callback throws; the plan goes on', async () => {
    const executor = completeSteps(api.store, { text: 'x' });
    try {
      let id = '';
      const onPlan = (plan: Plan) => {
        id = plan.id;
      };
      const onStepComplete = async () => {
        throw new Error('the screen is gone');
      };
      await expect(client.runAndWait(draft, { onPlan, approve: () => true, onStepComplete })).rejects.toThrow('the screen is gone');
      expect((await whenPlan(api, id, 'completed')).progress.completed).toBe(2);
    } finally {
      await executor.close();
    }
  });

  it('asks again for a revision that came while it decided, and never votes on what it was not shown', async () => {
    const digests: string[] = [];
    const shown: number[] = [];
    const ended = await client.runAndWait(draft, {
      onPlan: ({ revision }) => shown.push(revision),
      async approve(plan) {
        digests.push(plan.digest);
        if (digests.length > 1) return { reject: 'not this one' };
        const body = { steps: [{ id: 'read', tool: 'test.destroy' }] };
        await api.call(`/v1/plans/${plan.id}`, { method: 'PUT', body, headers: { 'If-Match': plan.digest } });
        return true;
      },
    });
    expect(ended).toMatchObject({ status: 'rejected', revision: 2, approvals: [], rejection: { reason: 'not this one' } });
    expect([shown, new Set(digests).size]).toEqual([[1, 2], 2]);
  });

  it('leaves to others what it does not decide, and ends with its signal', async () => {
    const over = new AbortController();
    const waiting = client.runAndWait(draft, { approve: () => false, signal: over.signal });
    await expect.poll(async () => (await client.listApprovals()).length).toBe(1);
    await expect.poll(() => proxy.seen.filter(({ path }) => path.endsWith('/events')).length).toBe(1);
    over.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    const [item] = await client.listApprovals();
    expect((await client.getPlan(item?.planId ?? '')).status).toBe('pending_approval');
  });

  it('of a task without a plan throws, with the task', async () => {
    const task = await client.submitTask({ objective: 'x' });
    const thrown = client.runAndWait({ id: task.id }).catch((error: unknown) => error);
    await client.cancelTask(task.id);
    const error = await thrown;
    expect(error).toBeInstanceOf(NoPlanError);
    expect(error).toMatchObject({ message: `the task ${task.id} is cancelled, without a plan`, task: { id: task.id } });
  });
});

it('a client with wrong options is none, and its complaint keeps the secret', () => {
  const url = 'http://127.0.0.1:1';
  for (const bad of ['', 'localhost:3000', 'ftp://x', 'http://a:b@x', 'http://x?y'])
    expect(() => createClient({ url: bad })).toThrow("`url` must be the API's address");
  expect(() => createClient({ url, retries: { maxAttempts: 0 } })).toThrow('maxAttempts');
  expect(() => createClient({ url, timeoutMs: Number.NaN })).toThrow('`timeoutMs` must be');
  expect(() => createClient({ url, actor: 'a b' })).toThrow('`actor` must be');
  expect(() => createClient({ url, apiKey: 'sec\nret' })).toThrow(/^(?!.*sec)/);
});
