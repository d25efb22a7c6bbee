/** What people send at the same moment: one of it counts, and the others are told why theirs does not. */

import { Writable } from 'node:stream';
import { type RunningApi, startApi } from '@countersign/api';
import { createLogger } from '@countersign/service';
import type { Plan } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { useTestRedis } from '../redis/test-redis.ts';
import { Probe, probeStep, readPlan, untilPlan } from './probe.ts';

const server = useTestRedis();
let stores: Store[];
let apis: RunningApi[];
let probe: Probe;
let closeExecutor: () => Promise<void>;

const silent = createLogger({ service: 'api', destination: new Writable({ write: (_chunk, _encoding, done) => done() }) });

// Two processes would be no other than these two, each with connections of its own.
beforeEach(async () => {
  stores = ['api', 'api', 'executor'].map(() => openStore({ redis: { url: server.url } }));
  probe = new Probe();
  closeExecutor = await probe.startExecutor(stores[2] as Store, 'one');
  apis = await Promise.all(stores.slice(0, 2).map((store) => startApi({ store, logger: silent, keys: null, host: '127.0.0.1', port: 0 })));
});
afterEach(async () => {
  await closeExecutor();
  for (const api of apis) await api.close();
  for (const store of stores) await store.close();
});

interface Answer {
  status: number;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
  body: any;
  replayed: boolean;
}

let turn = 0;
/** Asks one API after the other. */
async function call(method: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const { url } = apis[turn++ % apis.length] as RunningApi;
  const response = await fetch(url + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text), replayed: response.headers.get('idempotent-replayed') === 'true' };
}
const times = <Value>(count: number, make: (at: number) => Promise<Value>): Promise<Value[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => make(at)));
const listed = async (what: 'plans' | 'tasks'): Promise<number> => {
  const [store] = stores as [Store];
  const page = what === 'plans' ? await store.listPlans({ limit: 200 }) : await store.listTasks({ limit: 200 });
  return page.items.length;
};
const eventsOf = async (planId: string): Promise<string[]> => ((await stores[0]?.readEvents(planId)) ?? []).map(({ type }) => type);
const newPlan = async (): Promise<Plan> =>
  (await call('POST', '/v1/plans', { objective: 'be decided', steps: [probeStep('a')] })).body.plan;

describe('200 identical submits at once with one Idempotency-Key', () => {
  test('are one plan, which runs once, and all get the very same answer', async () => {
    const body = {
      objective: 'run at once',
      steps: [probeStep('a'), probeStep('b', { dependsOn: ['a'] })],
      options: { requireApproval: false },
    };
    const answers = await times(200, () => call('POST', '/v1/plans', body, { 'idempotency-key': 'one' }));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    // It runs meanwhile: whoever reads it for himself reads something else.
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await listed('plans')).toBe(1);
    const { id } = (answers[0] as Answer).body.plan;
    await untilPlan(stores[0] as Store, id, 'completed');
    expect(probe.called(id)).toEqual(['a', 'b']);
    expect((await eventsOf(id)).filter((type) => type === 'plan.created' || type === 'plan.started')).toEqual([
      'plan.created',
      'plan.started',
    ]);
    expect((await call('POST', '/v1/plans', body, { 'idempotency-key': 'one' })).text).toBe(answers[0]?.text);
    const other = await call('POST', '/v1/plans', { ...body, objective: 'another' }, { 'idempotency-key': 'one' });
    expect([other.status, other.body.code]).toEqual([409, 'idempotency_conflict']);
  });

  test('are one task, and all get the very same answer', async () => {
    const answers = await times(200, () => call('POST', '/v1/tasks', { objective: 'think' }, { 'idempotency-key': 'two' }));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await listed('tasks')).toBe(1);
  });

  test('are one vote on a plan that starts by it, and all get the very same answer', async () => {
    const plan = await newPlan();
    const vote = () => call('POST', `/v1/plans/${plan.id}/approve`, { digest: plan.digest }, { 'idempotency-key': 'three' });
    const answers = await times(50, vote);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const done = await untilPlan(stores[0] as Store, plan.id, 'completed');
    expect(done.approvals).toHaveLength(1);
    expect(probe.called(plan.id)).toEqual(['a']);
    expect((await vote()).text).toBe(answers[0]?.text);
  });
});

