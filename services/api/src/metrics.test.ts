import { Metrics } from '@countersign/service';
import { openStore, startEmbeddedRedis } from '@countersign/store';
import { describe, expect, it } from 'vitest';
import { collectingLogger, createPlan, useApi } from '../test/running-api.ts';
import { startApi } from './server.ts';

/** The value of a series; null where there is none. */
const seriesOf = (text: string, series: string): number | null => {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? null : Number(line.slice(series.length + 1));
};

describe('the metrics', () => {
  const api = useApi();
  const metrics = async (): Promise<string> => (await api.call('/metrics')).text;

  it('count plans by status, what waits for people, and the jobs of queues', async () => {
    await createPlan(api);
    await createPlan(api, { options: { autoApprove: true } });
    const text = await metrics();
    expect(seriesOf(text, 'countersign_plans{status="pending_approval"}')).toBe(1);
    expect(seriesOf(text, 'countersign_plans{status="executing"}')).toBe(1);
    expect(seriesOf(text, 'countersign_plans{status="failed"}')).toBe(0);
    expect(seriesOf(text, 'countersign_approvals_waiting{kind="plan"}')).toBe(1);
    expect(seriesOf(text, 'countersign_queue_jobs{queue="steps",state="prioritized"}')).toBe(1);
    expect(seriesOf(text, 'countersign_events_total{type="plan.created"}')).toBe(2);
    expect(seriesOf(text, 'countersign_queue_oldest_waiting_seconds{queue="steps"}')).not.toBeNull();
  });

  it('know the queues that tools name', async () => {
    const [tool] = await api.store.listTools();
    if (tool !== undefined) await api.store.announceTools([{ ...tool, name: 'test.slow', queue: 'slow' }]);
    await expect.poll(async () => seriesOf(await metrics(), 'countersign_queue_jobs{queue="slow",state="waiting"}')).toBe(0);
  });

  it('measure calls by route, never by what was called for', async () => {
    const { id } = await createPlan(api);
    await api.call(`/v1/plans/${id}`);
    await api.call(`/v1/plans/${id}`);
    await api.call('/v1/plans/pln_0000000000000000000000');
    await fetch(`${api.url}/no/such/place/${id}`);
    const series = (status: number, route = '/v1/plans/:id') =>
      `countersign_http_request_duration_seconds_count{method="GET",route="${route}",status="${status}"}`;
    await expect.poll(async () => seriesOf(await metrics(), series(404, 'none'))).toBe(1);
    const text = await metrics();
    expect([seriesOf(text, series(200)), seriesOf(text, series(404))]).toEqual([2, 1]);
    expect(text).not.toContain(id);
  });

  it('count the event streams that are open, and leave them out of the durations', async () => {
    const { id } = await createPlan(api);
    const over = new AbortController();
    const stream = await fetch(`${api.url}/v1/plans/${id}/events`, { signal: over.signal });
    const open = async () => seriesOf(await metrics(), 'countersign_http_event_streams');
    expect([stream.status, await open()]).toEqual([200, 1]);
    over.abort();
    await expect.poll(open).toBe(0);
    expect(await metrics()).not.toContain('/events"');
  });

  it('read the store once for all who ask within a second', async () => {
    await metrics();
    const { id } = await createPlan(api);
    expect(id).not.toBe('');
    expect(seriesOf(await metrics(), 'countersign_plans{status="pending_approval"}')).toBe(0);
    await expect.poll(async () => seriesOf(await metrics(), 'countersign_plans{status="pending_approval"}'), { timeout: 5_000 }).toBe(1);
  });
});

describe('the metrics, with keys', () => {
  const api = useApi({ keys: 'prometheus:viewer:s3cret' });

  it('are shown to whoever may read, and to nobody else', async () => {
    expect((await api.call('/metrics')).status).toBe(401);
    const { status, headers, text } = await api.call('/metrics', { headers: { Authorization: 'Bearer s3cret' } });
    expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(text).toContain('# TYPE countersign_plans gauge');
  });
});

it('metrics are answered while Redis is away: without what is in the store', async () => {
  const redis = await startEmbeddedRedis();
  const store = openStore({ redis: { url: redis.url } });
  const metrics = new Metrics();
  metrics.watchProcess();
  const api = await startApi({ store, logger: collectingLogger().logger, keys: null, metrics, host: '127.0.0.1', port: 0 });
  try {
    await expect.poll(async () => (await fetch(`${api.url}/metrics`)).text()).toContain('countersign_plans{status="failed"} 0');
    await redis.stop();
    const gone = async (): Promise<boolean> => !(await (await fetch(`${api.url}/metrics`)).text()).includes('countersign_plans{');
    await expect.poll(gone, { timeout: 20_000 }).toBe(true);
    expect(await (await fetch(`${api.url}/metrics`)).text()).toContain('process_cpu_seconds_total');
  } finally {
    await api.close();
    await store.close();
    await redis.stop();
  }
});
