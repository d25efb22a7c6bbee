import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const FIXTURE = fileURLToPath(new URL('../test/fixtures/dies-while-starting.mjs', import.meta.url));

test('a program whose starter is killed before it could say so is ended all the same', async () => {
  const starter = spawn(process.execPath, [FIXTURE], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [pid, [, signal]] = await Promise.all([text(starter.stdout), once(starter, 'exit')]);
  expect(signal).toBe('SIGKILL');
  expect(Number(pid)).toBeGreaterThan(0);
  await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 30_000 }).toBe(false);
});
