import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseApiKeys, type RunningApi, startApi } from '@countersign/api';
import { createLogger } from '@countersign/service';
import type { ToolContract } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeBlocks, pathFromRoot, readPage, sectionOf } from '../../../test/docs/pages.ts';
import { useTestRedis } from '../../../test/redis/test-redis.ts';
import { policyCommand } from './policy-command.ts';
import { openTerminal } from './terminal.ts';

const SEND: ToolContract = {
  name: 'mail.send',
  description: 'Sends.',
  risk: 'write',
  idempotent: false,
  inputSchema: { type: 'object' },
  outputSchema: null,
  timeoutMs: null,
  retry: null,
  queue: null,
  examples: [],
};
const POLICY = `rules:
  - { name: no-shell, when: { tools: shell.run }, then: { deny: "not here" } }
  - { name: interns, when: { submitter: { actors: "intern-*" } }, then: { approve: { count: 2, notSubmitter: true } } }
  - { name: rest, then: { auto: always } }
`;
const PLAN = { objective: 'Say hello', steps: [{ id: 'a', tool: 'mail.send' }] };

const redis = useTestRedis();
let store: Store;
let api: RunningApi;
let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-policy-test-'));
  const parsed = parseApiKeys('ada:submitter:secret-of-ada,eve:viewer:secret-of-eve');
  if (!parsed.ok) throw new Error(parsed.problems.join());
  store = openStore({ redis: { url: redis.url } });
  await store.announceTools([SEND]);
  api = await startApi({
    store,
    logger: createLogger({ service: 'api', level: 'silent' }),
    keys: parsed.keys,
    host: '127.0.0.1',
    port: 0,
  });
});
afterEach(async () => {
  await api.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
async function run(args: string[], env: Record<string, string> = {}): Promise<string> {
  let written = '';
  const terminal = openTerminal({ write: (text) => (written += text) }, {});
  const settings = { COUNTERSIGN_URL: `${api.url}/`, COUNTERSIGN_API_KEY: 'secret-of-eve', ...env };
  expect(await policyCommand(args, { env: settings, terminal })).toBe(0);
  return written;
}
const testing = (...args: string[]): string[] => ['test', write('policy.yaml', POLICY), ...args];

async function createPlan(): Promise<string> {
  const response = await fetch(`${api.url}/v1/plans`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer secret-of-ada' },
    body: JSON.stringify(PLAN),
  });
  return ((await response.json()) as { plan: { id: string } }).plan.id;
}

describe('countersign policy test', () => {
  it('says what the policy decides about a plan in a file, and why', async () => {
    const plan = write('plan.yaml', 'objective: Say hello\nsteps: [{ id: a, tool: mail.send }]\n');
    expect(await run(testing('--plan', plan))).toMatch(
      /^Policy sha256:[0-9a-f]{64}, not the one in force\nnobody is asked, by the rule rest: .*\n {2}no-shell {2}no {3}no tool of it fits shell\.run\n {2}interns {3}no {3}it is eve's, who does not fit intern-\*\n {2}rest {6}yes {2}it has no conditions\n$/,
    );
    const theirs = await run(testing('--plan', plan, '--submitter', 'intern-7', '--role', 'submitter'));
    expect(theirs).toContain('by the rule interns: 2 approvals by different approvers, not intern-7\n');
  });

  it('takes a plan that is stored, and answers as JSON', async () => {
    const id = await createPlan();
    const answer = JSON.parse(await run(testing('--plan-id', id, '--revision', '1', '--json'))) as object;
    expect(answer).toMatchObject({ decision: { outcome: 'auto', rule: 'rest' }, facts: { submitter: { actor: 'ada' } } });
  });

  it('says of the plans that are stored what was decided then and would be now', async () => {
    const ids = [await createPlan(), await createPlan()].reverse();
    const text = await run(testing());
    expect(text).toContain('PLAN                        REVISION  THEN       NOW            OBJECTIVE\n');
    for (const id of ids) expect(text).toContain(`${id}  1         approve 1  auto  differs  Say hello\n`);
    expect(text).toContain('2 plans: 2 auto, 0 approve, 0 deny; 2 differ\n');
    expect(await run(testing('--limit', '1'))).toContain('1 plans: 1 auto, 0 approve, 0 deny; 1 differ; there are older ones\n');
    expect(await run(testing('--status', 'completed'))).toContain('0 plans: ');
  });

  it('writes what docs/policies.md shows', async () => {
    const section = sectionOf(readPage('docs/policies.md'), '## Trying a policy');
    const [tried = '', command = ''] = codeBlocks(section, 'sh');
    await store.announceTools([
      { ...SEND, name: 'fs.list', risk: 'read' },
      { ...SEND, name: 'fs.write' },
    ]);
    const { plan } = JSON.parse(/-d '([^']*)'/.exec(tried)?.[1] ?? '') as { plan: object };
    const paths: Record<string, string> = {
      'policies/careful.yaml': pathFromRoot('policies/careful.yaml'),
      'plan.json': write('plan.json', JSON.stringify(plan)),
    };
    const [, args = ''] = command.split(' policy ');
    const text = await run(
      args
        .trim()
        .split(' ')
        .map((word) => paths[word] ?? word),
    );
    expect(text).toBe(codeBlocks(section, 'text')[0]);
  });

  it('says where a policy or a plan is wrong', async () => {
    const broken = write('broken.yaml', 'rules:\n  - { name: a, when: { risks: read }, then: auto }\n');
    await expect(run(['test', broken])).rejects.toThrow(`${broken}:2:24: rules[0].when.risks: there is no such field`);
    await expect(run(['test', join(folder, 'none.yaml')])).rejects.toThrow('there is no such file');
    const bad = write('bad.json', '{"objective": "x", "steps": [{"id": "a", "tool": "no.such"}]}');
    await expect(run(testing('--plan', bad))).rejects.toThrow('plan.steps[0].tool: there is no tool `no.such`');
    await expect(run(testing('--plan', write('cut.json', '{"objective":')))).rejects.toThrow(/cut\.json:1:14: ends where/);
    await expect(run(testing('--plan-id', 'pln_0000000000000000000000'))).rejects.toThrow('there is no plan');
  });

  it.each([
    [[], 'say test'],
    [['check'], 'there is no policy check'],
    [['test'], 'needs the file'],
    [['test', 'a', 'b'], 'one argument too many: b'],
    [['test', 'a', '--plan', 'b', '--plan-id', 'c'], 'exclude each other'],
    [['test', 'a', '--submitter', 'b', '--role', 'viewer'], 'go with --plan'],
    [['test', 'a', '--plan', 'b', '--role', 'viewer'], 'go together'],
    [['test', 'a', '--revision', '2'], '--revision goes with --plan-id'],
    [['test', 'a', '--plan', 'b', '--limit', '2'], 'go without a plan'],
    [['test', 'a', '--all'], '--all'],
  ])('%j is called wrongly: %s', async (args, message) => {
    await expect(run(args)).rejects.toMatchObject({ name: 'UsageError', message: expect.stringContaining(message) });
  });

  it.each([
    [['--limit', 'many'], '--limit must be a whole number'],
    [['--status', 'odd'], 'there is no status odd'],
    [['--plan', 'x', '--submitter', 'a', '--role', 'king'], 'there is no role king'],
  ])('%j is called wrongly: %s', async (args, message) => {
    await expect(run(testing(...args))).rejects.toMatchObject({ name: 'UsageError', message: expect.stringContaining(message) });
  });
});
