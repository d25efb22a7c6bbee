import { createModel } from '@countersign/llm';
import { createOpenaiPlanner } from '@countersign/planner';
import type { JsonObject } from '@countersign/shared';
import { loadTools } from '@countersign/tools';
import { expect, test } from 'vitest';
import { type ModelRequest, startModelServer } from '../model-server/model-server.ts';

interface Call {
  id: string;
  tool: string;
  input: JsonObject;
}

/** The steps that examples refer to. */
const EARLIER: readonly Call[] = [
  { id: 'list', tool: 'fs.list', input: {} },
  { id: 'count', tool: 'fs.stats', input: {} },
  { id: 'report', tool: 'fs.read', input: { path: 'report.md' } },
];

/** The forms of the calls in the schema that the model was sent. */
function formsIn({ body }: ModelRequest): { tool: string[]; input: JsonObject }[] {
  const schema = body.response_format?.json_schema?.schema as never as {
    properties: {
      steps: { items: { properties: { call: { anyOf: { properties: { tool: { enum: string[] }; input: JsonObject } }[] } } } };
    };
  };
  return schema.properties.steps.items.properties.call.anyOf.map(({ properties: { tool, input } }) => ({ tool: tool.enum, input }));
}

/** Writes an input as a strict server would make a model write it: every property there, null for what is left out. */
function written(input: JsonObject, form: JsonObject): JsonObject | string {
  if (form.type === 'string') return JSON.stringify(input);
  return Object.fromEntries(Object.keys(form.properties as JsonObject).map((name) => [name, input[name] ?? null]));
}

test('every example of every built-in tool can be written in the form that a strict server takes, and is read back the same', async () => {
  const { tools } = await loadTools({ workspaceRoot: import.meta.dirname });
  const contracts = [...tools.values()].map(({ contract }) => contract);
  const examples = contracts.flatMap(({ name, examples: all }) => all.map(({ input }) => ({ tool: name, input })));
  const calls: Call[] = [...EARLIER, ...examples.map((example, at) => ({ id: `s${at}`, ...example }))];
  const server = await startModelServer((request) => {
    const forms = formsIn(request);
    const steps = calls.map(({ id, tool, input }) => {
      const form = forms.find((one) => one.tool.includes(tool));
      return { id, description: '', call: { tool, input: written(input, form?.input ?? {}) }, dependsOn: [] };
    });
    return { content: { problem: '', description: '', steps } };
  });
  const planner = createOpenaiPlanner(createModel({ apiKey: null, baseUrl: server.url, model: 'tiny' }));
  const answer = await planner.plan({
    objective: 'Everything',
    input: {},
    tools: contracts,
    options: {},
    signal: new AbortController().signal,
    onRound: async () => {},
  });
  await server.close();
  if (!answer.ok) throw new Error(JSON.stringify(answer.error));
  expect(answer.draft.steps.map(({ id, tool, input }) => ({ id, tool, input }))).toEqual(calls);
  const [request] = server.requests;
  expect(request?.body.response_format?.json_schema?.strict).toBe(true);
  const structured = formsIn(request as ModelRequest).filter(({ input }) => input.type === 'object');
  expect(structured.flatMap(({ tool }) => tool)).toEqual(expect.arrayContaining(['fs.list', 'fs.read', 'fs.write', 'condition', 'wait']));
});
