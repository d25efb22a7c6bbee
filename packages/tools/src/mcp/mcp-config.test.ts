import { describe, expect, test } from 'vitest';
import { loadMcpConfig, type McpServerConfig, readMcpConfig } from './mcp-config.ts';

const read = (mcpServers: unknown, env: Record<string, string> = {}) => readMcpConfig(JSON.stringify({ mcpServers }), env);
function servers(mcpServers: unknown, env: Record<string, string> = {}): McpServerConfig[] {
  const reading = read(mcpServers, env);
  if (!reading.ok) throw new Error(reading.problems.join('\n'));
  return reading.servers;
}
function problems(mcpServers: unknown, env: Record<string, string> = {}): string[] {
  const reading = read(mcpServers, env);
  return reading.ok ? [] : reading.problems;
}

test('a server is a process, or has a URL', () => {
  const written = {
    files: { command: 'npx', args: ['-y', 'a-package'], env: { LEVEL: '1' }, cwd: '/srv' },
    plain: { command: 'serve' },
    search: { url: 'https://search.example.com/mcp', headers: { 'x-key': 'k' }, type: 'http' },
    old: { url: 'http://10.0.0.7/sse', type: 'sse' },
    either: { url: 'http://127.0.0.1:7/mcp' },
  };
  expect(servers(written).map(({ name, endpoint }) => [name, endpoint])).toEqual([
    ['files', { kind: 'stdio', command: 'npx', args: ['-y', 'a-package'], env: { LEVEL: '1' }, cwd: '/srv' }],
    ['plain', { kind: 'stdio', command: 'serve', args: [], env: {}, cwd: undefined }],
    ['search', { kind: 'http', url: new URL('https://search.example.com/mcp'), headers: { 'x-key': 'k' }, transport: 'streamable' }],
    ['old', { kind: 'http', url: new URL('http://10.0.0.7/sse'), headers: {}, transport: 'sse' }],
    ['either', { kind: 'http', url: new URL('http://127.0.0.1:7/mcp'), headers: {}, transport: 'either' }],
  ]);
  expect(servers(written)[0]).toMatchObject({ risks: new Map(), timeoutMs: null, queue: null, tools: null });
});

test('what is ours says which tools, at which risk, for how long and where', () => {
  const countersign = { risk: { wipe: 'destructive' }, timeoutMs: 5_000, queue: 'mail', tools: ['wipe', 'list'] };
  expect(servers({ s: { command: 'x', countersign } })[0]).toMatchObject({
    risks: new Map([['wipe', 'destructive']]),
    timeoutMs: 5_000,
    queue: 'mail',
    tools: new Set(['wipe', 'list']),
  });
});

test('a server that is disabled is left out, whatever it needs', () => {
  expect(servers({ off: { command: `\${NOWHERE}`, disabled: true }, on: { command: 'x', disabled: false } })).toHaveLength(1);
});

test('what other clients write there is left alone', () => {
  const fields = { type: 'stdio', autoApprove: ['a'], alwaysAllow: [], timeout: 60, description: 'd', name: 'n', icon: 'i', note: 'n' };
  expect(servers({ s: { command: 'x', ...fields } })).toHaveLength(1);
});

test('names of servers become parts of names of tools', () => {
  expect(servers({ 'my server/1': { command: 'x' } })[0]?.name).toBe('my_server_1');
});

describe('variables', () => {
  test('are replaced in every text; a default stands for what is missing or empty', () => {
    const server = {
      command: `\${BIN}/run`,
      args: [`\${A:-one}`, `\${EMPTY:-two}`, `\${EMPTY}`, '$A', '{B}'],
      env: { KEY: `k-\${B}` },
      cwd: `\${BIN:-/else}`,
    };
    const [read] = servers({ s: server }, { BIN: '/bin', B: 'b', EMPTY: '' });
    expect(read?.endpoint).toEqual({
      kind: 'stdio',
      command: '/bin/run',
      args: ['one', 'two', '', '$A', '{B}'],
      env: { KEY: 'k-b' },
      cwd: '/bin',
    });
  });

  test('what one holds is not looked through again', () => {
    expect(servers({ s: { command: `\${A}` } }, { A: `\${B}`, B: 'b' })[0]?.endpoint).toMatchObject({ command: `\${B}` });
  });

  test('that are missing are named, each with its place', () => {
    expect(problems({ s: { url: `https://x/\${A}`, headers: { authorization: `Bearer \${TOKEN}` } } })).toEqual([
      `mcpServers.s.url: the environment has no A; set it, or write \${A:-default}`,
      `mcpServers.s.headers.authorization: the environment has no TOKEN; set it, or write \${TOKEN:-default}`,
    ]);
  });
});

