import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { folderProblem, secretSource, secretsInEnvironment } from './secret-source.ts';

let parent: string;
let folder: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'countersign-secrets-'));
  folder = join(parent, 'secrets');
  mkdirSync(folder);
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const put = (name: string, text: string | Uint8Array): void => writeFileSync(join(folder, name), text);
const read = (name: string, values: Record<string, string> = {}) =>
  secretSource({ folder, values: new Map(Object.entries(values)) }).read(name);

describe('a secret in a file', () => {
  test('is the text of it without one line end, as it is at the time', async () => {
    const source = secretSource({ folder, values: new Map() });
    put('TOKEN', 'first-value\n');
    expect(await source.read('TOKEN')).toEqual({ ok: true, value: 'first-value' });
    put('TOKEN', ' second\n value\r\n');
    expect(await source.read('TOKEN')).toEqual({ ok: true, value: ' second\n value' });
    expect(await source.names()).toEqual(['TOKEN']);
  });

  test('goes before a variable of the same name', async () => {
    put('TOKEN', 'of-the-file');
    expect(await read('TOKEN', { TOKEN: 'of-the-environment' })).toEqual({ ok: true, value: 'of-the-file' });
    expect(await read('OTHER', { OTHER: 'of-the-environment' })).toEqual({ ok: true, value: 'of-the-environment' });
  });

  test('may be behind links that stay in the folder, as mounted ones are', async () => {
    mkdirSync(join(folder, '..2026'));
    put('..2026/TOKEN', 'behind-links');
    symlinkSync('..2026', join(folder, '..data'));
    symlinkSync('..data/TOKEN', join(folder, 'TOKEN'));
    expect(await read('TOKEN')).toEqual({ ok: true, value: 'behind-links' });
    expect(await secretSource({ folder, values: new Map() }).names()).toEqual(['TOKEN']);
  });

  test('that a link leads to outside of the folder is refused', async () => {
    writeFileSync(join(parent, 'outside'), 'outside-value');
    symlinkSync('../outside', join(folder, 'TOKEN'));
    symlinkSync('/nowhere/at/all', join(folder, 'LOST'));
    expect(await read('TOKEN')).toEqual({ ok: false, problem: 'the file of the secret TOKEN in SECRETS_DIR leads out of the folder' });
    expect(await read('LOST', { LOST: 'of-the-environment' })).toMatchObject({
      problem: expect.stringContaining('a link to a file that is not there'),
    });
  });

  test.each<[string, string | Uint8Array, string]>([
    ['too short', 'seven77\n', 'has fewer than 8 characters'],
    ['empty', '', 'has fewer than 8 characters'],
    ['too large', 'x'.repeat(65_537), 'has more than 65536 bytes'],
    ['no text', Buffer.from([0xff, 0xfe, 1, 2, 3, 4, 5, 6, 7]), 'is no text in UTF-8'],
  ])('that is %s is refused, and its value is not said', async (_, text, problem) => {
    put('TOKEN', text);
    expect(await read('TOKEN')).toEqual({ ok: false, problem: expect.stringContaining(problem) });
    expect(JSON.stringify(await read('TOKEN'))).not.toMatch(/seven77|xxxx/);
  });

  test('that is a folder is refused', async () => {
    mkdirSync(join(folder, 'TOKEN'));
    expect(await read('TOKEN')).toMatchObject({ problem: expect.stringMatching(/is no file/) });
  });

  test('with a name that is a path is not looked for', async () => {
    writeFileSync(join(parent, 'outside'), 'outside-value');
    for (const name of ['../outside', 'a/b', '', '.']) expect(await read(name)).toMatchObject({ ok: false });
  });
});

test('a secret that is nowhere says where it would be looked for', async () => {
  expect(await read('TOKEN')).toEqual({
    ok: false,
    problem: 'there is no secret TOKEN on this executor; set SECRET_TOKEN, or write the file TOKEN in SECRETS_DIR',
  });
  expect(await secretSource({ values: new Map() }).read('TOKEN')).toMatchObject({ problem: expect.stringMatching(/; set SECRET_TOKEN$/) });
});

test('the environment has secrets under their prefix alone, and every one that can not be used is named', () => {
  const env = {
    SECRET_TOKEN: 'long-enough',
    SECRET_: 'long-enough',
    SECRET_mail: 'long-enough',
    SECRET_PIN: '1234',
    SECRET_KEY_FILE: '/run/secrets/key',
    SECRET_EMPTY: '',
    OPENAI_API_KEY: 'x',
  };
  const { values, problems } = secretsInEnvironment(env);
  expect([...values]).toEqual([['TOKEN', 'long-enough']]);
  expect(problems).toEqual([
    expect.stringMatching(/^SECRET_: names no secret/),
    expect.stringMatching(/^SECRET_mail: names no secret/),
    expect.stringMatching(/^SECRET_PIN: has fewer than 8/),
    expect.stringMatching(/^SECRET_KEY_FILE: is no way .* SECRETS_DIR/),
  ]);
  expect(problems.join()).not.toContain('1234');
});

test('a folder that is not there, or is none, is said', async () => {
  expect(await folderProblem(folder)).toBeNull();
  expect(await folderProblem(join(parent, 'nosuch'))).toContain("can't be read (ENOENT)");
  put('file', '');
  expect(await folderProblem(join(folder, 'file'))).toContain('this is no folder');
});
