/** Webhooks where processes die: whoever is told is told all the same, under the same id. */
import type { WebhookDelivery } from '@countersign/shared';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Receiver, startReceiver } from '../webhooks/receiver.ts';
import { Fleet } from './fleet.ts';

const PATIENT = { timeout: 45_000, interval: 25 };
let fleet: Fleet;
let receiver: Receiver;
/** the plans whose first attempt gets no answer */
const silent = new Set<unknown>();
beforeAll(async () => {
  receiver = await startReceiver(({ message: { data } }) => (silent.delete(data.planId) ? 'hang' : 204));
  fleet = await Fleet.start({
    executors: 1,
    env: {
      WEBHOOK_ALLOW_PRIVATE: '127.0.0.0/8',
      WEBHOOK_BACKOFF_MS: '100',
      WEBHOOKS_EVERY_MS: '50',
      PUBLIC_URL: 'https://cs.example.com/',
    },
  });
});
afterAll(async () => {
  await receiver?.close();
  await fleet?.close();
});

async function register(events: string[]): Promise<{ id: string; secret: string }> {
  const { status, body } = await fleet.call('POST', '/v1/webhooks', { body: { url: receiver.url, events } });
  expect(status, JSON.stringify(body)).toBe(201);
  return { id: body.webhook.id, secret: body.secret };
}

const cameFor = (planId: string) => receiver.received.filter(({ message: { data } }) => data.planId === planId);
const idsOf = (planId: string) => cameFor(planId).map(({ headers }) => headers['webhook-id']);
const statuses = async (webhookId: string): Promise<string[]> =>
  (await fleet.call('GET', `/v1/webhooks/${webhookId}/deliveries`)).body.items.map(({ status }: WebhookDelivery) => status);
const draft = { objective: 'be told of', steps: [{ id: 'a', tool: 'test.record' }] };

test('a plan from start to end is told of, step by step, with links that people can open', async () => {
  const { id, secret } = await register(['step.started', 'step.completed', 'plan.ended']);
  const plan = await fleet.launchUntil(draft);
  await expect.poll(() => cameFor(plan.id).length, PATIENT).toBe(3);
  const types = cameFor(plan.id).map((came) => {
    const message = new Webhook(secret).verify(came.body, came.headers as Record<string, string>) as { type: string };
    return message.type;
  });
  expect(types.sort()).toEqual(['plan.ended', 'step.completed', 'step.started']);
  expect(cameFor(plan.id)[0]?.message.data.links).toEqual({ plan: `https://cs.example.com/v1/plans/${plan.id}` });
  await fleet.call('DELETE', `/v1/webhooks/${id}`);
});

test('an executor killed during a delivery, then everything restarted: what was sent comes again, what waited comes', async () => {
  const { id, secret } = await register(['plan.pending_approval']);
  const first = await fleet.createPlan({ ...draft, draft: true });
  silent.add(first.id);
  await fleet.send(first.id, 'submit');
  await expect.poll(() => cameFor(first.id).length, PATIENT).toBe(1);
  await Promise.all(fleet.executors.map((executor) => executor.end('SIGKILL')));
  // Nobody is there to tell of this one: it stays in the outbox.
  const second = await fleet.createPlan(draft);
  await fleet.endServices('SIGKILL');
  await fleet.restartRedis();
  await fleet.startApi();
  await fleet.startExecutor();

  await expect.poll(() => cameFor(second.id).length, PATIENT).toBe(1);
  await expect.poll(() => statuses(id), PATIENT).toEqual(['delivered', 'delivered']);
  expect(new Set(idsOf(first.id)).size).toBe(1);
  expect(cameFor(first.id)).toHaveLength(2);
  for (const { body, headers } of receiver.received.slice(-2)) new Webhook(secret).verify(body, headers as Record<string, string>);
});
