import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Issue, Json, Page, Problem, Task, Template } from '@countersign/shared';
import { afterAll, describe, expect, it } from 'vitest';
import { useApi } from '../test/running-api.ts';
import { loadTemplates } from './templates/load-templates.ts';

const TEMPLATE = {
  description: 'Reads texts and writes them down.',
  parameters: {
    type: 'object',
    properties: {
      from: { type: 'array', items: { type: 'string' }, minItems: 1 },
      to: { type: 'string', default: 'out.txt' },
      mode: { enum: ['fast', 'safe'], default: 'safe' },
      note: { type: 'string' },
    },
    required: ['from'],
  },
  objective: '{{input.note}} {{input.from}} to {{input.to}}',
  steps: [
    { id: 'read', tool: 'test.read', forEach: '{{input.from}}', input: { path: '{{item}}' } },
    { id: 'write', tool: 'test.write', input: { to: '{{input.to}}', texts: '{{read.output}}' } },
  ],
  options: { maxParallelSteps: 2, summarize: true },
};
const MINIMAL = { description: 'x', parameters: { type: 'object' }, steps: [{ id: 'read', tool: 'test.read' }] };

const folder = mkdtempSync(join(tmpdir(), 'countersign-templates-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
for (const [name, content] of Object.entries({
  copy: TEMPLATE,
  // A template with tools of its own, and one whose objective is what the input makes of it.
  allowed: { ...MINIMAL, objective: 'Read', tools: ['test.read'] },
  free: { ...MINIMAL, parameters: { type: 'object', properties: { what: {} } }, objective: '{{input.what}}' },
}))
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(content));
const templates = await loadTemplates(folder);

const api = useApi({ templates });
const ask = (body: Json) => api.call<{ task: Task }>('/v1/tasks', { body });
const issuesOf = async (body: Json): Promise<Issue[]> => {
  const reply = await api.call<Problem>('/v1/tasks', { body });
  expect([reply.status, reply.body.code]).toEqual([422, 'invalid_request']);
  return reply.body.issues ?? [];
};
const placesOf = async (body: Json): Promise<string[]> => (await issuesOf(body)).map(({ path, code }) => `${path} ${code}`);

describe('GET /v1/templates', () => {
  it('lists them all by name, with what each takes and does', async () => {
    const { status, body } = await api.call<{ items: Template[] }>('/v1/templates');
    expect([status, body.items.map(({ name }) => name)]).toEqual([200, ['allowed', 'copy', 'free']]);
    expect(body.items[1]).toEqual({
      name: 'copy',
      ...TEMPLATE,
      parameters: { ...TEMPLATE.parameters, additionalProperties: false },
      tools: null,
      digest: expect.stringMatching(/^sha256:/),
    });
  });
});

describe('POST /v1/tasks with a template', () => {
  it('stores what the template comes to: its objective rendered, the input with its defaults, its options', async () => {
    const { status, body } = await ask({ template: 'copy', input: { from: ['a', '{{input.to}}'], note: 'Copy' } });
    expect(status).toBe(202);
    const objective = 'Copy ["a","{{input.to}}"] to out.txt';
    const input = { from: ['a', '{{input.to}}'], note: 'Copy', to: 'out.txt', mode: 'safe' };
    const digest = templates.get('copy')?.template.digest;
    expect(body.task).toMatchObject({
      status: 'queued',
      objective,
      options: TEMPLATE.options,
      tools: null,
      template: { name: 'copy', digest },
    });
    expect(body.task.input).toEqual(input);
    expect(await api.store.getTaskDraft(body.task.id)).toEqual({
      objective,
      description: TEMPLATE.description,
      input,
      steps: TEMPLATE.steps,
      options: TEMPLATE.options,
    });
  });

  it('takes another objective as it is, tools, and options one by one', async () => {
    const fields = {
      objective: 'Say {{input.note}}',
      tools: ['test.read', 'test.write', 'test.destroy'],
      options: { maxParallelSteps: 7, autoApprove: true },
    };
    const { task } = (await ask({ template: 'copy', input: { from: ['a'] }, ...fields })).body;
    const options = { maxParallelSteps: 7, summarize: true, autoApprove: true };
    expect(task).toMatchObject({ ...fields, options });
    expect(await api.store.getTaskDraft(task.id)).toMatchObject({ objective: fields.objective, options });
    expect((await ask({ template: 'allowed' })).body.task.tools).toEqual(['test.read']);
  });

  it('takes a secret for a text, as it is, and for nothing else', async () => {
    const secret = { $secret: 'MAIL_KEY' };
    const { task } = (await ask({ template: 'copy', input: { from: [secret], to: secret } })).body;
    expect(task.input).toEqual({ from: [secret], to: secret, mode: 'safe' });
    expect(await placesOf({ template: 'copy', input: { from: secret } })).toEqual(['input.from bad_input']);
    expect(await placesOf({ template: 'copy', input: { from: ['a'], note: { $secret: 'small' } } })).toContain('input.note bad_input');
  });

  it('never changes the template: a second task starts from the same defaults', async () => {
    await ask({ template: 'copy', input: { from: ['a'], to: 'b' }, options: { priority: 5 } });
    const { task } = (await ask({ template: 'copy', input: { from: ['a'] } })).body;
    expect([task.input.to, task.options]).toEqual(['out.txt', TEMPLATE.options]);
  });

  it('that is not there names those that are', async () => {
    expect(await issuesOf({ template: 'cpoy', input: { any: 1 } })).toEqual([
      { path: 'template', code: 'bad_input', message: 'there is no template `cpoy`; there are allowed, copy, free' },
    ]);
    expect(await placesOf({ template: '__proto__' })).toEqual(['template bad_input']);
  });

  it.each<[what: string, fields: Record<string, Json>, places: string[]]>([
    ['a parameter that is needed', {}, ['input.from bad_input']],
    ['values that do not fit', { input: { from: ['a', 7], mode: 'wild' } }, ['input.from[1] bad_input', 'input.mode bad_input']],
    ['a parameter that it does not have', { input: { from: ['a'], too: 'b' } }, ['input.too unknown_field']],
    ['tools without one that it uses', { input: { from: ['a'] }, tools: ['test.read'] }, ['tools bad_input']],
    [
      'everything at once',
      { objective: ' ', input: { from: [] }, options: { maxParallelSteps: 0 }, tools: ['test.read', 'nosuch'], more: 1 },
      [
        'objective bad_input',
        'more unknown_field',
        'input.from bad_input',
        'tools bad_input',
        'options.maxParallelSteps bad_option',
        'tools[1] unknown_tool',
      ],
    ],
    ['an input that is no object', { input: ['a'] }, ['input bad_input']],
    ['more input than a plan may have', { input: { from: ['x'.repeat(1_000_001)] } }, ['input limit_exceeded']],
  ])('refuses %s, and stores nothing', async (_, fields, places) => {
    expect((await placesOf({ template: 'copy', ...fields })).sort()).toEqual(places.sort());
    expect((await api.call<Page<Task>>('/v1/tasks')).body.items).toEqual([]);
  });

  it('lists every issue, however many', async () => {
    expect(await placesOf({ template: 'copy', input: { from: Array(300_000).fill(7) } })).toHaveLength(300_000);
  });

  it('names the values that an enum allows', async () => {
    const [issue] = await issuesOf({ template: 'copy', input: { from: ['a'], mode: 'wild' } });
    expect(issue).toEqual({ path: 'input.mode', code: 'bad_input', message: 'must be equal to one of the allowed values: "fast", "safe"' });
  });

  it.each<[Json, string]>([
    [{}, "the template's objective comes to nothing with this input; give one"],
    [{ what: ' ' }, "the template's objective comes to nothing with this input; give one"],
    [{ what: 'x'.repeat(10_001) }, "the template's objective comes to 10001 characters with this input; give one of at most 10000"],
  ])('refuses an objective that the input makes unusable: %.30j', async (input, message) => {
    expect(await issuesOf({ template: 'free', input })).toEqual([{ path: 'objective', code: expect.any(String), message }]);
    expect((await ask({ template: 'free', input, objective: 'Given' })).body.task.objective).toBe('Given');
  });

  it('an objective that is one placeholder is the text of its value', async () => {
    expect((await ask({ template: 'free', input: { what: ['a', 1] } })).body.task.objective).toBe('["a",1]');
  });

  it('a template that is no name is an issue', async () => {
    for (const template of ['', 7, null, {}]) expect(await placesOf({ template })).toEqual(['template bad_input']);
  });

  it('the same Idempotency-Key gives the first answer again, another body is a conflict', async () => {
    const send = (input: Json) => api.call<{ task: Task }>('/v1/tasks', { body: { template: 'copy', input }, idempotencyKey: 'k' });
    const first = await send({ from: ['a'] });
    const again = await send({ from: ['a'] });
    expect([again.status, again.body.task.id, again.headers.get('idempotent-replayed')]).toEqual([202, first.body.task.id, 'true']);
    expect((await send({ from: ['b'] })).status).toBe(409);
    expect((await api.call<Page<Task>>('/v1/tasks')).body.items).toHaveLength(1);
  });
});

describe('a task without a template', () => {
  it('needs its objective and has no draft', async () => {
    expect(await issuesOf({ input: {} })).toEqual([{ path: 'objective', code: 'bad_input', message: 'is missing; it must be a string' }]);
    const { task } = (await ask({ objective: 'Copy' })).body;
    expect([task.template, await api.store.getTaskDraft(task.id)]).toEqual([null, null]);
  });
});

describe('without TEMPLATES_DIR', () => {
  const bare = useApi();
  it('there are none, and a task that names one is told why', async () => {
    expect((await bare.call<{ items: Template[] }>('/v1/templates')).body.items).toEqual([]);
    const { body } = await bare.call<Problem>('/v1/tasks', { body: { template: 'copy' } });
    expect(body.issues).toEqual([
      {
        path: 'template',
        code: 'bad_input',
        message: 'there is no template `copy`; there are none: the setting TEMPLATES_DIR names no folder',
      },
    ]);
  });
});

describe('with keys', () => {
  const guarded = useApi({ templates, keys: 'v:viewer:viewer-secret,s:submitter:submitter-secret,a:approver:approver-secret' });
  const as = (who: string) => ({ headers: { Authorization: `Bearer ${who}-secret` } });

  it('everybody with a key reads templates, and submitters use them', async () => {
    for (const who of ['viewer', 'submitter', 'approver']) expect((await guarded.call('/v1/templates', as(who))).status).toBe(200);
    expect((await guarded.call('/v1/templates')).status).toBe(401);
    const body = { template: 'copy', input: { from: ['a'] } };
    expect((await guarded.call('/v1/tasks', { body, ...as('submitter') })).status).toBe(202);
    for (const who of ['viewer', 'approver']) expect((await guarded.call('/v1/tasks', { body, ...as(who) })).status).toBe(403);
  });
});
