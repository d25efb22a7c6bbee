import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { readConfig } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'countersign-setting-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const schema = z
  .object({ PORT: z.coerce.number().int().default(3000), API_KEYS: z.string().min(5).optional(), POLICY_FILE: z.string().optional() })
  .refine(({ PORT }) => PORT !== 1);
const read = (env: Record<string, string>) => readConfig(schema, env);

test('a setting is read from the file that NAME_FILE names, without the line end at its end', () => {
  const env = { API_KEYS_FILE: file('keys', 'ada:admin:hunter2\n'), PORT_FILE: file('port', '8080\r\n') };
  expect(read(env)).toEqual({ ok: true, config: { API_KEYS: 'ada:admin:hunter2', PORT: 8080 } });
  expect(read({ API_KEYS_FILE: file('lines', 'one\ntwo\n\n') })).toMatchObject({ config: { API_KEYS: 'one\ntwo\n' } });
});

test('a setting that is itself called ..._FILE is taken as it is', () => {
  expect(read({ POLICY_FILE: '/nowhere' })).toEqual({ ok: true, config: { PORT: 3000, POLICY_FILE: '/nowhere' } });
});

test('a setting and its file at the same time are refused; a variable set to nothing is not set', () => {
  const API_KEYS_FILE = file('both', 'ada:admin:hunter2');
  expect(read({ API_KEYS: 'ada:admin:hunter2', API_KEYS_FILE })).toEqual({
    ok: false,
    problems: ['API_KEYS_FILE: is set, and so is API_KEYS; set one of the two'],
  });
  expect(read({ API_KEYS: '', API_KEYS_FILE }).ok).toBe(true);
  expect(read({ API_KEYS: 'ada:admin:hunter2', API_KEYS_FILE: '' }).ok).toBe(true);
});

test('files that cannot be used are named along with every other problem', () => {
  const env = { API_KEYS_FILE: join(folder, 'none'), POLICY_FILE_FILE: folder, PORT: 'x' };
  expect(read(env)).toEqual({
    ok: false,
    problems: [
      `API_KEYS_FILE: is "${join(folder, 'none')}", which cannot be read (ENOENT: no such file or directory); must be a file that holds the value of API_KEYS`,
      `POLICY_FILE_FILE: is "${folder}", which cannot be read (EISDIR: illegal operation on a directory); must be a file that holds the value of POLICY_FILE`,
      'PORT: is "x"; must be a number',
    ],
  });
  expect(read({ API_KEYS_FILE: file('empty', '\n') })).toMatchObject({ problems: [expect.stringContaining('which is empty')] });
});

test('what a file holds is not shown in a problem', () => {
  const PORT_FILE = file('wrong', 'hunter2');
  expect(read({ PORT_FILE })).toEqual({ ok: false, problems: [`PORT: is what "${PORT_FILE}" holds; must be a number`] });
});
