/**
 * Secrets that tools are given are nowhere but in the tools: a fleet runs plans whose tools spill everything in every way,
 * then all that the fleet has written, logged, answered and sent is searched for the values.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isEndedPlan, type Json, type Plan, type StepDraft } from '@countersign/shared';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decide, untilSteps } from './deciding.ts';
import { Fleet } from './fleet.ts';
import { recordStep, stepOf } from './record-step.ts';
import { keep, planReply, type ScriptedModel, startScriptedModel, written } from './scripted-model.ts';

const ENV_VALUE = 'env "Quoted\\back" ö+/=&<~> Zq8vT3mW';
const FILE_VALUE = 'Bearer fil3-T0ken.Kx9_Lm2-Pq7+Rs4/Uv6=';
const PLAIN_VALUE = '20260718193355';
const SECRETS = { ENV_ONE: ENV_VALUE, FILE_ONE: FILE_VALUE, PLAIN_ONE: PLAIN_VALUE };
const marker = (name: keyof typeof SECRETS | 'NOSUCH') => ({ $secret: name });

let secretsDir: string;
let model: ScriptedModel;
let fleet: Fleet;
/** every answer of the API, as text */
const answers: string[] = [];

beforeAll(async () => {
  secretsDir = mkdtempSync(join(tmpdir(), 'countersign-secrets-'));
  writeFileSync(join(secretsDir, 'FILE_ONE'), `${FILE_VALUE}\n`);
  model = await startScriptedModel();
  fleet = await Fleet.start({ executors: 0, planner: model.env });
  const env = { SECRET_ENV_ONE: ENV_VALUE, SECRET_PLAIN_ONE: PLAIN_VALUE, SECRETS_DIR: secretsDir };
  await Promise.all([fleet.startExecutor(env), fleet.startExecutor(env)]);
});
afterAll(async () => {
  await fleet?.close();
  await model?.close();
  if (secretsDir !== undefined) rmSync(secretsDir, { recursive: true, force: true });
});

const spill = (id: string, input: StepDraft['input'], more: Partial<StepDraft> = {}): StepDraft => ({
  id,
  tool: 'test.spill',
  input,
  ...more,
});
const print = (text: string): string => createHash('sha256').update(text).digest('hex');

interface Spilled {
  stepId: string;
  attempt: number;
  prints: string[];
  secrets: string[] | null;
}
/** What the tool got, call by call. */
const spilled = (planId: string): Spilled[] => fleet.ledger(planId).filter((line) => 'prints' in line) as unknown as Spilled[];
const gotBy = (planId: string, stepId: string): Spilled[] => spilled(planId).filter((each) => each.stepId === stepId);

async function ask(path: string): Promise<string> {
  const response = await fetch(fleet.url + path);
  const text = await response.text();
  answers.push(text);
  return text;
}

/** All that the API says about a plan. */
async function askEverything({ id }: Plan): Promise<void> {
  const plan = `/v1/plans/${id}`;
  // The stream of a plan that goes on goes on, too.
  if (isEndedPlan((await fleet.plan(id)).status)) await ask(`${plan}/events`);
  for (const path of ['', '?format=markdown', '?format=mermaid', '/audit', '/revisions', '/revisions/1']) await ask(plan + path);
  const { items } = JSON.parse(await ask(`${plan}/revisions`)) as { items: unknown[] };
  if (items.length > 1) await ask(`${plan}/diff?from=1&to=2`);
  for (const path of ['/v1/plans', '/v1/tasks', '/v1/approvals', '/v1/tools', '/v1/templates']) await ask(path);
}

/** Each value in the forms that a reader could make it out of, by the name of its secret. */
function tellingForms(value: string): string[] {
  const bytes = Buffer.from(value);
  const json = JSON.stringify(value).slice(1, -1);
  const token = value.replace(/^Bearer /, '');
  return [
    value,
    token,
    json,
    JSON.stringify(json).slice(1, -1),
    bytes.toString('base64').slice(0, -4),
    bytes.toString('base64url').slice(0, -4),
    Buffer.from(`ada:${value}`).toString('base64').slice(8, -4),
    bytes.toString('hex'),
    encodeURIComponent(value),
    new URLSearchParams({ x: value }).toString().slice(2),
    bytes.toJSON().data.join(','),
    // A part of it that has no other form.
    ...(/[A-Za-z0-9]{8,}/.exec(value) ?? []),
  ];
}
const FORMS = Object.entries(SECRETS).flatMap(([name, value]) => [...new Set(tellingForms(value))].map((form) => ({ name, form })));

