/** Tools of the reference server of the protocol, over each transport. */
import { afterEach, describe, expect, test } from 'vitest';
import { everything, startEverything } from './everything.ts';
import { type OpenToolbox, openToolbox } from './open-toolbox.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function open(server: object): Promise<OpenToolbox> {
  const opened = await openToolbox({ every: server });
  cleanUps.push(opened.close);
  return opened;
}

async function openOverHttp(mode: 'streamableHttp' | 'sse', more: object = {}): Promise<OpenToolbox> {
  const { url, kill } = await startEverything(mode);
  cleanUps.push(kill);
  return open({ url, ...more });
}

describe.each([
  ['stdio', () => open(everything)],
  ['Streamable HTTP', () => openOverHttp('streamableHttp', { type: 'http' })],
  ['Streamable HTTP that is found out', () => openOverHttp('streamableHttp')],
  ['SSE that is found out', () => openOverHttp('sse')],
  ['SSE', () => openOverHttp('sse', { type: 'sse' })],
])('over %s', (_transport, start) => {
  test('tools run, their progress comes, and a call that is stopped ends at once', async () => {
    const { call } = await start();
    expect(await call('every.echo', { message: 'hello' })).toEqual({ text: 'Echo: hello' });
    const stop = new AbortController();
    const progress = (): void => stop.abort();
    await expect(
      call('every.trigger-long-running-operation', { duration: 60, steps: 600 }, { signal: stop.signal, progress }),
    ).rejects.toMatchObject({ code: 'aborted' });
  });
});

test('contracts come from what the server says of its tools', async () => {
  const { tool } = await open(everything);
  expect(tool('every.get-sum').contract).toMatchObject({
    name: 'every.get-sum',
    description: 'Returns the sum of two numbers',
    risk: 'read',
    idempotent: true,
    inputSchema: { type: 'object', required: ['a', 'b'] },
    outputSchema: null,
    timeoutMs: null,
    queue: null,
  });
  expect(tool('every.toggle-simulated-logging').contract).toMatchObject({ risk: 'write', idempotent: false });
  expect(tool('every.get-structured-content').contract.outputSchema).toMatchObject({ required: ['temperature', 'conditions', 'humidity'] });
  expect(tool('every.get-sum').check({ a: 1, b: 'two' })).toEqual({ ok: false, message: 'b: must be number' });
});

test('outputs are the structured content, or text with the other blocks beside it', async () => {
  const { call } = await open(everything);
  expect(await call('every.get-structured-content', { location: 'Chicago' })).toEqual({
    temperature: 36,
    conditions: 'Light rain / drizzle',
    humidity: 82,
  });
  expect(await call('every.get-tiny-image')).toEqual({
    text: "Here's the image you requested:\nThe image above is the MCP logo.",
    content: [{ type: 'image', mimeType: 'image/png', data: expect.stringMatching(/^iVBOR/) }],
  });
  expect(await call('every.get-resource-links', { count: 1 })).toMatchObject({
    content: [{ type: 'resource_link', uri: 'demo://resource/dynamic/blob/1' }],
  });
  expect(await call('every.get-resource-reference', { resourceType: 'Text', resourceId: 1 })).toMatchObject({
    content: [{ type: 'resource', resource: { uri: 'demo://resource/dynamic/text/1', mimeType: 'text/plain' } }],
  });
});

test('a tool that only runs as a task of the protocol is left out, and the log says so', async () => {
  const { toolbox, lines } = await open(everything);
  expect(toolbox.tools.has('every.simulate-research-query')).toBe(false);
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 'warn', tool: 'simulate-research-query', error: expect.stringMatching(/task/) }),
  );
});

test('of the environment a process gets what every program needs and what its configuration says', async () => {
  process.env.ONLY_OURS = 'secret';
  cleanUps.push(async () => delete process.env.ONLY_OURS);
  const { call } = await open({ ...everything, env: { GIVEN: `ours: \${ONLY_OURS}` } });
  const { text } = (await call('every.get-env')) as { text: string };
  expect(JSON.parse(text)).toMatchObject({ PATH: process.env.PATH, GIVEN: 'ours: secret' });
  expect(JSON.parse(text)).not.toHaveProperty('ONLY_OURS');
});

describe('a server over HTTP that dies', () => {
  test.each(['streamableHttp', 'sse'] as const)(
    '(%s) fails the call in its hand, which may be tried again, and is found again when it is back',
    async (mode) => {
      const first = await startEverything(mode);
      cleanUps.push(first.kill);
      const { call } = await open({ url: first.url });
      const running = call('every.trigger-long-running-operation', { duration: 600, steps: 6_000 }, { progress: () => void first.kill() });
      await expect(running).rejects.toMatchObject({ code: 'tool_error', retryable: true, message: expect.stringContaining('`every`') });
      await expect(call('every.echo', { message: 'away' })).rejects.toMatchObject({ code: 'tool_error', retryable: true });
      const second = await startEverything(mode, Number(new URL(first.url).port));
      cleanUps.push(second.kill);
      expect(await call('every.echo', { message: 'back' })).toEqual({ text: 'Echo: back' });
    },
  );

  test('and comes back without its sessions is connected to anew, in the same call', async () => {
    const first = await startEverything('streamableHttp');
    const { call } = await open({ url: first.url });
    await first.kill();
    cleanUps.push((await startEverything('streamableHttp', Number(new URL(first.url).port))).kill);
    expect(await call('every.echo', { message: 'again' })).toEqual({ text: 'Echo: again' });
  });
});
