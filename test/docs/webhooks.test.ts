/** docs/webhooks.md against the code: its table of types, and its receiver, run as it stands there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WEBHOOK_EVENTS } from '@countersign/shared';
import { freePort } from '@countersign/store';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { codeBlocks, pathFromRoot, readPage, sectionOf, tableRows } from './pages.ts';

const page = readPage('docs/webhooks.md');
const SECRET = `whsec_${Buffer.from('a secret of thirty-two characters').toString('base64')}`;

test('the table has every type, where it comes from and what it means', () => {
  const rows = tableRows(sectionOf(page, '## What can be told'));
  expect(rows.map(([type, from, meaning]) => [type, from?.replaceAll('`', '').split(', '), meaning])).toEqual(
    Object.entries(WEBHOOK_EVENTS).map(([type, source]) => [type, [...source.from], source.meaning]),
  );
});

let folder: string;
let receiver: ChildProcess;
let url: string;
let printed = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-receiver-'));
  symlinkSync(pathFromRoot('test/node_modules'), join(folder, 'node_modules'));
  const [file = ''] = codeBlocks(sectionOf(page, '## A receiver'), 'js');
  writeFileSync(join(folder, 'receiver.mjs'), file);
  const port = await freePort();
  url = `http://127.0.0.1:${port}/`;
  receiver = spawn(process.execPath, ['receiver.mjs'], {
    cwd: folder,
    env: { WEBHOOK_SECRET: SECRET, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  receiver.stdout?.on('data', (text: Buffer) => {
    printed += text;
  });
  await vi.waitFor(async () => expect((await fetch(url)).status).toBe(401), { timeout: 20_000 });
});
afterAll(async () => {
  const ended = once(receiver, 'exit');
  receiver.kill();
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

/** A message as it is sent, `ageMs` ago. */
async function post(id: string, { secret = SECRET, ageMs = 0, body = '' } = {}): Promise<number> {
  const message = JSON.stringify({ type: 'plan.ended', timestamp: new Date().toISOString(), data: { planId: 'pln_1', status: id } });
  const at = new Date(Date.now() - ageMs);
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': `v1,b3RoZXI= ${new Webhook(secret).sign(id, at, message)}`,
  };
  return (await fetch(url, { method: 'POST', headers, body: body === '' ? message : body })).status;
}

test('the receiver takes what is signed, once, and refuses what is forged, changed or old', async () => {
  expect(await post('first')).toBe(204);
  expect(await post('first')).toBe(204);
  expect(await post('second')).toBe(204);
  expect(await post('forged', { secret: 'whsec_b3RoZXI=' })).toBe(401);
  expect(await post('changed', { body: '{"type":"plan.ended"}' })).toBe(401);
  expect(await post('old', { ageMs: 6 * 60_000 })).toBe(401);
  expect(await post('ahead', { ageMs: -6 * 60_000 })).toBe(401);
  await expect.poll(() => printed).toBe('plan.ended pln_1 first\nplan.ended pln_1 second\n');
});