/** Which secrets show in a text, and around what. */
const leaksIn = (text: string): string[] =>
  FORMS.flatMap(({ name, form }) => {
    const at = text.indexOf(form);
    return at === -1 ? [] : [`${name}: ...${text.slice(Math.max(0, at - 80), at + form.length + 20)}`];
  });

async function everythingInRedis(): Promise<string> {
  const redis = new Redis(fleet.redis.url);
  const found: unknown[] = [];
  const readers: Record<string, (key: string) => Promise<unknown>> = {
    string: (key) => redis.get(key),
    hash: (key) => redis.hgetall(key),
    list: (key) => redis.lrange(key, 0, -1),
    set: (key) => redis.smembers(key),
    zset: (key) => redis.zrange(key, '0', '-1'),
    stream: (key) => redis.xrange(key, '-', '+'),
  };
  try {
    for (const key of await redis.keys('*')) {
      const read = readers[await redis.type(key)];
      if (read !== undefined) found.push(key, await read(key));
    }
  } finally {
    await redis.quit();
  }
  expect(found.length).toBeGreaterThan(20);
  return textsOf(found as Json).join('\n');
}

const textsOf = (value: Json): string[] => {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, member]) => [key, ...textsOf(member)])
    : [String(value)];
};

/** What the services, and Redis, wrote to disk; that has also what was removed since. */
function everythingOnDisk(): string {
  const filesIn = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile());
  return [...filesIn(fleet.folder), ...filesIn(fleet.redis.dataDir)].map((path) => readFileSync(path, 'utf8')).join('\n');
}

const everythingLogged = (): string =>
  [...fleet.executors, fleet.api, fleet.planner].flatMap((service) => service?.log().map((line) => JSON.stringify(line)) ?? []).join('\n');

