/** Sends attempts: what a client of HTTP can send over one, everything else byte by byte. */
import { type Agent, request } from 'node:http';
import { connect } from 'node:net';
import type { Answer, Attempt, Exchanged } from './attempt.ts';

/** ms after which an answer is given up that may take as long as a plan does. */
const PATIENCE_MS = 1_500;
/** ms within which everything else is answered, also on a machine that is busy with other things. */
const DEADLINE_MS = 60_000;
/** ms that a socket waits for more of what it has sent, before it goes away as clients do. */
const SOCKET_MS = 200;

export function exchange(attempt: Attempt, { url, agent }: { url: URL; agent: Agent }): Promise<Exchanged> {
  return attempt.bytes === undefined ? overHttp(attempt, { url, agent }) : overSocket(attempt, attempt.bytes, url);
}

function overHttp(attempt: Attempt, { url, agent }: { url: URL; agent: Agent }): Promise<Exchanged> {
  return new Promise((resolve) => {
    const { method, path, body, leaves, isBroken = false } = attempt;
    const headers: Record<string, string> = Object.fromEntries(attempt.headers);
    const call = request({ host: url.hostname, port: url.port, method, path, headers, agent });
    const mayTakeLong = leaves !== undefined || attempt.kind === 'agents';
    const end = (result: Exchanged): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const leave = (): void => {
      call.destroy();
      end(mayTakeLong ? { kind: 'left' } : { kind: 'broken', why: `no answer within ${DEADLINE_MS} ms` });
    };
    const timer = setTimeout(leave, mayTakeLong ? PATIENCE_MS : DEADLINE_MS);
    call.once('error', (error) => end(isBroken ? { kind: 'left' } : { kind: 'broken', why: error.message }));
    call.once('response', (response) => {
      const { statusCode: status = 0, headers: got } = response;
      const answerHeaders = Object.fromEntries(Object.entries(got).map(([name, value]) => [name, String(value)]));
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (leaves === 'after the first bytes' && status === 200) leave();
      });
      response.once('end', () =>
        end({ kind: 'answered', answer: { status, headers: answerHeaders, text: Buffer.concat(chunks).toString(), isWhole: true } }),
      );
      response.once('error', (error) => end(isBroken || mayTakeLong ? { kind: 'left' } : { kind: 'broken', why: error.message }));
    });
    if (body === null) call.end();
    else call.end(body);
    if (leaves === 'at once') call.once('socket', () => setImmediate(leave));
  });
}

function overSocket({ isBroken = true }: Attempt, bytes: Buffer, url: URL): Promise<Exchanged> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ port: Number(url.port), host: url.hostname, allowHalfOpen: true });
    // Whatever it waits for now, it won't come.
    const timer = setTimeout(() => socket.end(), SOCKET_MS);
    const last = setTimeout(() => socket.destroy(), isBroken ? SOCKET_MS * 3 : DEADLINE_MS);
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.once('end', () => socket.end());
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      clearTimeout(last);
      const answer = parseAnswer(text);
      if (answer !== null) resolve({ kind: 'answered', answer });
      else
        resolve(
          isBroken ? { kind: 'left' } : { kind: 'broken', why: `the connection was closed after ${JSON.stringify(text.slice(0, 200))}` },
        );
    });
    socket.write(bytes);
  });
}

/** The last answer on a connection, or the first one that is a fault: interim ones, and those to what was sent before, come first. */
function parseAnswer(text: string): Answer | null {
  const starts = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)];
  const start = (starts.find(([, status]) => Number(status) >= 500) ?? starts.at(-1))?.index;
  if (start === undefined) return null;
  const [head = '', ...rest] = text.slice(start).split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const body = Buffer.from(rest.join('\r\n\r\n'), 'latin1');
  const isWhole = headers['content-length'] !== undefined && body.length >= Number(headers['content-length']);
  return { status: Number(first.split(' ')[1]), headers, text: body.toString(), isWhole };
}
