import type { Problem, Webhook, WebhookDelivery } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { createPlan, useApi } from '../test/running-api.ts';

const ENDPOINT = { url: 'https://chat.example.com/hooks/1', events: ['plan.ended'] };
type Made = { webhook: Webhook; secret: string | null };

describe('webhooks', () => {
  const api = useApi();
  const make = async (fields = {}): Promise<Made> => {
    const { status, body } = await api.call<Made>('/v1/webhooks', { body: { ...ENDPOINT, ...fields } });
    expect(status).toBe(201);
    return body;
  };
  const read = async (id: string) => (await api.call<{ webhook: Webhook }>(`/v1/webhooks/${id}`)).body.webhook;

  it('shows the secret once, when the webhook is made, and nowhere afterwards', async () => {
    const { webhook, secret } = await make({ description: 'For the team' });
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(webhook).toMatchObject({ ...ENDPOINT, description: 'For the team', enabled: true, createdBy: 'local', disabledReason: null });
    const seen = [
      (await api.call(`/v1/webhooks/${webhook.id}`)).text,
      (await api.call('/v1/webhooks')).text,
      (await api.call(`/v1/webhooks/${webhook.id}`, { method: 'PUT', body: { events: ['*'] } })).text,
      JSON.stringify(api.log),
    ].join();
    expect(seen).not.toContain(String(secret).slice(6));
    expect((await read(webhook.id)).events).toEqual(['*']);
  });

  it('makes one webhook of a repeated call, and does not show its secret again', async () => {
    const call = () => api.call<Made>('/v1/webhooks', { body: ENDPOINT, idempotencyKey: 'w1' });
    const [first, second] = [await call(), await call()];
    expect(second).toMatchObject({ status: 201, body: { webhook: { id: first.body.webhook.id }, secret: null } });
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect((await api.call<{ items: Webhook[] }>('/v1/webhooks')).body.items).toHaveLength(1);
    const other = await api.call<Problem>('/v1/webhooks', { body: { ...ENDPOINT, events: ['*'] }, idempotencyKey: 'w1' });
    expect([other.status, other.body.code]).toEqual([409, 'idempotency_conflict']);
  });

  it.each([
    ['ftp://example.com/', 'must start with https://'],
    ['chat.example.com', 'must be a URL'],
    ['https://me:pass@example.com/', 'must not hold a user'],
    ['https://example.com/#part', 'must not have a fragment'],
    ['http://127.0.0.1:9/', 'private address'],
    ['http://[::1]/', 'private address'],
    ['http://0x7f.1/', 'private address'],
    ['http://localhost/', 'private address'],
    ['http://10.1.2.3/', 'private address'],
    ['http://169.254.169.254/latest', 'private address'],
  ])('refuses %s', async (url, message) => {
    const { status, body } = await api.call<Problem>('/v1/webhooks', { body: { ...ENDPOINT, url } });
    expect([status, body.code, body.issues?.[0]?.path]).toEqual([422, 'invalid_request', 'url']);
    expect(body.issues?.[0]?.message).toContain(message);
    const { webhook } = await make();
    expect((await api.call(`/v1/webhooks/${webhook.id}`, { method: 'PUT', body: { url } })).status).toBe(422);
  });

  it('names every issue of a body', async () => {
    const { body } = await api.call<Problem>('/v1/webhooks', { body: { url: 'x', events: ['plan.finished'], secret: 'mine' } });
    expect(body.issues?.map(({ path, code }) => `${path} ${code}`).sort()).toEqual([
      'events[0] bad_input',
      'secret unknown_field',
      'url bad_input',
    ]);
  });

  it('takes fifty, and says so to the next', async () => {
    await Promise.all(Array.from({ length: 50 }, () => make()));
    const { status, body } = await api.call<Problem>('/v1/webhooks', { body: ENDPOINT });
    expect([status, body.code]).toEqual([409, 'wrong_state']);
    expect(body.detail).toContain('there are 50 webhooks');
    expect((await api.call<{ items: Webhook[] }>('/v1/webhooks')).body.items).toHaveLength(50);
  });

  it('is disabled and enabled by hand, with who did it', async () => {
    const { webhook } = await make();
    const put = async (enabled: boolean) =>
      (await api.call<{ webhook: Webhook }>(`/v1/webhooks/${webhook.id}`, { method: 'PUT', body: { enabled }, actor: 'ada' })).body.webhook;
    expect(await put(false)).toMatchObject({ enabled: false, disabledReason: 'disabled by ada' });
    expect(await put(true)).toMatchObject({ enabled: true, disabledReason: null });
  });

  it('has its deliveries listed by status, in pages, the newest first', async () => {
    const { webhook } = await make({ enabled: false });
    const path = `/v1/webhooks/${webhook.id}`;
    const tested: string[] = [];
    for (let i = 0; i < 3; i++) {
      const { status, body } = await api.call<{ delivery: WebhookDelivery }>(`${path}/test`, { body: {} });
      expect([status, body.delivery.status, body.delivery.type]).toEqual([202, 'pending', 'webhook.test']);
      tested.push(body.delivery.id);
    }
    type Page = { items: WebhookDelivery[]; nextCursor: string | null };
    const first = (await api.call<Page>(`${path}/deliveries?limit=2`)).body;
    const second = (await api.call<Page>(`${path}/deliveries?limit=2&cursor=${first.nextCursor}`)).body;
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(tested.reverse());
    expect(second.nextCursor).toBeNull();
    expect((await api.call<Page>(`${path}/deliveries?status=dead`)).body.items).toEqual([]);
    const again = await api.call<Problem>(`${path}/deliveries/${tested[0]}/redeliver`, { body: {} });
    expect([again.status, again.body.currentStatus]).toEqual([409, 'pending']);
    expect((await read(webhook.id)).pending).toBe(3);
  });

  it('a repeated test is one', async () => {
    const { webhook } = await make();
    const call = () => api.call<{ delivery: WebhookDelivery }>(`/v1/webhooks/${webhook.id}/test`, { body: {}, idempotencyKey: 't' });
    expect((await call()).body).toEqual((await call()).body);
    expect((await read(webhook.id)).pending).toBe(1);
  });

  it('is gone once it is deleted', async () => {
    const { webhook } = await make();
    const path = `/v1/webhooks/${webhook.id}`;
    expect((await api.call(path, { method: 'DELETE' })).status).toBe(204);
    const calls = [
      api.call<Problem>(path),
      api.call<Problem>(path, { method: 'PUT', body: { enabled: true } }),
      api.call<Problem>(path, { method: 'PUT', body: {} }),
      api.call<Problem>(path, { method: 'DELETE' }),
      api.call<Problem>(`${path}/rotate`, { body: {} }),
      api.call<Problem>(`${path}/test`, { body: {} }),
      api.call<Problem>(`${path}/deliveries`),
      api.call<Problem>(`${path}/deliveries/whd_01k5r9v4c2hd6s9p0gjyea/redeliver`, { body: {} }),
      api.call<Problem>(`${path}/deliveries/nope/redeliver`, { body: {} }),
      api.call<Problem>('/v1/webhooks/nope'),
    ];
    for (const { status, body } of await Promise.all(calls)) expect([status, body.code]).toEqual([404, 'not_found']);
  });

  it('shows its queue, and from a job the way to its deliveries', async () => {
    const { webhook } = await make();
    await api.call(`/v1/webhooks/${webhook.id}/test`, { body: {} });
    const { text } = await api.call('/admin/queues/api/queues?activeQueue=webhooks&status=latest&page=1');
    expect(text).toContain(`/v1/webhooks/${webhook.id}/deliveries`);
  });
});