test('a plan that fails, is planned anew and summed up: tools get the values, and nobody else does', async () => {
  model.script((request) => {
    const isSummary = JSON.stringify(request.body.response_format ?? request.body.tools ?? '').includes('"response"');
    if (isSummary) return { content: { response: 'It was spilled.' } };
    return planReply(
      ...['nested', 'each', 'gated', 'later'].map(keep),
      written('again', { given: '{{input.auth}}' }, { tool: 'test.spill' }),
    );
  });
  const gate: Partial<StepDraft> = { approval: { message: 'Spill {{input.auth}}?' }, when: '{{input.auth.key}} != null' };
  const draft = await fleet.createPlan({
    objective: 'spill it',
    input: { auth: { key: marker('FILE_ONE'), user: 'ada' } },
    steps: [
      spill(
        'nested',
        { given: { a: [{ b: marker('ENV_ONE') }], c: '{{input.auth}}', n: marker('PLAIN_ONE') }, failAttempts: 2 },
        { retry: { maxAttempts: 3, delayMs: 10 } },
      ),
      spill('each', { given: [marker('ENV_ONE'), '{{item}}'] }, { forEach: ['x', 'y'] }),
      spill('gated', { given: [marker('ENV_ONE'), '{{input.auth}}'], more: '{{each.output}}' }, gate),
      spill(
        'later',
        { given: '{{nested.output.given}}', more: { all: '{{each.output}}', text: 'as {{nested.output.given.c.key}}' } },
        { when: "{{nested.output.given.c.key}} == '[secret FILE_ONE]'" },
      ),
      spill(
        'fails',
        { given: marker('ENV_ONE'), failAttempts: 9 },
        { dependsOn: ['later', 'gated'], retry: { maxAttempts: 2, delayMs: 10 } },
      ),
    ],
    options: { replan: { maxRevisions: 1 }, summarize: true },
  });
  const asked = await fleet.reviewed(draft.id);
  expect(stepOf(asked, 'nested')).toMatchObject({
    secrets: ['ENV_ONE', 'FILE_ONE', 'PLAIN_ONE'],
    effects: expect.stringMatching(/^spills .*\{\{secret\.ENV_ONE}}.* \(uses secrets ENV_ONE, FILE_ONE, PLAIN_ONE\)$/),
    dryRun: null,
  });
  expect(await ask(`/v1/plans/${draft.id}?format=markdown`)).toContain(
    '- `nested`: `test.spill` uses secrets `ENV_ONE`, `FILE_ONE`, `PLAIN_ONE`',
  );
  await askEverything(asked);
  await fleet.approve(asked);
  await untilSteps(fleet, asked, { gated: 'awaiting_approval' });
  await askEverything(asked);
  await decide(fleet, [asked, 'gated']);
  const again = await fleet.until(asked.id, 'pending_approval');
  expect(again.revision).toBe(2);
  await askEverything(again);
  await fleet.approve(again);
  const plan = await fleet.until(asked.id, 'completed');
  await expect.poll(async () => (await fleet.plan(plan.id)).response, { timeout: 20_000 }).toBe('It was spilled.');
  await askEverything(plan);

  const values = [ENV_VALUE, FILE_VALUE, 'ada', PLAIN_VALUE].map(print);
  expect(gotBy(plan.id, 'nested').map(({ prints }) => prints)).toEqual([values, values, values]);
  expect(gotBy(plan.id, 'nested')[0]?.secrets?.toSorted()).toEqual(['ENV_ONE', 'FILE_ONE', 'PLAIN_ONE']);
  expect(gotBy(plan.id, 'each[1]')[0]?.prints).toEqual([ENV_VALUE, 'y'].map(print));
  expect(gotBy(plan.id, 'gated')[0]?.prints).toEqual([ENV_VALUE, FILE_VALUE, 'ada'].map(print));
  expect(gotBy(plan.id, 'again')[0]?.prints).toEqual([FILE_VALUE, 'ada'].map(print));
  // What comes out of a step is what was recorded of it, for the steps behind it, too.
  expect(gotBy(plan.id, 'later')[0]).toMatchObject({
    prints: ['[secret ENV_ONE]', '[secret FILE_ONE]', 'ada', '[secret PLAIN_ONE]'].map(print),
    secrets: null,
  });
  expect(stepOf(plan, 'nested')).toMatchObject({
    output: { given: { a: [{ b: '[secret ENV_ONE]' }], c: { key: '[secret FILE_ONE]', user: 'ada' }, n: '[secret PLAIN_ONE]' } },
    resolvedInput: { given: { a: [{ b: marker('ENV_ONE') }], c: { key: marker('FILE_ONE'), user: 'ada' }, n: marker('PLAIN_ONE') } },
  });
  const events = await fleet.events(plan.id);
  const retrying = events.filter(({ type, stepId }) => type === 'step.retrying' && stepId === 'nested');
  expect(retrying).toHaveLength(2);
  // The first message is longer than what is kept: it is cut behind the redaction, not through a value.
  expect(JSON.stringify(retrying[0])).toContain('xxx[secret EN"');
  expect(JSON.stringify(retrying[1])).toContain('[secret ENV_ONE] [secret FILE_ONE] ada [secret PLAIN_ONE] in ');
  expect(JSON.stringify(events.filter(({ type }) => type === 'step.progress'))).toContain('halfway with [secret ENV_ONE] and');
  expect(everythingLogged().includes('given [secret ENV_ONE]')).toBe(true);
}, 90_000);

test('a marker that somebody or something gives while the plan runs is data', async () => {
  const planted = { key: marker('ENV_ONE'), list: [marker('FILE_ONE')] };
  const plan = await fleet.launch({
    objective: 'spill what was given',
    steps: [
      { id: 'ask', tool: 'human.input', input: { question: 'What?' } },
      spill('answer', { given: { told: '{{ask.output}}', text: '{"$secret": "{{ask.output.key.$secret}}"}', own: marker('PLAIN_ONE') } }),
      spill('each', { given: ['{{item}}'] }, { forEach: '{{ask.output.list}}' }),
      spill('again', { given: '{{answer.output.given.told.key}}', more: '{{each.output}}' }),
    ],
  });
  await untilSteps(fleet, plan, { ask: 'awaiting_approval' });
  expect((await decide(fleet, [plan, 'ask'], { data: planted })).status).toBe(200);
  const ended = await fleet.until(plan.id, 'completed');
  await askEverything(ended);
  const marked = '{"$secret": "ENV_ONE"}';
  expect(gotBy(plan.id, 'answer')[0]).toMatchObject({
    prints: ['ENV_ONE', 'FILE_ONE', marked, PLAIN_VALUE].map(print),
    secrets: ['PLAIN_ONE'],
  });
  expect(gotBy(plan.id, 'each[0]')[0]).toMatchObject({ prints: [print('FILE_ONE')], secrets: null });
  expect(gotBy(plan.id, 'again')[0]).toMatchObject({ prints: [print('ENV_ONE')], secrets: null });
});

