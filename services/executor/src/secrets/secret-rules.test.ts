import type { Json } from '@countersign/shared';
import { defineTool } from '@countersign/tools';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { secretRefusal, secretRules } from './secret-rules.ts';

const toolOf = (name: string, hosts?: (input: Json) => string[] | null) =>
  defineTool({
    name,
    description: name,
    risk: 'write',
    input: z.looseObject({}),
    run: () => null,
    ...(hosts === undefined ? {} : { hosts }),
  });
const web = toolOf('http.request', (input) => (input as { to: string[] | null }).to);
const mail = toolOf('mail.send');
const rulesOf = (value: unknown) => secretRules.parse(JSON.stringify(value));
const refusal = (rules: unknown, name: string, tool = mail, to: string[] | null = null, isPartial = false) =>
  secretRefusal(rules === null ? null : rulesOf(rules), { name, tool, input: { to }, isPartial });

test('without rules every tool may be given every secret', () => {
  expect(refusal(null, 'ANY')).toBeNull();
});

test('with rules a secret that has none is given to no tool, unless there is one for all others', () => {
  expect(refusal({ A: {} }, 'A')).toBeNull();
  expect(refusal({ A: {} }, 'B')).toBe('no tool may be given the secret B: SECRETS_ALLOW does not list it');
  expect(refusal({ A: {}, '*': { tools: ['mail.send'] } }, 'B')).toBeNull();
  expect(refusal({ A: { tools: [] }, '*': {} }, 'A')).toBe('mail.send may not be given the secret A: SECRETS_ALLOW gives it to no tool');
});

test('tools are named, or by how their names begin', () => {
  expect(refusal({ A: { tools: ['http.request', 'mail.*'] } }, 'A')).toBeNull();
  expect(refusal({ A: { tools: ['mail.*'] } }, 'A', toolOf('mailer'))).toContain('gives it to mail.*');
  expect(refusal({ A: { tools: ['mail'] } }, 'A')).toContain('gives it to mail');
});

test.each([
  [['api.example.com'], ['api.example.com'], true],
  [['api.example.com'], ['API.example.com'], true],
  [['api.example.com'], ['api.example.com:8443'], true],
  [['api.example.com:8443'], ['api.example.com:8443'], true],
  [['api.example.com:8443'], ['api.example.com'], false],
  [['api.example.com'], ['evil.com'], false],
  [['api.example.com'], ['api.example.com.evil.com'], false],
  [['api.example.com'], ['api.example.com', 'evil.com'], false],
  [['*.example.com'], ['a.b.example.com'], true],
  [['*.example.com'], ['example.com'], false],
  [['*.example.com'], ['badexample.com'], false],
  [['[::1]'], ['[::1]:80'], true],
  [['api.example.com', '*.example.com'], ['http://api.example.com'], false],
  [['http://api.example.com'], ['http://api.example.com:8080'], true],
  [['http://api.example.com'], ['api.example.com'], false],
  [['http://*.example.com'], ['http://a.example.com'], true],
  [[], ['example.com'], false],
])('with the hosts %j a call to %j is allowed: %s', (hosts, to, allowed) => {
  expect(refusal({ A: { hosts } }, 'A', web, to) === null).toBe(allowed);
});

test('a tool that does not say where it sends, or a call of which that can not be told, gets no secret that is bound to hosts', () => {
  expect(refusal({ A: { hosts: ['x.com'] } }, 'A')).toContain('this tool does not say where it sends');
  expect(refusal({ A: { hosts: ['x.com'] } }, 'A', web, null)).toContain("where this call goes can't be told");
  expect(refusal({ A: { hosts: ['x.com'] } }, 'A', web, null, true)).toBeNull();
});

test.each([
  ['{', 'must be JSON like'],
  ['[]', 'expected record'],
  ['{"a": {}}', 'a: is no name of a secret'],
  ['{"A": {"tool": []}}', 'A: Unrecognized key: "tool"'],
  ['{"A": {"tools": ["*"]}}', 'A.tools[0]: must be the name of a tool'],
  ['{"A": {"hosts": ["https://x.com"]}}', 'A.hosts[0]: must be a host'],
])('SECRETS_ALLOW=%s is refused', (text, message) => {
  expect(secretRules.safeParse(text).error?.issues.map((issue) => issue.message)).toEqual([expect.stringContaining(message)]);
});
