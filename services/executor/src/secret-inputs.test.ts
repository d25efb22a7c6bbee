/** Which secrets a step's tool is given, decided from its plan: what is signed counts, and nothing else. */
import {
  canonicalJson,
  type Json,
  type JsonObject,
  type PlanContent,
  planOptionsSchema,
  type Step,
  signedContract,
} from '@countersign/shared';
import type { StepOutcome } from '@countersign/store';
import { defineTool } from '@countersign/tools';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { mailStep } from '../test/mail-step.ts';
import { type Equipment, nextMove } from './next-move.ts';
import { loadContent } from './revision-cache.ts';
import { executorSecrets } from './secrets/give-secrets.ts';
import { secretRules } from './secrets/secret-rules.ts';
import { secretSource } from './secrets/secret-source.ts';

const marker = (name: string) => ({ $secret: name });
const mail = defineTool({
  name: 'mail.send',
  description: 'Sends a letter.',
  risk: 'write',
  input: z.looseObject({ text: z.string().max(20).optional() }),
  run: () => null,
});
const tools = new Map([[mail.contract.name, mail]]);
const equipment: Equipment = {
  tools,
  contracts: new Map([['mail.send', canonicalJson(signedContract(mail.contract))]]),
  conditions: new Map(),
  secretRules: null,
};
const VALUES = new Map([
  ['MAIL_KEY', 'key-of-the-mail-server'],
  ['OTHER', 'another-secret-value'],
]);
const secrets = executorSecrets(secretSource({ values: VALUES }));

const outcome = (fields: Partial<StepOutcome> = {}): StepOutcome => ({
  status: 'completed',
  output: null,
  error: null,
  gate: null,
  item: null,
  ...fields,
});

interface Seen {
  planInput?: JsonObject;
  outcomes?: Record<string, StepOutcome>;
  stepId?: string;
  rules?: object;
}

/** What the step `send`, behind `list`, does next. */
async function move(fields: Partial<Step>, { planInput = {}, outcomes = {}, stepId = 'send', rules }: Seen = {}) {
  const content: PlanContent = {
    objective: 'write letters',
    description: '',
    input: planInput,
    steps: [mailStep('list'), mailStep('send', { dependsOn: ['list'], ...fields })],
    options: planOptionsSchema.parse({}),
    tools: { 'mail.send': signedContract(mail.contract) },
  };
  const revision = loadContent(content);
  const loaded = revision.steps.get('send');
  if (loaded === undefined) throw new Error('the plan has no step send');
  const opened = await secrets.open(revision.secrets);
  const brought = { ...equipment, secretRules: rules === undefined ? null : secretRules.parse(JSON.stringify(rules)) };
  return nextMove(
    { stepId, attempt: 1, taskId: null, revision, loaded, outcomes: new Map(Object.entries(outcomes)), secrets: opened },
    brought,
  );
}
const gave = (output: Json) => ({ list: outcome({ output: JSON.stringify(output) }) });

describe('a tool is called with the value, and the record has the marker, where the secret is', () => {
  test('written in the input', async () => {
    expect(
      await move({ input: { key: marker('MAIL_KEY'), deep: [{ at: marker('OTHER') }], to: '{{list.output}}' } }, { outcomes: gave('ann') }),
    ).toMatchObject({
      do: 'call',
      call: {
        input: { key: 'key-of-the-mail-server', deep: [{ at: 'another-secret-value' }], to: 'ann' },
        resolvedInput: JSON.stringify({ key: marker('MAIL_KEY'), deep: [{ at: marker('OTHER') }], to: 'ann' }),
        secrets: ['MAIL_KEY', 'OTHER'],
      },
    });
  });

  test('in the input of the plan, behind a lone placeholder, for each element of a list as well', async () => {
    const planInput = { auth: { key: marker('MAIL_KEY') } };
    const input = { auth: '{{input.auth}}', key: '{{input.auth.key}}' };
    const filled = { auth: { key: 'key-of-the-mail-server' }, key: 'key-of-the-mail-server' };
    expect(await move({ input }, { planInput })).toMatchObject({ do: 'call', call: { input: filled } });
    const child = { 'send[0]': outcome({ item: '"ann"' }) };
    const asked = await move({ input: { ...input, to: '{{item}}' }, forEach: ['ann'] }, { planInput, outcomes: child, stepId: 'send[0]' });
    expect(asked).toMatchObject({ do: 'call', call: { input: { ...filled, to: 'ann' } } });
  });
});

