import { digestOf, type JsonObject, type ToolContract } from '@countersign/shared';
import { expect, test } from 'vitest';
import { callForm } from './call-form.ts';
import type { ReplanRequest } from './planner.ts';
import * as prompts from './prompts.ts';
import { replySchema, SUMMARY_SCHEMA } from './reply.ts';

/** Each version of the prompts, with the digest of all their words and schemas. */
const DIGESTS: Readonly<Record<string, string>> = {
  '2026-11-1': 'sha256:94e46755bed8561eebc13407acd558e459d6534bf73102ca86668ee6365955bd',
  '2026-11-2': 'sha256:35d6e8742785444e4699e8d8469636b4eaa1a1e1e6d2a75eb50539209b0a73a5',
};

const tool = (name: string, inputSchema: JsonObject, outputSchema: JsonObject | null): ToolContract => ({
  name,
  description: `the tool ${name}`,
  risk: 'destructive',
  idempotent: outputSchema === null,
  inputSchema,
  outputSchema,
  timeoutMs: null,
  retry: null,
  queue: null,
  examples: [{ text: `Use ${name}`, input: {} }],
});
const TOOLS = [
  tool(
    'count',
    {
      type: 'object',
      properties: {
        kind: { const: 'files' },
        n: { type: 'integer', minimum: 1, default: 2 },
        paths: {
          type: 'array',
          items: { anyOf: [{ enum: ['.', '..'] }, { type: 'object', properties: { of: { type: 'string' } } }] },
          maxItems: 9,
        },
      },
      required: ['kind'],
    },
    null,
  ),
  tool('free', { type: 'object' }, { type: 'string' }),
];

/** As much of a plan as the prompts look at. */
const PLAN = {
  objective: 'Count',
  status: 'failed',
  error: null,
  steps: [],
} as unknown as ReplanRequest['plan'];
const REQUEST = {
  objective: 'Count',
  input: { root: '.' },
  tools: TOOLS,
  conditions: new Set(['quiet']),
  options: {},
  plan: PLAN,
  signal: new AbortController().signal,
  onRound: async () => {},
};

test('changed prompts have a new version', async () => {
  const shown = { lines: '{}', cut: new Set(['a']) };
  const calls = callForm(TOOLS);
  const said = [
    prompts.SYSTEM_PROMPT,
    prompts.briefPrompt(REQUEST),
    prompts.revisePrompt({ ...REQUEST, feedback: 'More' }, shown),
    prompts.replanPrompt(REQUEST, shown),
    prompts.repairPrompt(['{}'], 1),
    prompts.NOT_JSON_PROMPT,
    prompts.CUT_OFF_PROMPT,
    prompts.SUMMARY_SYSTEM_PROMPT,
    prompts.summaryPrompt(PLAN),
    prompts.EMPTY_SUMMARY_PROMPT,
    replySchema(calls, { revising: false }),
    replySchema(calls, { revising: true }),
    SUMMARY_SCHEMA,
  ];
  const digest = await digestOf(said);
  expect(
    DIGESTS[prompts.PROMPT_VERSION],
    `the prompts or schemas of services/planner have changed: give PROMPT_VERSION (prompts.ts) a new value and write it down here with '${digest}'`,
  ).toBe(digest);
});

test('a tool is shown with its risk and whether it is idempotent', () => {
  const brief = prompts.briefPrompt(REQUEST);
  expect(brief).toContain('count (destructive, idempotent): the tool count');
  expect(brief).toContain('free (destructive, not idempotent): the tool free');
});