describe('with keys', () => {
  const api = useApi({ keys: 'ada:admin:a,otto:operator:o,sue:submitter+approver+viewer:s' });
  const as = (secret: string) => ({ Authorization: `Bearer ${secret}` });

  it('an admin may all, an operator looks, nobody else sees them', async () => {
    const made = await api.call<Made>('/v1/webhooks', { body: ENDPOINT, headers: as('a') });
    const path = `/v1/webhooks/${made.body.webhook.id}`;
    const reads = ['/v1/webhooks', path, `${path}/deliveries`];
    const writes: [string, string][] = [
      ['POST', '/v1/webhooks'],
      ['PUT', path],
      ['DELETE', path],
      ['POST', `${path}/rotate`],
      ['POST', `${path}/test`],
      ['POST', `${path}/deliveries/whd_01k5r9v4c2hd6s9p0gjyea/redeliver`],
    ];
    for (const each of reads) {
      expect((await api.call(each, { headers: as('o') })).status, each).toBe(200);
      expect((await api.call(each, { headers: as('s') })).status, each).toBe(403);
    }
    for (const [method, each] of writes)
      for (const secret of ['o', 's'])
        expect((await api.call(each, { method, headers: as(secret), ...(method !== 'DELETE' && { body: {} }) })).status, each).toBe(403);
  });
});

describe('the outbox', () => {
  const api = useApi();
  it('holds what webhooks want, once there is one', async () => {
    await createPlan(api);
    expect(await api.store.readHooks(10)).toEqual([]);
    await api.call('/v1/webhooks', { body: { ...ENDPOINT, events: ['plan.pending_approval', 'plan.created'] } });
    await createPlan(api);
    expect((await api.store.readHooks(10)).map(({ event }) => event.type)).toEqual(['plan.created', 'plan.submitted']);
  });
});