describe('a marker that nobody signed is data, whatever the tool is given besides:', () => {
  const planted = { key: marker('MAIL_KEY'), list: [marker('OTHER')] };
  const own = { own: marker('OTHER') };
  test.each<[string, Json, Seen, Json]>([
    ['out of an output', '{{list.output}}', { outcomes: gave(planted) }, planted],
    ['out of a part of an output', '{{list.output.key}}', { outcomes: gave(planted) }, marker('MAIL_KEY')],
    ['out of an error', '{{list.error}}', { outcomes: { list: outcome({ error: JSON.stringify(planted) }) } }, planted],
    [
      'out of what came with an approval',
      '{{list.approval.data}}',
      { outcomes: { list: outcome({ gate: { decision: 'approved', data: JSON.stringify(planted) } }) } },
      planted,
    ],
    ['out of an element', '{{item}}', { stepId: 'send[0]', outcomes: { 'send[0]': outcome({ item: JSON.stringify(planted) }) } }, planted],
    ['put together from texts', '{"$secret": "{{list.output}}"}', { outcomes: gave('MAIL_KEY') }, '{"$secret": "MAIL_KEY"}'],
    ['written out in a text', 'x{{list.output.key}}', { outcomes: gave(planted) }, 'x{"$secret":"MAIL_KEY"}'],
    ['written out from the plan’s own input', 'x{{input.key}}', { planInput: { key: marker('MAIL_KEY') } }, 'x{"$secret":"MAIL_KEY"}'],
  ])('%s', async (_, written, seen, data) => {
    const forEach = seen.stepId === undefined ? null : ['x'];
    const decided = await move({ forEach, input: { to: written, ...own } }, seen);
    expect(decided).toMatchObject({ do: 'call', call: { input: { to: data, own: 'another-secret-value' }, secrets: ['OTHER'] } });
  });
});

describe('a secret', () => {
  test('that is not here fails the step, says what to set, and is worth another attempt', async () => {
    expect(await move({ input: { key: marker('NOSUCH') } })).toEqual({
      do: 'fail',
      error: { code: 'invalid_input', message: 'there is no secret NOSUCH on this executor; set SECRET_NOSUCH', retryable: true },
    });
  });

  test('that its tool may not be given fails the step for good', async () => {
    const rules = { MAIL_KEY: { tools: ['http.request'] } };
    expect(await move({ input: { key: marker('MAIL_KEY') } }, { rules })).toMatchObject({
      do: 'fail',
      error: {
        code: 'invalid_input',
        message: expect.stringContaining('mail.send may not be given the secret MAIL_KEY'),
        retryable: false,
      },
    });
  });

  test('is checked against the schema with its value', async () => {
    expect(await move({ input: { text: marker('MAIL_KEY') } })).toMatchObject({
      do: 'fail',
      error: { code: 'invalid_input', retryable: false },
    });
    expect(await move({ input: { text: marker('OTHER') } })).toMatchObject({ do: 'call' });
  });

  test('that is missing does not matter to a step that is not to run', async () => {
    expect(await move({ input: { key: marker('NOSUCH') }, when: '1 == 2' })).toEqual({ do: 'decline' });
  });
});

test('a gate shows a stand-in, and asks only where the secret is there', async () => {
  const approval = { message: 'Send with {{input.key}}?', quorum: 1 };
  const planInput = { key: marker('MAIL_KEY') };
  expect(await move({ input: { key: '{{input.key}}' }, approval }, { planInput })).toMatchObject({
    do: 'ask',
    message: 'Send with {"$secret":"MAIL_KEY"}?',
    resolvedInput: JSON.stringify({ key: marker('MAIL_KEY') }),
    call: { input: { key: '{{secret.MAIL_KEY}}' }, secrets: ['MAIL_KEY'] },
  });
  expect(await move({ input: { key: marker('NOSUCH') }, approval })).toMatchObject({ do: 'fail', error: { code: 'invalid_input' } });
});

test('log lines are cleaned of values that were read, and of those that they replaced', async () => {
  const values = new Map([['KEY', 'the-first-value']]);
  const own = executorSecrets(secretSource({ values }));
  expect(own.cleanLine('the-first-value')).toBe('the-first-value');
  await own.open(['KEY']);
  values.set('KEY', 'the-second-value');
  await own.open(['KEY']);
  expect(own.cleanLine('{"a":"the-first-value","b":"the-second-value"}')).toBe('{"a":"[secret KEY]","b":"[secret KEY]"}');
});
