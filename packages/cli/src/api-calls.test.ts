import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { apiCalls } from './api-calls.ts';
import type { ApiRefusal } from './api-request.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

const calls = (url: string, signal = new AbortController().signal) => apiCalls({ url, actor: 'ann', signal });
const message = (id: number, type: string): string => `id: ${id}-0\nevent: ${type}\ndata: ${JSON.stringify({ id: `${id}-0`, type })}\n\n`;

test('a broken event stream is taken up after the last event, until the plan has ended', async () => {
  const lastIds: (string | undefined)[] = [];
  const url = await serve((request, response) => {
    if (!request.url?.endsWith('/events')) {
      response.end(JSON.stringify({ plan: { status: lastIds.length < 3 ? 'executing' : 'completed' } }));
      return;
    }
    lastIds.push(request.headers['last-event-id'] as string | undefined);
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    if (lastIds.length === 1) {
      response.write(`${message(1, 'plan.started')}id: 2-0\ndata: {"cut`, () => response.destroy());
    } else response.end(lastIds.length === 2 ? message(2, 'step.started') : message(3, 'plan.completed'));
  });
  const types: string[] = [];
  for await (const event of calls(url).events('pln_1')) types.push(event.type);
  expect(types).toEqual(['plan.started', 'step.started', 'plan.completed']);
  expect(lastIds).toEqual([undefined, '1-0', '2-0']);
});

test('a refusal carries the code, the sentence and the issues of the API', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(422, { 'Content-Type': 'application/problem+json' });
    response.end(
      JSON.stringify({ code: 'invalid_request', detail: 'No.', issues: [{ path: 'objective', code: 'bad_input', message: 'is missing' }] }),
    );
  });
  const refusal = await calls(url)
    .createTask({ objective: '' })
    .catch((error: ApiRefusal) => error);
  expect(refusal).toMatchObject({ name: 'ApiRefusal', code: 'invalid_request', message: 'No.\n  objective: is missing' });
});

test('an answer that is no problem document is still readable', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(502);
    response.end('<h1>Bad gateway</h1>');
  });
  await expect(calls(url).getTask('tsk_1')).rejects.toThrow('<h1>Bad gateway</h1>');
});

test('calls say who makes them', async () => {
  let actor: string | undefined;
  const url = await serve((request, response) => {
    actor = request.headers['x-actor'] as string;
    response.end('{"plan":{}}');
  });
  await calls(url).approvePlan('pln_1', 'sha256:00');
  expect(actor).toBe('ann');
});

test('an abort ends a stream that says nothing', async () => {
  const abort = new AbortController();
  const url = await serve((_request, response) => {
    response.writeHead(200);
    response.write(': open\n\n', () => abort.abort(new Error('enough')));
  });
  await expect(calls(url, abort.signal).events('pln_1').next()).rejects.toThrow('enough');
});
