/** Reads a stream of server-sent events as it comes. */
import type { Event } from '@countersign/shared';

export interface Frame {
  id: string | undefined;
  event: string | undefined;
  data: Event | undefined;
  /** a comment, which is a heartbeat */
  comment: string | undefined;
}

export interface EventReader {
  status: number;
  headers: Headers;
  /** the next frame; null when the stream has ended */
  next(): Promise<Frame | null>;
  /** all events until the stream ends */
  rest(): Promise<Event[]>;
  close(): void;
}

function parse(block: string): Frame {
  const fields = new Map(
    block.split('\n').map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const data = fields.get('data');
  return {
    id: fields.get('id'),
    event: fields.get('event'),
    data: data === undefined ? undefined : (JSON.parse(data) as Event),
    comment: fields.get(''),
  };
}

export async function readEventStream(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const over = new AbortController();
  const response = await fetch(url, { headers, signal: over.signal });
  const decoder = new TextDecoder();
  const chunks = response.body?.getReader();
  let text = '';
  const next = async (): Promise<Frame | null> => {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end !== -1) {
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        return parse(block);
      }
      const chunk = await chunks?.read();
      if (chunk === undefined || chunk.done) return null;
      text += decoder.decode(chunk.value, { stream: true });
    }
  };
  return {
    status: response.status,
    headers: response.headers,
    next,
    async rest() {
      const events: Event[] = [];
      for (let frame = await next(); frame !== null; frame = await next()) if (frame.data !== undefined) events.push(frame.data);
      return events;
    },
    close: () => over.abort(),
  };
}
