/** Requests byte by byte, as no client of HTTP would send them. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  status: number;
  /** names in small letters */
  headers: Map<string, string>;
  body: string;
}

export async function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  // A connection that is cut while something is on its way to it is what these requests are about.
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** The first answer on a connection, once the other side has closed it. */
export async function answerOn(socket: Socket): Promise<RawAnswer> {
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(socket, 'close');
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(first.split(' ')[1]), headers: new Map(headers), body: rest.join('\r\n\r\n') };
}

/** Sends the bytes of these lines and an empty one, and what is behind them; reads the answer. */
export async function sendRaw(url: string, lines: readonly string[], rest = ''): Promise<RawAnswer> {
  const socket = await openSocket(url);
  const answer = answerOn(socket);
  socket.write(`${lines.join('\r\n')}\r\n\r\n${rest}`, 'latin1');
  return answer;
}
