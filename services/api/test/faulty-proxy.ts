/** A proxy before the API that does to calls what networks do. It writes down what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Fault =
  /** nobody gets the call */
  | 'lose_request'
  /** the API carries it out, nobody gets the answer */
  | 'lose_answer'
  /** nobody answers, the connection stays open */
  | 'hang'
  /** the head of the answer, then nothing */
  | 'fall_silent'
  /** this many bytes of the answer's body, then the connection breaks */
  | { cutAfter: number }
  /** another one answers */
  | { status: number; headers?: Record<string, string>; body?: string };

export interface SeenCall {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
}

export interface FaultyProxy {
  readonly url: string;
  readonly seen: SeenCall[];
  /** how often bytes of answers went through */
  readonly passed: number;
  /** what becomes of the next calls, in turn; null: nothing bad */
  next(...faults: (Fault | null)[]): void;
  /** what becomes of every call that has no fault of its own */
  always(fault: Fault | null): void;
  close(): Promise<void>;
}

/** `target` gives the API's URL at each call. */
export async function startFaultyProxy(target: () => string): Promise<FaultyProxy> {
  const seen: SeenCall[] = [];
  const turns: (Fault | null)[] = [];
  let otherwise: Fault | null = null;
  let passed = 0;

  const relay = (fault: Fault | null, body: Buffer, { call, response }: { call: SeenCall; response: ServerResponse }): void => {
    const onward = request(target() + call.path, { method: call.method, headers: call.headers }, (answer) => {
      if (fault === 'lose_answer') {
        answer.resume().once('end', () => response.destroy());
        return;
      }
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      if (fault === 'fall_silent') {
        response.flushHeaders();
        answer.destroy();
        return;
      }
      let left = typeof fault === 'object' && fault !== null && 'cutAfter' in fault ? fault.cutAfter : Number.POSITIVE_INFINITY;
      answer.on('data', (chunk: Buffer) => {
        passed++;
        const part = chunk.subarray(0, left);
        left -= part.length;
        response.write(part, () => {
          if (left <= 0) response.destroy();
        });
      });
      answer.once('end', () => response.end());
      answer.once('error', () => response.destroy());
      response.once('close', () => answer.destroy());
    });
    onward.once('error', () => response.destroy());
    onward.end(body);
  };

  const server = createServer(async (incoming, response) => {
    const call = { method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers };
    seen.push(call);
    const fault = turns.length > 0 ? (turns.shift() ?? null) : otherwise;
    const body = Buffer.concat(await incoming.toArray());
    if (fault === 'lose_request') response.destroy();
    else if (fault === 'hang') return;
    else if (typeof fault === 'object' && fault !== null && 'status' in fault) {
      response.writeHead(fault.status, fault.headers);
      response.end(fault.body);
    } else relay(fault, body, { call, response });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    get passed() {
      return passed;
    },
    next: (...faults) => turns.push(...faults),
    always(fault) {
      otherwise = fault;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
