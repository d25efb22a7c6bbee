/** Reads server-sent events from bytes as they come. */
export interface ServerSentEvent {
  id: string;
  type: string;
  data: string;
}

function parseBlock(block: string, lastId: string): ServerSentEvent | null {
  const event = { id: lastId, type: 'message', data: [] as string[] };
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon === 0) continue;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id') event.id = value;
    else if (field === 'event') event.type = value;
    else if (field === 'data') event.data.push(value);
  }
  return event.data.length === 0 ? null : { ...event, data: event.data.join('\n') };
}

/** Yields each event of the stream; an event that the stream's end cut off is not yielded. */
export async function* readServerSentEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let text = '';
  let lastId = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    // A CR at the end may be the first half of a CRLF.
    const held = text.endsWith('\r') ? '\r' : '';
    text = text
      .slice(0, text.length - held.length)
      .replaceAll('\r\n', '\n')
      .replaceAll('\r', '\n');
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const event = parseBlock(text.slice(0, end), lastId);
      text = text.slice(end + 2);
      if (event === null) continue;
      lastId = event.id;
      yield event;
    }
    text += held;
  }
}