test('a secret that is not there fails the step with what to set; once its file is there, a retry by hand is enough', async () => {
  const plan = await fleet.launchUntil({ objective: 'spill', steps: [spill('a', { given: marker('NOSUCH') })] }, 'failed');
  expect(stepOf(plan, 'a').error).toEqual({
    code: 'invalid_input',
    message: 'there is no secret NOSUCH on this executor; set SECRET_NOSUCH, or write the file NOSUCH in SECRETS_DIR',
    retryable: true,
  });
  expect(spilled(plan.id)).toEqual([]);
  writeFileSync(join(secretsDir, 'NOSUCH'), PLAIN_VALUE);
  await fleet.act(plan.id, 'retry');
  await askEverything(await fleet.until(plan.id, 'completed'));
  expect(gotBy(plan.id, 'a')[0]?.prints).toEqual([print(PLAIN_VALUE)]);
});

test('what one step hides in a file another one of the plan does not bring to light', async () => {
  mkdirSync(join(fleet.folder, 'hidden'));
  const plan = await fleet.launchUntil({
    objective: 'hide and seek',
    steps: [
      { id: 'hide', tool: 'fs.write', input: { path: 'hidden/it', text: marker('ENV_ONE') } },
      { id: 'seek', tool: 'fs.read', input: { path: 'hidden/it' }, dependsOn: ['hide'] },
      recordStep('pass-on', { value: '{{seek.output}}' }),
    ],
  });
  expect(stepOf(plan, 'seek').output).toMatchObject({ text: '[secret ENV_ONE]' });
  expect(readFileSync(join(fleet.folder, 'hidden/it'), 'utf8')).toBe(ENV_VALUE);
  rmSync(join(fleet.folder, 'hidden'), { recursive: true });
  await askEverything(plan);
});

test('tasks: a malformed secret is refused at once; the model sees the name, and what it writes as text is a secret again', async () => {
  const refused = await fleet.call('POST', '/v1/tasks', { body: { objective: 'x', input: { a: [{ $secret: 'small' }] } } });
  expect([refused.status, refused.body.code, refused.body.issues]).toMatchObject([
    422,
    'invalid_request',
    [{ path: 'input.a[0]', code: 'bad_input' }],
  ]);
  model.script([planReply(written('a', { given: '{{input.token}}', more: '{"$secret": "PLAIN_ONE"}' }, { tool: 'test.spill' }))]);
  const body = { objective: 'spill with PLAIN_ONE', input: { token: marker('FILE_ONE') }, options: { requireApproval: false } };
  const { task } = (await fleet.call('POST', '/v1/tasks', { body })).body;
  await expect.poll(async () => (await fleet.task(task.id)).status, { timeout: 20_000 }).toBe('planned');
  const plan = await fleet.until(String((await fleet.task(task.id)).planId), 'completed');
  expect(stepOf(plan, 'a').secrets).toEqual(['FILE_ONE', 'PLAIN_ONE']);
  expect(gotBy(plan.id, 'a')[0]?.prints).toEqual([print(FILE_VALUE)]);
  expect(JSON.stringify(model.requests()).includes('FILE_ONE')).toBe(true);
  await askEverything(plan);
});

describe('after all of this no value is found in', () => {
  test.each<[string, () => string | Promise<string>, string]>([
    ['Redis', everythingInRedis, '[secret ENV_ONE]'],
    ['the log of any process', everythingLogged, '[secret ENV_ONE]'],
    ['what the API answered', () => answers.join('\n'), '[secret ENV_ONE]'],
    ['what the model was sent', () => JSON.stringify(model.all()), '[secret ENV_ONE]'],
    ['the files of the services and of Redis', everythingOnDisk, '[secret ENV_ONE]'],
  ])('%s', async (_, everything, control) => {
    const text = await everything();
    // What stands in the place of a value shows that this is where it would be.
    expect(text.includes(control)).toBe(true);
    expect(leaksIn(text)).toEqual([]);
  });
});

test('an executor says at its start which names it has', () => {
  for (const { log } of fleet.executors)
    expect(log().find(({ message }) => message === 'secrets that steps may ask for')).toMatchObject({
      names: ['ENV_ONE', 'FILE_ONE', 'PLAIN_ONE'],
    });
});
