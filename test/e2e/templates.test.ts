/** Tasks whose plan is made from a template: the templates of the project, and what becomes of a task when they change. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plan, Task, Template } from '@countersign/shared';
import { type EmbeddedRedis, startEmbeddedRedis } from '@countersign/store';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { startService } from './processes.ts';
import { stepOf } from './record-step.ts';

const SHIPPED = fileURLToPath(new URL('../../templates/', import.meta.url));
const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-templates-'));
  folders.push(folder);
  return folder;
};
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function settled(fleet: Fleet, id: string): Promise<Task> {
  await expect.poll(async () => (await fleet.task(id)).status, { timeout: 20_000 }).toMatch(/planned|failed/);
  return fleet.task(id);
}

async function create(fleet: Fleet, body: object): Promise<Task> {
  const answer = await fleet.call('POST', '/v1/tasks', { body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  return answer.body.task;
}

async function planned(fleet: Fleet, body: object): Promise<{ task: Task; plan: Plan }> {
  const task = await settled(fleet, (await create(fleet, body)).id);
  expect(task.error).toBeNull();
  return { task, plan: await fleet.plan(String(task.planId)) };
}

describe('the templates of the project', () => {
  let fleet: Fleet;
  let server: Server;
  let url: string;
  beforeAll(async () => {
    server = createServer((request, response) =>
      response.writeHead(request.url === '/gone' ? 410 : 200, { 'content-type': 'text/plain' }).end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // A planner that would need a model it cannot reach: templates ask none.
    const planner = { PLANNER: 'openai', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' };
    fleet = await Fleet.start({ executors: 1, planner, env: { TEMPLATES_DIR: SHIPPED, HTTP_ALLOW_PRIVATE: '127.0.0.1/32' } });
    mkdirSync(join(fleet.folder, 'src'));
    writeFileSync(join(fleet.folder, 'src', 'one.ts'), 'one();\n// TODO two\n// HACK three\n');
  });
  afterAll(async () => {
    await fleet?.close();
    server?.close();
  });
  const written = (name: string): string => readFileSync(join(fleet.folder, name), 'utf8');

  test('are all there, each with its digest', async () => {
    const { items } = (await fleet.call('GET', '/v1/templates')).body as { items: Template[] };
    expect(items.map(({ name }) => `${name}.yaml`)).toEqual(readdirSync(SHIPPED).sort());
    expect(new Set(items.map(({ digest }) => digest)).size).toBe(items.length);
  });

  test('audit-folder: planned in one round without a model, signed, run, written', async () => {
    const { task, plan } = await planned(fleet, { template: 'audit-folder', input: { folder: 'src', marks: ['TODO', 'HACK'] } });
    expect(task).toMatchObject({ objective: 'Audit src and write a report to audit.md', template: { name: 'audit-folder' } });
    expect(task.rounds).toMatchObject([{ round: 1, planner: 'template', model: null, reply: null, issues: [], error: null, usage: null }]);
    expect(plan).toMatchObject({
      status: 'pending_approval',
      origin: 'template',
      objective: task.objective,
      description: expect.stringContaining('writes a report'),
      input: { folder: 'src', marks: ['TODO', 'HACK'], report: 'audit.md' },
      usage: { calls: 0 },
    });
    await fleet.approve(plan);
    const done = await fleet.until(plan.id, 'completed');
    expect(stepOf(done, 'search').children?.map(({ item }) => item)).toEqual(['TODO', 'HACK']);
    expect(written('audit.md')).toBe(
      `# Audit of src

Files: 1. Lines: 3. Bytes: ${'one();\n// TODO two\n// HACK three\n'.length}.

## The largest files

- src/one.ts: 3 lines

## Unfinished work

Lines with TODO: 1, in files: 1.

- src/one.ts, line 2: // TODO two

Lines with HACK: 1, in files: 1.

- src/one.ts, line 3: // HACK three

`,
    );
  });

  test('check-urls: a list makes one call for each element, and an enum lets only its values through', async () => {
    const urls = [`${url}/a`, `${url}/gone`];
    const refused = await fleet.call('POST', '/v1/tasks', { body: { template: 'check-urls', input: { urls, method: 'POST' } } });
    expect(refused.status).toBe(422);
    expect(refused.body.issues).toEqual([
      { path: 'input.method', code: 'bad_input', message: 'must be equal to one of the allowed values: "HEAD", "GET"' },
    ]);
    const { plan } = await planned(fleet, { template: 'check-urls', input: { urls }, options: { stepTimeoutMs: 20_000 } });
    expect(plan.options).toMatchObject({ maxParallelSteps: 10, stepTimeoutMs: 20_000 });
    await fleet.approve(plan);
    await fleet.until(plan.id, 'completed');
    expect(written('urls.md')).toContain(`| ${url}/a | 200 | text/plain |\n| ${url}/gone | 410 | text/plain |\n`);
  });

  test('record-decision: a person answers with one of the choices, which is written down', async () => {
    const input = { question: 'Do we ship?', choices: ['ship', 'wait'] };
    const { task, plan } = await planned(fleet, { template: 'record-decision', input, options: { requireApproval: false } });
    await expect.poll(async () => stepOf(await fleet.plan(plan.id), 'ask').status, { timeout: 20_000 }).toBe('awaiting_approval');
    const other = await fleet.send(plan.id, 'steps/ask/approve', { data: 'sail' });
    expect(other.status).toBe(422);
    await fleet.act(plan.id, 'steps/ask/approve', { data: 'ship' });
    await fleet.until(plan.id, 'completed');
    expect(written(`decisions/${task.id}.md`)).toBe('# Do we ship?\n\nship\n');
  });
});

describe('a template of one’s own', () => {
  let fleet: Fleet | null = null;
  afterEach(async () => {
    await fleet?.close();
    fleet = null;
  });
  const own = (steps: object[]): string =>
    JSON.stringify({
      description: 'x',
      parameters: { type: 'object', properties: { ms: { type: 'integer', default: 1 } } },
      objective: 'Wait {{input.ms}} ms',
      steps,
    });

  test('that was changed and taken away since makes no difference to a task', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'pause.json'), own([{ id: 'first', tool: 'wait', input: { ms: '{{input.ms}}' } }]));
    fleet = await Fleet.start({ executors: 1, env: { TEMPLATES_DIR: folder } });
    const task = await create(fleet, { template: 'pause', options: { requireApproval: false } });
    expect(task.status).toBe('queued');
    await fleet.endServices('SIGTERM');
    rmSync(join(folder, 'pause.json'));
    writeFileSync(join(folder, 'other.json'), own([{ id: 'second', tool: 'wait', input: { ms: 2 } }]));
    await fleet.startApi();
    await fleet.startExecutor();
    expect((await fleet.call('POST', '/v1/tasks', { body: { template: 'pause' } })).body.issues[0].message).toBe(
      'there is no template `pause`; there are other',
    );
    // Its planner has no folder of templates at all.
    await fleet.startPlanner({ TEMPLATES_DIR: '' });
    const { planId, template } = await settled(fleet, task.id);
    expect(template).toEqual(task.template);
    const plan = await fleet.until(String(planId), 'completed');
    expect(plan).toMatchObject({ objective: 'Wait 1 ms', origin: 'template', steps: [{ id: 'first', resolvedInput: { ms: 1 } }] });
  });

  test('that no executor can carry out fails its tasks with every issue, and other tasks go on', async () => {
    const folder = newFolder();
    writeFileSync(
      join(folder, 'bad.json'),
      own([
        { id: 'a', tool: 'no.such' },
        { id: 'b', tool: 'wait', input: { ms: 'long' } },
      ]),
    );
    fleet = await Fleet.start({ executors: 1, planner: true, env: { TEMPLATES_DIR: folder } });
    const task = await settled(fleet, (await create(fleet, { template: 'bad' })).id);
    const issues = [
      { path: 'steps[0].tool', code: 'unknown_tool', message: expect.stringContaining('there is no tool `no.such`; there are') },
      { path: 'steps[1].input.ms', code: 'bad_input', message: expect.stringContaining('expected number') },
    ];
    expect(task).toMatchObject({ status: 'failed', planId: null, error: { code: 'invalid_plan', detail: { issues } } });
    expect(task.rounds).toMatchObject([{ round: 1, planner: 'template', issues }]);
    expect((await planned(fleet, { objective: 'wait 1 ms' })).plan.origin).toBe('rules');
  });

  test('its plan is revised by the planner that is configured', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'pause.json'), own([{ id: 'first', tool: 'wait', input: { ms: '{{input.ms}}' } }]));
    fleet = await Fleet.start({ executors: 1, planner: true, env: { TEMPLATES_DIR: folder } });
    const { plan } = await planned(fleet, { template: 'pause' });
    await fleet.send(plan.id, 'revise', { feedback: 'then list the files' });
    await expect.poll(async () => (await fleet?.plan(plan.id))?.planning?.status, { timeout: 20_000 }).toBe('done');
    expect(await fleet.plan(plan.id)).toMatchObject({ revision: 2, origin: 'rules', steps: [{ id: 'first' }, { tool: 'fs.list' }] });
  });
});

describe('the API', () => {
  let redis: EmbeddedRedis;
  beforeAll(async () => {
    redis = await startEmbeddedRedis();
  });
  afterAll(() => redis?.stop());

  /** The exit code, and what it says up to the line that ends like this. */
  async function ending(folder: string, last: string): Promise<{ code: number | null; lines: unknown[] }> {
    const api = startService('api', { REDIS_URL: redis.url, PORT: '0', TEMPLATES_DIR: folder });
    const code = await api.ended();
    const lines = () => api.log().map(({ message }) => String(message));
    await expect.poll(() => lines().at(-1)).toContain(last);
    return { code, lines: lines() };
  }

  test('does not start with templates that are wrong: exit code 78 and a line for each problem', async () => {
    const folder = newFolder();
    cpSync(SHIPPED, folder, { recursive: true });
    writeFileSync(
      join(folder, 'zebra.yaml'),
      'description: x\nparameters: { type: object }\nobjective: x {{input.y}}\nsteps:\n  - id: a\n',
    );
    writeFileSync(join(folder, 'broken.json'), '{"a":');
    const { code, lines } = await ending(folder, 'zebra.yaml:5:5');
    expect(code).toBe(78);
    expect(lines).toEqual([
      'api: the configuration cannot be used:',
      `  TEMPLATES_DIR: ${join(folder, 'broken.json')}:1:6: ends where JSON must go on`,
      `  TEMPLATES_DIR: ${join(folder, 'zebra.yaml')}:3:12: objective: {{input.y}}: \`input\` has no \`y\`; it has no members`,
      `  TEMPLATES_DIR: ${join(folder, 'zebra.yaml')}:5:5: steps[0].tool: must be the name of a tool, got nothing`,
    ]);
  });

  test('does not start with a folder that is not there, or holds none', async () => {
    const folder = newFolder();
    expect((await ending(join(folder, 'nosuch'), 'there is no such folder')).code).toBe(78);
    expect((await ending(folder, 'there are no templates here')).code).toBe(78);
  });
});
