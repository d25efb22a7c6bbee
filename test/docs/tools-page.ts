/** docs/tools.md: the built-in tools, from the contracts that reviewers sign and planners read, and what they say of their examples. */
import { isObject, type Json, type JsonObject, STEPS_QUEUE, type ToolContract } from '@countersign/shared';
import type { Tool } from '@countersign/tools';
import { markdownTable } from './markdown-table.ts';

const code = (text: string): string => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``);

/** The JSON type of a schema, as far as a reader wants to know it. */
function typeText(schema: JsonObject): string {
  const { anyOf, oneOf, type, items } = schema;
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => code(JSON.stringify(value))).join(' or ');
  const variants = [anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? (list as JsonObject[]) : []));
  if (variants.length > 0) return variants.map(typeText).join(' or ');
  if (type === 'array') return `list of ${isObject(items) ? typeText(items as JsonObject) : 'anything'}`;
  return typeof type === 'string' ? type : 'anything';
}

/** What a value must be besides its type. Bounds that only say "a whole number of this machine" are left out. */
function bounds({ minimum, maximum, minLength, maxLength, maxItems }: JsonObject): string[] {
  const shown = (value: Json | undefined): value is number => typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER;
  return [
    ...(shown(minimum) ? [`at least ${minimum}`] : []),
    ...(shown(maximum) ? [`at most ${maximum}`] : []),
    ...(shown(minLength) && minLength > 0 ? ['not empty'] : []),
    ...(shown(maxLength) ? [`at most ${maxLength} characters`] : []),
    ...(shown(maxItems) ? [`at most ${maxItems} items`] : []),
  ];
}

const propertiesOf = (schema: JsonObject): [string, JsonObject][] =>
  isObject(schema.properties) ? Object.entries(schema.properties as Record<string, JsonObject>) : [];

const requiredIn = (schema: JsonObject, name: string): boolean => Array.isArray(schema.required) && schema.required.includes(name);

const notesOf = (schema: JsonObject): string =>
  [...bounds(schema), ...(typeof schema.description === 'string' ? [schema.description] : [])].join('; ');

function inputTable({ inputSchema }: ToolContract): string {
  const fallback = (schema: JsonObject): string => (schema.default === undefined ? '' : code(JSON.stringify(schema.default)));
  return markdownTable(
    ['input', 'type', 'default', 'notes'],
    propertiesOf(inputSchema).map(([name, schema]) => [
      code(name),
      typeText(schema),
      requiredIn(inputSchema, name) ? 'required' : fallback(schema),
      notesOf(schema),
    ]),
  );
}

function outputText({ outputSchema }: ToolContract): string {
  if (outputSchema === null) return 'The output is any JSON: see above.';
  const properties = propertiesOf(outputSchema);
  if (properties.length === 0) return `The output is a ${typeText(outputSchema)}.`;
  return markdownTable(
    ['output', 'type', 'always there'],
    properties.map(([name, schema]) => [code(name), typeText(schema), requiredIn(outputSchema, name) ? 'yes' : 'no']),
  );
}

const seconds = (ms: number): string => `${ms / 1_000} s`;

function defaultsText({ timeoutMs, retry, queue }: ToolContract): string {
  const time = timeoutMs === null ? 'as the plan says' : seconds(timeoutMs);
  const attempts = retry === null ? 'as the plan says' : `${retry.maxAttempts} attempts`;
  return `Time for an attempt: ${time}. Retry: ${attempts}. Queue: ${code(queue ?? STEPS_QUEUE)}.`;
}

const NO_SIGNAL = new AbortController().signal;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function exampleRow(tool: Tool, { text, input }: ToolContract['examples'][number]): Promise<string[]> {
  const words = (await tool.effects?.(input, { signal: NO_SIGNAL, planId: 'pln_1', stepId: 'step', logger: silent })) ?? '';
  return [text, code(JSON.stringify(input)), words];
}

async function section(tool: Tool): Promise<string> {
  const { contract } = tool;
  const { name, risk, idempotent, description, examples } = contract;
  return `## ${name}

Risk: **${risk}**. Idempotent: **${idempotent ? 'yes' : 'no'}**. ${tool.dryRun === undefined ? 'No dry run.' : 'Has a dry run.'} ${defaultsText(contract)}

${description}

${inputTable(contract)}

${outputText(contract)}

${markdownTable(
  ['how people ask for it', 'the input that they mean', 'what reviewers are told'],
  await Promise.all(examples.map((example) => exampleRow(tool, example))),
)}
`;
}

/** The page of these tools. What reviewers are told depends on the workspace that the tools were made for. */
export async function toolsPage(tools: readonly Tool[]): Promise<string> {
  const sorted = [...tools].sort((a, b) => (a.contract.name < b.contract.name ? -1 : 1));
  const sections = await Promise.all(sorted.map(section));
  return `# The built-in tools

What an executor can do without any tool of yours. This page is made from the tools, whose contracts are what planners read, people sign and \`GET /v1/tools\` answers, by \`node scripts/generate-docs.mjs\`; a test fails when the two differ. [The README](../README.md#adding-a-tool) says how to add a tool.

The **risk** is what the tool's author says of the tool as a whole; it does not depend on a step's input. A plan with a \`destructive\` step always waits for a person. A tool is **idempotent** where doing it twice with the same input comes to the same as doing it once. Time, retry and queue are the tool's own wish: what a step or its plan says of time and retry goes before it.

**What reviewers are told** is what the tool says of a step before anybody has approved it, from the input as far as it is known then and the workspace as it is then. A **dry run** shows more where the whole input is known: what \`fs.write\` would change, what \`template.render\` and \`data.query\` give. Neither changes anything, and neither is part of what people sign.

\`shell.run\` is there where \`SHELL_COMMANDS\` allows programs; [the operator's page](operations.md#commands) says what that means. \`llm.generate\` is there where [a model is configured](models.md). This page was made with \`git\` allowed, and with the model \`gpt-4.1\`.

${markdownTable(
  ['tool', 'risk', 'idempotent', 'input'],
  sorted.map(({ contract: { name, risk, idempotent, inputSchema } }) => [
    `[${name}](#${name.replaceAll('.', '')})`,
    risk,
    idempotent ? 'yes' : 'no',
    propertiesOf(inputSchema)
      .map(([field]) => code(field))
      .join(', '),
  ]),
)}

${sections.join('\n')}`;
}
