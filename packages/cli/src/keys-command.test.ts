import { parseApiKeys, type RunningApi, startApi } from '@countersign/api';
import { createLogger } from '@countersign/service';
import type { ApiKey } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { useTestRedis } from '../../../test/redis/test-redis.ts';
import { expiryOf, keysCommand } from './keys-command.ts';
import { openTerminal } from './terminal.ts';

const redis = useTestRedis();
let store: Store;
let api: RunningApi;
beforeEach(async () => {
  const parsed = parseApiKeys('ada:admin:secret-of-ada,bob:viewer:secret-of-bob');
  if (!parsed.ok) throw new Error(parsed.problems.join());
  store = openStore({ redis: { url: redis.url } });
  const logger = createLogger({ service: 'api', level: 'silent' });
  api = await startApi({ store, logger, keys: parsed.keys, host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  await api.close();
  await store.close();
});

async function run(args: string[], env: Record<string, string> = {}): Promise<string> {
  let written = '';
  const terminal = openTerminal({ write: (text) => (written += text) }, {});
  const settings = { COUNTERSIGN_URL: `${api.url}/`, COUNTERSIGN_API_KEY: 'secret-of-ada', REDIS_URL: redis.url, ...env };
  expect(await keysCommand(args, { env: settings, terminal })).toBe(0);
  return written;
}
const status = async (secret: string): Promise<number> =>
  (await fetch(`${api.url}/v1/tasks`, { headers: { Authorization: `Bearer ${secret}` } })).status;
const made = (text: string): { id: string; secret: string } => ({
  id: /key_\w{22}/.exec(text)?.[0] ?? '',
  secret: /csk_[\w-]{66}/.exec(text)?.[0] ?? '',
});

describe('countersign keys', () => {
  it('makes a key that works, lists it, and revokes it', async () => {
    const text = await run(['create', '--name', 'bot', '--role', 'viewer,submitter', '--expires', '90d']);
    const { id, secret } = made(text);
    expect(text).toContain(`${id} (bot: viewer, submitter), until 20`);
    expect(await status(secret)).toBe(200);
    const listed = await run(['list']);
    expect(listed).toMatch(new RegExp(`${id}  bot   viewer,submitter  20.*  good until 20`));
    expect(listed).not.toContain(secret.slice(-43));
    expect(await run(['revoke', id])).toBe(`${id} (bot) is revoked.\n`);
    expect(await status(secret)).toBe(401);
    expect(await run(['list'])).toContain('revoked by ada at 20');
  });

  it('makes the first key in the store itself, when nobody can call the API yet', async () => {
    const nobody = { COUNTERSIGN_URL: 'http://127.0.0.1:9', COUNTERSIGN_API_KEY: '' };
    const { key, secret } = JSON.parse(await run(['create', '--name', 'root', '--role', 'admin', '--store', '--json'], nobody)) as {
      key: ApiKey;
      secret: string;
    };
    expect(key).toMatchObject({ name: 'root', roles: ['admin'], createdBy: 'command-line', expiresAt: null });
    expect(JSON.parse(await run(['list', '--json'], { COUNTERSIGN_API_KEY: secret }))).toMatchObject({ items: [{ id: key.id }] });
    expect(JSON.parse(await run(['revoke', key.id, '--store', '--json'], nobody))).toMatchObject({ key: { revokedBy: 'command-line' } });
    expect(await status(secret)).toBe(401);
  });

  it('says what the API says against it', async () => {
    const create = ['create', '--name', 'x', '--role', 'viewer'];
    await expect(run(create, { COUNTERSIGN_API_KEY: 'secret-of-bob' })).rejects.toThrow(
      '`bob` has the role viewer; this needs one of admin',
    );
    await expect(run(create, { COUNTERSIGN_API_KEY: 'wrong' })).rejects.toThrow('the key or token is not valid');
    await expect(run(create, { COUNTERSIGN_URL: 'http://127.0.0.1:9' })).rejects.toThrow(
      /127\.0\.0\.1:9 cannot be reached .*COUNTERSIGN_URL/,
    );
    await expect(run(['revoke', 'key_0000000000000000000000'])).rejects.toThrow(/there is no API key/);
    await expect(run(['revoke', 'key_0000000000000000000000', '--store'])).rejects.toThrow(/there is no API key/);
  });

  it.each([
    [[], 'say create, list or revoke'],
    [['remove'], 'there is no keys remove'],
    [['create', '--role', 'viewer'], '--name: '],
    [['create', '--name', 'x', '--role', 'king'], '--role: '],
    [['create', '--name', 'x'], '--role: must name a role'],
    [['create', '--name', 'x', '--role', 'viewer', '--expires', 'soon'], '--expires must be like'],
    [['create', '--name', 'x', '--role', 'viewer', '--expires', '2020-01-01'], '--expires must be in the future'],
    [['create', 'x'], 'one argument too many: x'],
    [['list', '--name', 'x'], 'go with create'],
    [['revoke'], 'revoke needs the id'],
    [['revoke', 'key_x'], 'revoke needs the id'],
    [['list', '--all'], '--all'],
  ])('%j is called wrongly: %s', async (args, message) => {
    await expect(run(args)).rejects.toMatchObject({ name: 'UsageError', message: expect.stringContaining(message) });
  });
});

describe('how long a key is good', () => {
  it.each([
    ['12h', '2026-01-01T12:00:00.000Z'],
    ['90d', '2026-04-01T00:00:00.000Z'],
    ['2027-01-31T12:00:00+01:00', '2027-01-31T11:00:00.000Z'],
    ['90', null],
    ['1y', null],
    ['tomorrow', null],
    ['', null],
  ])('%j', (text, time) => {
    expect(expiryOf(text, Date.parse('2026-01-01T00:00:00Z'))).toBe(time);
  });
});