describe('approve, reject and edit at once', () => {
  test('one of them wins, the others hear which status or digest stands in their way, and the log has one decision', async () => {
    const winners: string[] = [];
    for (let round = 0; round < 6; round++) {
      const plan = await newPlan();
      const sends = [
        () => call('POST', `/v1/plans/${plan.id}/approve`, { digest: plan.digest }),
        () => call('POST', `/v1/plans/${plan.id}/reject`, { digest: plan.digest, reason: 'no' }),
        () => call('PUT', `/v1/plans/${plan.id}`, { steps: [probeStep('other')] }, { 'if-match': plan.digest }),
      ];
      // Each of them comes first in its turn.
      const order = [0, 1, 2].map((at) => (at + round) % 3);
      const answers = await Promise.all([...order, ...order].map((at) => sends[at]?.() as Promise<Answer>));
      expect(
        answers.filter(({ status }) => status === 200),
        JSON.stringify(answers.map(({ status, body }) => [status, body.code])),
      ).toHaveLength(1);
      for (const { status, body } of answers.filter((answer) => answer.status !== 200)) {
        expect([`${status} ${body.code}`]).toContainEqual(
          expect.stringMatching(/^(409 (wrong_state|stale_digest|already_voted)|412 stale_digest)$/),
        );
        expect(body.currentStatus ?? body.currentDigest ?? body.code).toMatch(/^(executing|completed|rejected|sha256:.*|already_voted)$/);
      }
      const decisions = (await eventsOf(plan.id)).filter((type) => ['plan.approved', 'plan.rejected', 'plan.revised'].includes(type));
      expect(decisions).toHaveLength(1);
      winners.push(String(decisions[0]));
      const isApproved = decisions[0] === 'plan.approved';
      if (isApproved) await untilPlan(stores[0] as Store, plan.id, 'completed');
      expect(probe.called(plan.id)).toEqual(isApproved ? ['a'] : []);
    }
    expect(new Set(winners).size, `always the same one won: ${winners[0]}`).toBeGreaterThan(1);
  });

  test('of different edits of one digest one wins; the others, and whoever decides about the digest from before, hear which one there is', async () => {
    for (let round = 0; round < 3; round++) {
      const plan = await newPlan();
      const edit = (at: number) => call('PUT', `/v1/plans/${plan.id}`, { steps: [probeStep(`edit${at}`)] }, { 'if-match': plan.digest });
      const edits = await times(8, edit);
      const [winner, ...more] = edits.filter(({ status }) => status === 200) as [Answer];
      expect(more).toEqual([]);
      const { digest } = winner.body.plan as Plan;
      const late = await Promise.all([
        call('POST', `/v1/plans/${plan.id}/approve`, { digest: plan.digest }),
        call('POST', `/v1/plans/${plan.id}/reject`, { digest: plan.digest, reason: 'no' }),
        edit(9),
      ]);
      for (const { status, body } of [...edits.filter((answer) => answer !== winner), ...late])
        expect([status, body.code, body.currentDigest]).toEqual([expect.toBeOneOf([409, 412]), 'stale_digest', digest]);
      expect(late.map(({ status }) => status)).toEqual([409, 409, 412]);
      const { revision, status, approvals } = await readPlan(stores[0] as Store, plan.id);
      expect([revision, status, approvals]).toEqual([2, 'pending_approval', []]);
      expect(probe.called(plan.id)).toEqual([]);
    }
  });

  test('with a cancel among them: it stands, whoever came before it, and nothing begins behind it', async () => {
    for (let round = 0; round < 6; round++) {
      const plan = await newPlan();
      const sends = [
        () => call('POST', `/v1/plans/${plan.id}/approve`, { digest: plan.digest }),
        () => call('POST', `/v1/plans/${plan.id}/cancel`, {}),
        () => call('PUT', `/v1/plans/${plan.id}`, { steps: [probeStep('other')] }, { 'if-match': plan.digest }),
        () => call('POST', `/v1/plans/${plan.id}/reject`, { digest: plan.digest, reason: 'no' }),
        () => call('POST', `/v1/plans/${plan.id}/cancel`, {}),
      ];
      const answers = await Promise.all(sends.map((_, at) => (sends[(at + round) % sends.length] as (typeof sends)[0])()));
      const byVerb = new Map(answers.map((answer, at) => [(at + round) % sends.length, answer]));
      const cancels = [byVerb.get(1), byVerb.get(4)] as Answer[];
      const types = await eventsOf(plan.id);
      expect(cancels.filter(({ status }) => status === 200)).toHaveLength(types.filter((type) => type === 'plan.cancelled').length);
      for (const { status, body } of answers.filter((answer) => answer.status !== 200))
        expect(`${status} ${body.code}`).toMatch(/^4(09|12) (wrong_state|stale_digest|already_voted)$/);
      const { status } = await readPlan(stores[0] as Store, plan.id);
      if (types.includes('plan.cancelled')) {
        expect(status).toBe('cancelled');
        expect(types.slice(types.indexOf('plan.cancelled') + 1)).toEqual([]);
      } else expect(types.some((type) => type === 'plan.rejected' || type === 'plan.completed')).toBe(true);
      // Either it was approved before it was edited, or never.
      expect(types.includes('plan.approved') && types.includes('plan.revised')).toBe(false);
    }
  });
});
