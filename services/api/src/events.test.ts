import { EventEmitter, once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { eventSchema, foldEvents, type Plan, type Problem } from '@countersign/shared';
import type { Store } from '@countersign/store';
import { describe, expect, it, vi } from 'vitest';
import { type EventReader, readEventStream } from '../test/event-reader.ts';
import { collectingLogger, completeSteps, createPlan, useApi } from '../test/running-api.ts';
import { startApi } from './server.ts';

const api = useApi({ heartbeatMs: 50 });
const streamOf = (plan: Pick<Plan, 'id'>, headers: Record<string, string> = {}, query = ''): Promise<EventReader> =>
  readEventStream(`${api.url}/v1/plans/${plan.id}/events${query}`, headers);
const cancel = (plan: Plan) => api.call(`/v1/plans/${plan.id}/cancel`, { method: 'POST' });
const nextEvent = async (stream: EventReader) => {
  for (let frame = await stream.next(); frame !== null; frame = await stream.next()) if (frame.data !== undefined) return frame;
  return null;
};

describe('a stream of events', () => {
  it('replays what was, goes on live and closes when the plan has ended', async () => {
    const plan = await createPlan(api);
    const stream = await streamOf(plan);
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    const first = await nextEvent(stream);
    expect(first).toMatchObject({ event: 'plan.created', data: { type: 'plan.created', planId: plan.id } });
    expect(first?.id).toBe(first?.data?.id);
    expect((await nextEvent(stream))?.event).toBe('plan.submitted');
    await cancel(plan);
    const rest = await stream.rest();
    expect(rest.at(-1)?.type).toBe('plan.cancelled');
    for (const event of rest) eventSchema.parse(event);
  });

  it('may have more than ten readers, of whom Node warned as of a leak', async () => {
    const warnings: string[] = [];
    const note = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', note);
    const plan = await createPlan(api);
    const streams = await Promise.all(Array.from({ length: 12 }, () => streamOf(plan)));
    await Promise.all(streams.map(nextEvent));
    await cancel(plan);
    for (const stream of streams) expect((await stream.rest()).at(-1)?.type).toBe('plan.cancelled');
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('whose reader went away while the plan was looked up is not opened: it would never have ended', async () => {
    const plan = await createPlan(api);
    const { getPlan } = api.store;
    const lookUp = new EventEmitter();
    const asked = once(lookUp, 'asked');
    api.store.getPlan = async (id) => {
      const goOn = once(lookUp, 'go on');
      lookUp.emit('asked');
      await goOn;
      return getPlan.call(api.store, id);
    };
    const reader = request(`${api.url}/v1/plans/${plan.id}/events`);
    reader.on('error', () => {});
    reader.end();
    await asked;
    reader.destroy();
    await expect.poll(() => api.log.some(({ aborted }) => aborted === true)).toBe(true);
    api.store.getPlan = getPlan;
    const seen = vi.spyOn(api.store, 'tailEvents');
    lookUp.emit('go on');
    // Whatever it does with the plan it does before the next plan has been read.
    await api.call(`/v1/plans/${plan.id}`);
    const { text } = await api.call('/metrics');
    expect([seen.mock.calls, /^countersign_http_event_streams (\d+)$/m.exec(text)?.[1] ?? '0']).toEqual([[], '0']);
    seen.mockRestore();
  });

  it('tells a run so that folding it gives the plan', async () => {
    const executor = completeSteps(api.store, { text: 'x' });
    try {
      const plan = await createPlan(api);
      const stream = await streamOf(plan);
      await api.call(`/v1/plans/${plan.id}/approve`, { body: { digest: plan.digest } });
      const folded = foldEvents(await stream.rest());
      expect(folded.status).toBe('completed');
      expect([...folded.steps.values()].map(({ status }) => status)).toEqual(['completed', 'completed']);
    } finally {
      await executor.close();
    }
  });

  it('goes on after the event that was seen last, named in the header before the URL', async () => {
    const plan = await createPlan(api);
    await cancel(plan);
    const all = await (await streamOf(plan)).rest();
    const [first, second] = all;
    expect(await (await streamOf(plan, { 'Last-Event-ID': first?.id ?? '' })).rest()).toEqual(all.slice(1));
    expect(await (await streamOf(plan, {}, `?lastEventId=${first?.id}`)).rest()).toEqual(all.slice(1));
    expect(await (await streamOf(plan, { 'Last-Event-ID': second?.id ?? '' }, `?lastEventId=${first?.id}`)).rest()).toEqual(all.slice(2));
  });

  it('that has nothing left is 204, so that browsers stop connecting again', async () => {
    const plan = await createPlan(api);
    await cancel(plan);
    const last = (await (await streamOf(plan)).rest()).at(-1);
    const again = await api.call(`/v1/plans/${plan.id}/events`, { headers: { 'Last-Event-ID': last?.id ?? '' } });
    expect([again.status, again.text]).toEqual([204, '']);
  });

  it('keeps a silent connection open with comments', async () => {
    const plan = await createPlan(api);
    const stream = await streamOf(plan);
    await nextEvent(stream);
    await nextEvent(stream);
    expect((await stream.next())?.comment).toBe('still here');
    stream.close();
  });

  it.each(['x', '1-', '-1', '1 2', '$', '(1-0'])('refuses %j as an id of an event', async (id) => {
    const plan = await createPlan(api);
    const { status, body } = await api.call<Problem>(`/v1/plans/${plan.id}/events`, { headers: { 'Last-Event-ID': id } });
    expect([status, body.code, body.issues?.[0]?.path]).toEqual([422, 'invalid_request', 'Last-Event-ID']);
  });

  it('HEAD is answered without the stream', async () => {
    const plan = await createPlan(api);
    const head = await fetch(`${api.url}/v1/plans/${plan.id}/events`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([200, 'text/event-stream; charset=utf-8', '']);
  });

  it('ends with its client', async () => {
    const plan = await createPlan(api);
    const stream = await streamOf(plan);
    await nextEvent(stream);
    stream.close();
    await expect.poll(() => api.log.find(({ path }) => String(path).endsWith('/events'))).toMatchObject({ status: 200, aborted: true });
  });

  it('waits for a client that does not read instead of piling events up for it', async () => {
    const plan = await createPlan(api);
    await cancel(plan);
    const copies = 100;
    let handedOver = 0;
    // The plan's own events, many times over and large: more than the buffers of two sockets hold.
    async function* enlarged(...call: Parameters<Store['tailEvents']>) {
      for await (const event of api.store.tailEvents(...call)) {
        for (let copy = 0; copy < copies; copy++) {
          handedOver++;
          yield { ...event, data: { text: 'x'.repeat(200_000) } };
        }
      }
    }
    const store: Store = { ...api.store, tailEvents: enlarged };
    const slow = await startApi({ store, logger: collectingLogger().logger, keys: null, host: '127.0.0.1', port: 0 });
    try {
      const total = copies * (await api.store.readEvents(plan.id)).length;
      const call = request(`${slow.url}/v1/plans/${plan.id}/events`).end();
      const [response] = (await once(call, 'response')) as [IncomingMessage];
      const seen: number[] = [];
      await expect.poll(() => seen.push(handedOver) > 10 && seen.at(-1) === seen.at(-10), { timeout: 30_000, interval: 50 }).toBe(true);
      expect(handedOver).toBeGreaterThan(0);
      expect(handedOver).toBeLessThan(total);
      let frames = 0;
      for await (const chunk of response) frames += String(chunk).match(/^id: /gm)?.length ?? 0;
      expect(frames).toBe(total);
    } finally {
      await slow.close();
    }
  });
});
