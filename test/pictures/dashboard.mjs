// Makes docs/images/dashboard.png: the stack with plans under way, and its dashboard in a browser. After `npm run build`:
//   node test/pictures/dashboard.mjs [path of Chromium]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHROMIUM = process.argv[2] ?? '/usr/bin/chromium';
const SIZE = { width: 1400, height: 760 };
const LIMIT_MS = 60_000;

async function startStack(folder) {
  const { REDIS_URL: _elsewhere, API_KEYS: _keys, ...env } = process.env;
  const stack = spawn(process.execPath, [join(ROOT, 'packages/cli/dist/bin.js'), 'start'], {
    cwd: folder,
    env: { ...env, INIT_CWD: folder, PORT: '0', EXECUTOR_CONCURRENCY: '3' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise((resolve, reject) => {
    let said = '';
    stack.stdout.on('data', (chunk) => {
      said += chunk;
      const [, found] = / {2}API +(http:\S+)[\s\S]*Logs/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    stack.once('close', () => reject(new Error(`the stack did not come up:\n${said}`)));
  });
  return { stack, url };
}

/** Plans whose steps have run, run, and wait for a place. */
async function fillQueues(api) {
  const post = async (path, body) => {
    const response = await fetch(api + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  const plan = (objective, steps, options) => post('/v1/plans', { objective, steps, options: { autoApprove: true, ...options } });
  const list = (id) => ({ id, tool: 'fs.list', input: { path: '.' } });
  for (let count = 1; count <= 12; count++)
    await plan(`Look around ${count}`, [
      list('look'),
      { ...list('again'), dependsOn: ['look'] },
      { ...list('last'), dependsOn: ['again'] },
    ]);
  for (let count = 1; count <= 4; count++)
    await plan(
      `Watch the build ${count}`,
      ['a', 'b', 'c', 'd'].map((id) => ({ id, tool: 'wait', input: { ms: 120_000 }, timeoutMs: 300_000 })),
      { maxParallelSteps: 4 },
    );
}

async function untilBusy(api) {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    const { queues } = await (await fetch(`${api}/admin/queues/api/queues`)).json();
    const { counts } = queues.find(({ name }) => name === 'steps');
    if (counts.active >= 6 && counts.completed >= 30) return;
    if (Date.now() > deadline) throw new Error(`the queue is not busy: ${JSON.stringify(counts)}`);
    await new Promise((next) => setTimeout(next, 100));
  }
}

const folder = mkdtempSync(join(tmpdir(), 'countersign-picture-'));
let stack;
let browser;
try {
  const started = await startStack(folder);
  stack = started.stack;
  await fillQueues(started.url);
  await untilBusy(started.url);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  const page = await browser.newPage({ viewport: SIZE });
  await page.goto(`${started.url}/admin/queues/queue/steps?status=active`);
  await page.getByText('Plan', { exact: true }).first().waitFor({ timeout: LIMIT_MS });
  mkdirSync(join(ROOT, 'docs/images'), { recursive: true });
  await page.screenshot({ path: join(ROOT, 'docs/images/dashboard.png') });
} finally {
  await browser?.close();
  if (stack !== undefined && stack.exitCode === null) {
    stack.kill('SIGTERM');
    await once(stack, 'close');
  }
  rmSync(folder, { recursive: true, force: true });
}
