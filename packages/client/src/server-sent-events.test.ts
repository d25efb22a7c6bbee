import { expect, test } from 'vitest';
import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts';

async function read(...chunks: (string | Uint8Array)[]): Promise<ServerSentEvent[]> {
  async function* body() {
    for (const chunk of chunks) yield typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
  }
  const events: ServerSentEvent[] = [];
  for await (const event of readServerSentEvents(body())) events.push(event);
  return events;
}

test('an event has id, type and data; comments and other fields are nothing', async () => {
  expect(await read(': hello\n\nid: 1-0\nevent: plan.started\nretry: 10\ndata: {"a":1}\n\n')).toEqual([
    { id: '1-0', type: 'plan.started', data: '{"a":1}' },
  ]);
});

test('an event may arrive in any pieces, inside a character too', async () => {
  const bytes = new TextEncoder().encode('id: 1\r\ndata: größe\r\ndata: two\r\n\r\nid: 2\ndata:x\n\n');
  const pieces = [...bytes].map((byte) => Uint8Array.of(byte));
  expect(await read(...pieces)).toEqual([
    { id: '1', type: 'message', data: 'größe\ntwo' },
    { id: '2', type: 'message', data: 'x' },
  ]);
});

test('an event without an id keeps the last one', async () => {
  expect((await read('id: 7\ndata: a\n\ndata: b\n\n')).map(({ id }) => id)).toEqual(['7', '7']);
});

test('an event that the end of the stream cut off is not given', async () => {
  expect(await read('data: whole\n\ndata: half\n')).toEqual([{ id: '', type: 'message', data: 'whole' }]);
});
