import { describe, expect, test } from 'vitest';
import { digestOf, type Json } from './json.ts';
import { readPolicy } from './policy-schema.ts';

const ok = { name: 'ok', then: 'auto' };
const read = (rules: Json, more: { [key: string]: Json } = {}) => readPolicy({ rules, ...more });

async function problems(rules: Json, more: { [key: string]: Json } = {}): Promise<string[]> {
  const reading = await read(rules, more);
  return reading.ok ? [] : reading.problems.map(({ path, atKey, message }) => `${path}${atKey ? ' (key)' : ''}: ${message}`);
}

test('what may be written short is read in full', async () => {
  const document: Json = {
    version: 'v7',
    rules: [
      { name: 'a', when: { risk: 'write', tools: 'fs.*', origin: 'openai', submitter: { roles: 'operator' } }, then: { auto: 'always' } },
      { name: 'b', when: { secrets: ['A', 'B*'] }, then: { approve: { count: 2, roles: 'admin', notSubmitter: true } } },
      { name: 'c', when: { rewritten: false }, then: { approve: [{ count: 1 }, { count: 2, roles: ['operator', 'admin'] }] } },
      { name: 'd', when: { steps: { max: 3 } }, then: { deny: 'too few' } },
      { name: 'e', then: 'auto' },
    ],
  };
  expect(await readPolicy(document)).toEqual({
    ok: true,
    policy: {
      version: await digestOf(document),
      label: 'v7',
      rules: [
        {
          name: 'a',
          when: { risk: ['write'], tools: ['fs.*'], origin: ['openai'], submitter: { roles: ['operator'] } },
          then: { auto: 'always' },
        },
        { name: 'b', when: { secrets: ['A', 'B*'] }, then: { approve: [{ count: 2, roles: ['admin'], notSubmitter: true }] } },
        {
          name: 'c',
          when: { rewritten: false },
          then: {
            approve: [
              { count: 1, roles: [], notSubmitter: false },
              { count: 2, roles: ['operator', 'admin'], notSubmitter: false },
            ],
          },
        },
        { name: 'd', when: { steps: { max: 3 } }, then: { deny: 'too few' } },
        { name: 'e', when: {}, then: { auto: 'may' } },
      ],
    },
  });
});

test('the version is the same however the keys are ordered, and another one with any other word', async () => {
  const version = async (rules: Json) => {
    const reading = await read(rules);
    return reading.ok ? reading.policy.version : null;
  };
  const [first, same, other] = await Promise.all([
    version([{ name: 'a', then: 'auto' }]),
    version([{ then: 'auto', name: 'a' }]),
    version([{ name: 'b', then: 'auto' }]),
  ]);
  expect(first).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(same).toBe(first);
  expect(other).not.toBe(first);
});

describe('wrong', () => {
  const when = (condition: Json): Json => [{ ...ok, when: condition }];
  const then = (consequence: Json): Json => [{ name: 'x', then: consequence }];
  test.each<[string, Json, string[]]>([
    ['no rules', [], ['rules: must not be an empty list']],
    ['rules that are no list', 'x', ['rules: must be a list, got a string']],
    [
      'an empty rule',
      [{}],
      ['rules[0].name: is missing; it must be a string', expect.stringMatching(/^rules\[0\]\.then: must be `auto`/) as never],
    ],
    ['an unknown field of a rule', [{ ...ok, whem: {} }], ['rules[0].whem (key): there is no such field']],
    ['an unknown condition', when({ tool: 'x' }), ['rules[0].when.tool (key): there is no such field']],
    ['conditions that are nothing', when(null), ['rules[0].when: must be an object, got null']],
    ['an unknown risk', when({ risk: 'high' }), ['rules[0].when.risk: must be one of read, write, destructive']],
    ['an unknown risk of several', when({ risk: ['read', 'x'] }), ['rules[0].when.risk[1]: must be one of read, write, destructive']],
    ['an empty list', when({ tools: [] }), ['rules[0].when.tools: must not be an empty list']],
    ['an empty pattern', when({ tools: '' }), ['rules[0].when.tools: must not be empty']],
    [
      'a pattern that fits nothing',
      when({ onlyTools: ['fs/*'] }),
      [expect.stringMatching(/^rules\[0\]\.when\.onlyTools\[0\]: .*fits nothing/) as never],
    ],
    ['an empty range', when({ steps: {} }), ['rules[0].when.steps: must have `min`, `max` or both']],
    [
      'a range without numbers',
      when({ effects: { write: { min: 3, max: 2 } } }),
      [expect.stringMatching(/effects\.write: `min` is above/) as never],
    ],
    ['half a step', when({ steps: { min: 0.5 } }), ['rules[0].when.steps.min: must be a whole number, got a number']],
    ['less than nothing', when({ costUsd: { max: -1 } }), ['rules[0].when.costUsd.max: must be at least 0']],
    ['effects of nothing', when({ effects: {} }), ['rules[0].when.effects: must have at least one of read, write, destructive']],
    ['a submitter who is anybody', when({ submitter: {} }), ['rules[0].when.submitter: must have at least one of actors, roles']],
    [
      'an unknown role',
      when({ submitter: { roles: ['boss'] } }),
      [expect.stringMatching(/submitter\.roles\[0\]: must be one of viewer/) as never],
    ],
    ['no decision', [{ name: 'x' }], [expect.stringMatching(/^rules\[0\]\.then: must be `auto`/) as never]],
    ['two decisions', then({ auto: 'always', deny: 'x' }), [expect.stringMatching(/^rules\[0\]\.then: must be exactly one of/) as never]],
    ['nothing of a decision', then({}), [expect.stringMatching(/^rules\[0\]\.then: must be exactly one of/) as never]],
    ['an unknown decision', then('allow'), [expect.stringMatching(/^rules\[0\]\.then: must be `auto`/) as never]],
    ['a count below 1', then({ approve: { count: 0 } }), ['rules[0].then.approve.count: must be at least 1']],
    ['a count of too many', then({ approve: [{ count: 21 }] }), ['rules[0].then.approve[0].count: must be at most 20']],
    ['no demand', then({ approve: [] }), ['rules[0].then.approve: must not be an empty list']],
    ['a demand of no role', then({ approve: { count: 1, roles: [] } }), ['rules[0].then.approve.roles: must not be an empty list']],
    ['a denial that says nothing', then({ deny: ' ' }), ['rules[0].then.deny: must not be empty']],
    ['two rules of one name', [{ ...ok, when: { rewritten: true } }, ok], ['rules[1].name: is the name of rules[0] already']],
    [
      'a rule behind one that always holds',
      [ok, { ...ok, name: 'b' }],
      [expect.stringMatching(/^rules\[1\]: is never looked at/) as never],
    ],
  ])('%s', async (_what, rules, expected) => {
    expect(await problems(rules)).toEqual(expected);
  });

  test('all problems are told at once', async () => {
    expect(await problems([{ name: '', then: { approve: { count: 0 } } }, { ...ok, when: { risk: 'x' } }, ok], { vers: 1 })).toHaveLength(
      6,
    );
  });

  test.each([[null], ['x'], [[]], [3]])('%j is no policy', async (document) => {
    expect(await readPolicy(document as Json)).toMatchObject({ ok: false, problems: [{ path: '' }] });
  });
});