describe('what is wrong is said', () => {
  test.each<[string, unknown, RegExp]>([
    ['neither command nor url', {}, /mcpServers\.s: must have either a command or a url/],
    ['both', { command: 'x', url: 'https://x' }, /mcpServers\.s: must have either/],
    ['no object', 'npx', /mcpServers\.s: must have either/],
    ['an empty command', { command: '' }, /mcpServers\.s\.command/],
    ['args that are no list', { command: 'x', args: '-y' }, /mcpServers\.s\.args/],
    ['env that holds numbers', { command: 'x', env: { A: 1 } }, /mcpServers\.s\.env\.A/],
    ['a field that nobody knows', { command: 'x', comand: 'y' }, /mcpServers\.s: .*"comand"/],
    ['headers of a process', { command: 'x', headers: {} }, /mcpServers\.s: .*"headers"/],
    ['a URL that is none', { url: 'example.com' }, /mcpServers\.s\.url: must be a URL/],
    ['a URL of a file', { url: 'file:///etc/passwd' }, /mcpServers\.s\.url: must be a URL/],
    ['a transport that is none', { url: 'https://x', type: 'ws' }, /mcpServers\.s\.type: "ws" is no transport.*http.*sse/],
    ['a header that is none', { url: 'https://x', headers: { 'a b': 'c' } }, /mcpServers\.s\.headers: must be names and values/],
    ['a risk that is none', { command: 'x', countersign: { risk: { a: 'high' } } }, /mcpServers\.s\.countersign\.risk\.a/],
    ['a setting that is none', { command: 'x', countersign: { risks: {} } }, /mcpServers\.s\.countersign: .*"risks"/],
    ['a time of nothing', { command: 'x', countersign: { timeoutMs: 0 } }, /mcpServers\.s\.countersign\.timeoutMs/],
    ['a queue of our own', { command: 'x', countersign: { queue: 'planning' } }, /mcpServers\.s\.countersign\.queue: .*Countersign's own/],
  ])('%s', (_what, server, message) => {
    expect(problems({ s: server })).toEqual([expect.stringMatching(message)]);
  });

  test('all at once', () => {
    expect(
      problems({ a: { command: 1, args: 2 }, b: {}, '1st': { command: 'x' }, 'c d': { command: 'x' }, c_d: { command: 'x' } }),
    ).toEqual([
      expect.stringMatching(/^mcpServers\.a\.command/),
      expect.stringMatching(/^mcpServers\.a\.args/),
      expect.stringMatching(/^mcpServers\.b: must have/),
      expect.stringMatching(/^mcpServers\["1st"\]: a server's name begins with a letter/),
      "mcpServers.c_d: another server's tools are named `c_d.`, too",
    ]);
  });

  test.each([
    ['{"servers": {}}', /^mcpServers: must be an object/],
    ['{"mcpServers": []}', /^mcpServers: must be an object/],
    ['{mcpServers}', /^is not JSON/],
  ])('of a file with %s', (text, message) => {
    expect(readMcpConfig(text, {})).toEqual({ ok: false, problems: [expect.stringMatching(message)] });
  });

  test('of a file that is not there', async () => {
    expect(await loadMcpConfig('/no/such/mcp.json', {})).toEqual({
      ok: false,
      problems: [expect.stringMatching(/^\/no\/such\/mcp\.json can't be read/)],
    });
  });
});
