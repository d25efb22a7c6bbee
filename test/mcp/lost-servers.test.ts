/** MCP servers that fail, die, hang and have to be ended. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type OpenToolbox, openToolbox } from './open-toolbox.ts';
import { isRunning, listed, TrickyFolder } from './tricky-server.ts';

const cleanUps: (() => unknown)[] = [];
let tricky: TrickyFolder;
beforeEach(() => {
  tricky = new TrickyFolder(...['echo', 'hold', 'crash', 'steps', 'failing', 'refusing', 'broken'].map((name) => listed(name)));
  cleanUps.push(() => tricky.close());
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function open(env: Record<string, string> = {}, options = {}): Promise<OpenToolbox> {
  const opened = await openToolbox({ tricky: tricky.config({ env }) }, options);
  cleanUps.push(opened.close);
  return opened;
}

const untilCalled = (count = 1) => expect.poll(() => tricky.ledger('called').length, { timeout: 20_000 }).toBe(count);
const isAnyRunning = (): boolean => tricky.pids().some(isRunning);

describe('a call', () => {
  test('passes on the key of its step, and reports what the server reports', async () => {
    const { call } = await open();
    const reports: unknown[] = [];
    const progress = (fraction: number | null, message?: string): void => {
      if (reports.push([fraction, message]) === 2) tricky.release();
    };
    await call('tricky.steps', {}, { idempotencyKey: 'pln_7.pay.2', progress });
    expect(tricky.ledger('called')).toMatchObject([{ name: 'steps', key: 'pln_7.pay.2' }]);
    expect(reports).toEqual([
      [0.5, 'part 1'],
      [1, 'part 2'],
    ]);
  });

  test('that is stopped is cancelled on the server', async () => {
    const { call } = await open();
    const stop = new AbortController();
    const running = call('tricky.hold', {}, { signal: stop.signal });
    await Promise.all([expect(running).rejects.toMatchObject({ code: 'aborted' }), untilCalled().then(() => stop.abort())]);
    await expect.poll(() => tricky.ledger('cancelled'), { timeout: 20_000 }).toMatchObject([{ name: 'hold' }]);
  });

  test.each([
    ['failing', { code: 'tool_error', retryable: true, message: 'the disk is full' }],
    ['refusing', { code: 'tool_error', retryable: false, message: expect.stringMatching(/`tricky`.*no such customer/) }],
    ['broken', { code: 'tool_error', retryable: true, message: expect.stringMatching(/`tricky`.*out of order/) }],
  ])('of a tool that is %s says so', async (name, error) => {
    const { call } = await open();
    await expect(call(`tricky.${name}`)).rejects.toMatchObject(error);
  });

  test('whose output is not what its schema promises fails for good', async () => {
    tricky.list(
      listed('structured', { outputSchema: { type: 'object', properties: { n: { type: 'number' } } } }),
      listed('echo', { outputSchema: { type: 'object' } }),
    );
    const { call } = await open();
    expect(await call('tricky.structured', { n: 1 })).toEqual({ n: 1 });
    await expect(call('tricky.structured', { n: 'one' })).rejects.toMatchObject({
      retryable: false,
      message: expect.stringContaining('n: must be number'),
    });
    await expect(call('tricky.echo')).rejects.toMatchObject({
      retryable: false,
      message: expect.stringContaining('did not return structured content'),
    });
  });
});

describe('a process that dies', () => {
  test('fails the calls in its hand, which may be tried again, and is started again', async () => {
    const { call, messages } = await open();
    const running = call('tricky.hold');
    const lost = { code: 'tool_error', retryable: true, message: expect.stringContaining('the MCP server `tricky`') };
    await Promise.all([
      expect(running).rejects.toMatchObject(lost),
      untilCalled().then(() => process.kill(tricky.pids()[0] as number, 'SIGKILL')),
    ]);
    expect(messages()).toContain('MCP server lost: trying again');
    tricky.release();
    expect(await call('tricky.hold')).toEqual({ text: 'released' });
    expect(tricky.pids()).toHaveLength(2);
  });

  test('in every call is there for the next one, at once', async () => {
    const { call } = await open();
    for (let i = 0; i < 3; i++) await expect(call('tricky.crash')).rejects.toMatchObject({ code: 'tool_error', retryable: true });
    expect(await call('tricky.echo', { a: 1 })).toEqual({ text: '{"a":1}' });
  });

  test('comes back by itself, and keeps its tools meanwhile', async () => {
    const { toolbox, lines } = await open();
    process.kill(tricky.pids()[0] as number, 'SIGKILL');
    await expect.poll(() => tricky.ledger('listed').length, { timeout: 20_000 }).toBe(2);
    expect(toolbox.tools.has('tricky.echo')).toBe(true);
    expect(lines).toContainEqual(expect.objectContaining({ message: 'MCP server lost: trying again', inMs: 500 }));
  });
});

describe('a server that cannot be reached', () => {
  test('keeps nothing from starting; its tools come when it comes', async () => {
    const missing = await openToolbox({ gone: { command: '/no/such/program' }, tricky: tricky.config() });
    cleanUps.push(missing.close);
    expect(missing.toolbox.tools.has('tricky.echo')).toBe(true);
    expect(missing.lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        server: 'gone',
        message: 'MCP server cannot be reached: trying again',
        error: expect.stringContaining('ENOENT'),
      }),
    );
    expect(await missing.toolbox.reach?.('gone.any', new AbortController().signal)).toMatch(
      /`gone` of this executor cannot be reached: .*ENOENT/,
    );
    expect(await missing.toolbox.reach?.('tricky.none', new AbortController().signal)).toBeNull();
    expect(await missing.toolbox.reach?.('other.none', new AbortController().signal)).toBeNull();
  });

  test('by the time of the start is waited for by who needs a tool of it', async () => {
    const opened = await open({}, { aborted: true });
    expect(opened.toolbox.tools.has('tricky.echo')).toBe(false);
    expect(await opened.toolbox.reach?.('tricky.echo', new AbortController().signal)).toBeNull();
    expect(await opened.call('tricky.echo')).toEqual({ text: '{}' });
  });
});

test('a server that refuses the handshake of before 2026 is spoken to in that of today', async () => {
  const { call } = await open({ MODERN: '1' });
  expect(await call('tricky.echo', { a: 1 })).toEqual({ text: '{"a":1}' });
  const stop = new AbortController();
  const running = call('tricky.hold', {}, { signal: stop.signal });
  await Promise.all([expect(running).rejects.toMatchObject({ code: 'aborted' }), untilCalled(2).then(() => stop.abort())]);
  await expect.poll(() => tricky.ledger('cancelled'), { timeout: 20_000 }).toMatchObject([{ name: 'hold' }]);
  tricky.list(listed('echo', { description: 'Changed.' }));
  await expect(call('tricky.echo')).rejects.toMatchObject({ code: 'tool_changed' });
});

test('what a server writes to stderr is in the log, at debug', async () => {
  const { lines } = await open();
  const [pid] = tricky.pids();
  expect(lines).toContainEqual({ level: 'debug', message: 'MCP server says', server: 'tricky', line: `tricky server ${pid} is up` });
});

describe('closing leaves no process behind', () => {
  test('of a server that is idle, or in the middle of a call', async () => {
    const opened = await open();
    const running = opened.call('tricky.hold');
    await Promise.all([expect(running).rejects.toMatchObject({ code: 'tool_error' }), untilCalled().then(() => opened.close())]);
    expect(isAnyRunning()).toBe(false);
  });

  test('of a server that does not listen', async () => {
    const opened = await open({ DEAF: '1' });
    await opened.close();
    expect(tricky.ledger('terminated')).toHaveLength(1);
    await expect.poll(isAnyRunning).toBe(false);
  });

  test('of a server whose handshake never ends', async () => {
    const opened = await open({ SILENT: '1', DEAF: '1' }, { aborted: true });
    await expect.poll(() => tricky.pids().length, { timeout: 20_000 }).toBe(1);
    await opened.close();
    await expect.poll(isAnyRunning).toBe(false);
  });
});
