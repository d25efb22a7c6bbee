/** A plan's events as a stream of server-sent events. */
import { once } from 'node:events';
import { type Event, isEndedPlan, type Plan } from '@countersign/shared';
import { z } from 'zod';
import { type Answer, problem } from './answer.ts';
import { eventExample } from './examples.ts';
import { type Call, type Operation, operation } from './operation.ts';
import { noPlan } from './plan-answers.ts';

/** Milliseconds that a client waits before it connects again. */
const RECONNECT_MS = 1_000;
export const EVENTS_PATH = '/v1/plans/:id/events';
/** The id of an entry of a Redis stream. */
export const EVENT_ID = /^\d{1,20}(-\d{1,20})?$/;

const frame = (event: Event): string => `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

/** The id after which to begin: a browser that connects again says it in the header, whatever the URL says. */
function readAfter({ request, query }: Call<{ lastEventId?: string | undefined }>): string | null {
  const header = request.headers['last-event-id'];
  const given = (typeof header === 'string' && header !== '' ? header : query.lastEventId) ?? '0';
  return EVENT_ID.test(given) ? given : null;
}

/** Writes every event as it comes, as fast as the client reads. Resolves when the plan has ended or `signal` aborts. */
async function pump({ context, params, response }: Call, after: string, signal: AbortSignal): Promise<void> {
  for await (const event of context.store.tailEvents(params.id ?? '', { after, signal })) {
    if (signal.aborted) return;
    if (!response.write(frame(event))) await once(response, 'drain', { signal });
  }
}

async function stream(call: Call, after: string): Promise<Answer> {
  const { context, log, request, response } = call;
  // Who went away while the plan was looked up has been closed already: nothing would ever end their stream.
  if (response.destroyed) return { kind: 'written' };
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    // Proxies that buffer would hold events back.
    'X-Accel-Buffering': 'no',
    Connection: 'close',
  });
  if (request.method === 'HEAD') {
    response.end();
    return { kind: 'written' };
  }
  response.write(`retry: ${RECONNECT_MS}\n\n`);
  const over = new AbortController();
  const stop = (): void => {
    over.abort();
    response.end();
  };
  response.once('close', stop);
  context.draining.addEventListener('abort', stop, { once: true });
  if (context.draining.aborted) stop();
  const closed = context.meters.streamOpened();
  const heartbeat = setInterval(() => {
    // A client that doesn't read gets no heartbeats piled up for it.
    if (!response.writableNeedDrain) response.write(': still here\n\n');
  }, context.heartbeatMs);
  try {
    await pump(call, after, over.signal);
  } catch (error) {
    // The client connects again and goes on after the last event it saw.
    if (!over.signal.aborted) log.warn({ err: error }, 'an event stream broke off');
  } finally {
    clearInterval(heartbeat);
    closed();
    context.draining.removeEventListener('abort', stop);
    stop();
  }
  return { kind: 'written' };
}

/** A failed plan that the planner writes anew by itself goes on. */
export function isOver({ status, planning }: Plan): boolean {
  const replanned = planning?.kind === 'replan' && (planning.status === 'queued' || planning.status === 'planning');
  return isEndedPlan(status) && !replanned;
}

async function readEvents(call: Call<{ lastEventId?: string | undefined }>): Promise<Answer> {
  const id = call.params.id ?? '';
  const after = readAfter(call);
  if (after === null) {
    const message = 'must be the id of an event, like 1772442990000-0';
    return problem('invalid_request', `Last-Event-ID ${message}`, { issues: [{ path: 'Last-Event-ID', code: 'bad_input', message }] });
  }
  const { store } = call.context;
  const plan = await store.getPlan(id);
  if (plan === null) return noPlan(id);
  // An EventSource connects again whenever a stream ends; 204 is how it is told that there is nothing left.
  if (after !== '0' && isOver(plan) && (await store.readEvents(id, { after, limit: 1 })).length === 0)
    return { kind: 'empty', status: 204 };
  return stream(call, after);
}

export const eventOperations: readonly Operation[] = [
  operation({
    method: 'get',
    path: EVENTS_PATH,
    id: 'followPlan',
    tag: 'plans',
    summary: 'Follow a plan’s events',
    description:
      'Server-sent events: first those after the header `Last-Event-ID` (or `?lastEventId=`; without either, all), then live. `id:` is the ' +
      'event’s id, `event:` its type, `data:` the event as JSON. Lines that start with `:` keep the connection open. The stream closes ' +
      'when the plan has ended.',
    access: 'read',
    headers: { 'Last-Event-ID': 'the id of the last event that was seen; the stream goes on after it' },
    query: z.strictObject({ lastEventId: z.string().optional() }),
    answers: {
      200: {
        description: 'The stream.',
        content: {
          'text/event-stream': {
            schema: z.string(),
            example: frame(eventExample),
          },
        },
      },
      204: { description: 'The plan has ended and there is no event after the one named.' },
    },
    errors: ['not_found', 'invalid_request'],
    handle: readEvents,
  }),
];
