/** docs/policies.md against the policy of the project and against the code. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPolicy, readDocument } from '@countersign/service';
import { decidePolicy, type Effects, type PolicyFacts, readPolicy } from '@countersign/shared';
import { expect, test } from 'vitest';
import { codeBlocks, pathFromRoot, readPage, sectionOf, tableRows } from './pages.ts';

const page = readPage('docs/policies.md');
const path = pathFromRoot('policies/careful.yaml');
const quiet = { info() {}, warn() {}, error() {} } as unknown as Parameters<typeof openPolicy>[1];

async function rules() {
  const source = await openPolicy({ POLICY_FILE: path }, quiet);
  source.close();
  return source.current();
}

const facts = (given: Partial<Omit<PolicyFacts, 'effects'>> & { effects?: Partial<Effects> } = {}): PolicyFacts => ({
  options: { requireApproval: false, autoApprove: false },
  tools: ['fs.read'],
  steps: 1,
  submitter: { actor: 'ada', roles: ['submitter'] },
  costUsd: 0,
  origin: 'manual',
  rewritten: false,
  secrets: [],
  ...given,
  effects: { read: 1, write: 0, destructive: 0, ...given.effects },
});

test('the page shows the policy of the project as it is', () => {
  const [shown] = codeBlocks(sectionOf(page, '## A policy'), 'yaml');
  expect(shown?.trim()).toBe(readFileSync(path, 'utf8').trim());
});

test.each<[string, Parameters<typeof facts>[0], string, string]>([
  ['a model that starts programs', { tools: ['shell.run'], origin: 'openai' }, 'no-shell-for-models', 'deny'],
  ['a person who starts programs', { tools: ['shell.run'], effects: { destructive: 1 } }, 'destroys', 'approve'],
  ['a secret of production', { secrets: ['PROD_KEY'] }, 'production-secrets', 'approve'],
  ['many steps', { steps: 200, effects: { read: 200 } }, 'large', 'approve'],
  ['an operator’s files', { submitter: { actor: 'ops', roles: ['operator'] }, effects: { write: 1 } }, 'operators-at-work', 'auto'],
  ['somebody’s files', { effects: { write: 1 } }, 'writes', 'approve'],
  ['reading', {}, 'reads', 'auto'],
])('it decides about %s as it says', async (_what, given, rule, outcome) => {
  expect(decidePolicy(await rules(), facts(given))).toMatchObject({ rule, outcome });
});

test('the page shows the problems of a file as they are told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-policy-'));
  const broken = join(folder, 'careful.yaml');
  const text = readFileSync(path, 'utf8');
  writeFileSync(broken, text.replace('{ tools:', '{ tool:').replace('{ count: 2 }', '{ count: 0 }'));
  const failed = (await openPolicy({ POLICY_FILE: broken }, quiet).catch((error: unknown) => error)) as Error;
  rmSync(folder, { recursive: true });
  const shown = codeBlocks(sectionOf(page, '## When the policy changes'), 'text')[0] ?? '';
  expect(`api: ${failed.message.replaceAll(broken, 'policies/careful.yaml')}`).toBe(shown.trim());
});

test('the page lists every condition', async () => {
  const rows = tableRows(sectionOf(page, '## Conditions')).map(([name]) => name);
  const wrong = Object.fromEntries(rows.map((name) => [name, 0]));
  const reading = await readPolicy({ rules: [{ name: 'x', when: { ...wrong, nothing: 0 }, then: 'auto' }] });
  const problems = reading.ok ? [] : reading.problems;
  expect(problems.filter(({ atKey }) => atKey).map((each) => each.path)).toEqual(['rules[0].when.nothing']);
  const trace = decidePolicy(await rules(), facts()).trace;
  for (const { failed } of trace) if (failed !== null) expect(rows).toContain(failed);
  expect(rows.length).toBe(10);
});

test('each of the consequences of the page can be written', async () => {
  const rows = tableRows(sectionOf(page, '## What a rule decides')).map(([written]) => written);
  expect(rows).toEqual(['auto', '{auto: always}', '{approve: ...}', '{deny: message}']);
  for (const written of rows) {
    const reading = readDocument(`rules: [{ name: x, then: ${written?.replace('...', '{ count: 1 }')} }]`, 'yaml');
    expect(reading.ok && (await readPolicy(reading.document.value)).ok, written).toBe(true);
  }
});
