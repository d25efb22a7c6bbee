/** A plan's events as they happen, over connections that may break. */
import { type Event, retryDelay } from '@countersign/shared';
import { ApiError, ConnectionError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { pause } from './pause.ts';
import { readServerSentEvents } from './server-sent-events.ts';
import { readMilliseconds, readTrouble, type Transport } from './transport.ts';

export interface EventsOptions {
  /** the id of the last event that was seen: it goes on after that one; absent: from the plan's first */
  after?: string | undefined;
  signal?: AbortSignal | undefined;
  /** milliseconds that a connection may be silent before it counts as broken; absent: 45,000, three of the API's signs of life */
  silenceMs?: number | undefined;
  /** milliseconds that it tries to get a stream again before it gives up; absent: 60,000 */
  patienceMs?: number | undefined;
}

const SILENCE_MS = 45_000;
const PATIENCE_MS = 60_000;
/** A connection that has been good for this long was not part of the trouble. */
const GOOD_MS = 5_000;

/** The position that an event's id says: milliseconds, then a number among those of the same millisecond. */
const positionOf = (id: string): [number, number] => {
  const [ms, number = '0'] = id.split('-');
  return [Number(ms), Number(number)];
};

function comesAfter(id: string, other: string): boolean {
  const [ms, number] = positionOf(id);
  const [otherMs, otherNumber] = positionOf(other);
  return ms === otherMs ? number > otherNumber : ms > otherMs;
}

interface Reading {
  exchange: Exchange;
  silenceMs: number;
  onBytes(): void;
}

/** The bytes of a body, until it ends or says nothing for too long. */
async function* bytesOf(response: Response, { exchange, silenceMs, onBytes }: Reading): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  for (;;) {
    // Only while it is waited for: whoever takes long over an event does not break the connection.
    const timer = setTimeout(() => exchange.abort(new ConnectionError(`the event stream was silent for ${silenceMs} ms`)), silenceMs);
    const { done, value } = await exchange.run(() => reader.read()).finally(() => clearTimeout(timer));
    if (done) return;
    onBytes();
    yield value;
  }
}

/**
 * Every event once and in order, live until the plan has ended. A connection that broke is taken up after the last event.
 * Throws an ApiError where the API won't give the stream, the last ConnectionError or ApiError when nobody gave one for
 * `patienceMs`, or the signal's reason. `path` is that of the stream.
 */
export async function* planEvents(transport: Transport, path: string, options: EventsOptions = {}): AsyncGenerator<Event, void, undefined> {
  const { signal } = options;
  const silenceMs = readMilliseconds('silenceMs', options.silenceMs ?? SILENCE_MS);
  const patienceMs = readMilliseconds('patienceMs', options.patienceMs ?? PATIENCE_MS);
  let last = options.after ?? null;
  let troubles = 0;
  let troubleSince: number | null = null;
  for (;;) {
    const before = last;
    let trouble: unknown;
    let openedAt = 0;
    let bytesAt = 0;
    let exchange: Exchange | null = null;
    try {
      const headers = { Accept: 'text/event-stream', ...(last !== null && { 'Last-Event-ID': last }) };
      const opened = await transport.open({ method: 'GET', path, headers, signal });
      exchange = opened.exchange;
      // How the API says that the plan has ended and there is nothing after that event.
      if (opened.response.status === 204) return;
      if (opened.response.headers.get('Content-Type')?.startsWith('text/event-stream') !== true) {
        const detail = `${path} was answered with something that is not an event stream; is it the API?`;
        throw new ApiError({ status: opened.response.status, text: '', headers: opened.response.headers, detail });
      }
      exchange.unlimited();
      openedAt = bytesAt = performance.now();
      const onBytes = (): void => {
        bytesAt = performance.now();
      };
      for await (const message of readServerSentEvents(bytesOf(opened.response, { exchange, silenceMs, onBytes }))) {
        const event = JSON.parse(message.data) as Event;
        if (last !== null && !comesAfter(event.id, last)) continue;
        last = event.id;
        yield event;
      }
      trouble = new ConnectionError('the event stream ended before its plan');
    } catch (error) {
      if (!readTrouble(error).mayPass) throw error;
      trouble = error;
    } finally {
      exchange?.abort(new ConnectionError('the event stream is not read any more'));
      exchange?.end();
    }
    if (last !== before || bytesAt - openedAt > GOOD_MS) {
      troubles = 0;
      troubleSince = null;
    }
    // Streams end with their plan, and when an API shuts down: either way there is an answer at once.
    if (last !== before) continue;
    troubles++;
    troubleSince ??= performance.now();
    const { askedMs } = readTrouble(trouble);
    if (performance.now() - troubleSince + askedMs > patienceMs) throw trouble;
    await pause(Math.max(askedMs, retryDelay(transport.retries, troubles)), signal);
  }
}
