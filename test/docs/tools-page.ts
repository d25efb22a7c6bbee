/** docs/tools.md: the built-in tools, from the contracts that reviewers sign and planners read. */
import { isObject, type Json, type JsonObject, type ToolContract } from '@countersign/shared';
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

function fieldRow(name: string, schema: JsonObject, required: boolean): string[] {
  const fallback = schema.default === undefined ? '' : code(JSON.stringify(schema.default));
  const notes = [...bounds(schema), ...(typeof schema.description === 'string' ? [schema.description] : [])];
  return [code(name), typeText(schema), required ? 'required' : fallback, notes.join('; ')];
}

function fieldTable({ inputSchema }: ToolContract): string {
  const properties = isObject(inputSchema.properties) ? (inputSchema.properties as Record<string, JsonObject>) : {};
  const required = Array.isArray(inputSchema.required) ? inputSchema.required : [];
  return markdownTable(
    ['field', 'type', 'default', 'notes'],
    Object.entries(properties).map(([name, schema]) => fieldRow(name, schema, required.includes(name))),
  );
}

const seconds = (ms: number): string => `${ms / 1_000} s`;

function section(tool: ToolContract): string {
  const { name, risk, description, examples, timeoutMs } = tool;
  const time = timeoutMs === null ? 'as the plan says' : seconds(timeoutMs);
  return `## ${name}

Risk: **${risk}**. Time for an attempt: ${time}, where neither the step nor the plan says otherwise.

${description}

${fieldTable(tool)}

How people ask for it:

${examples.map(({ text, input }) => `- ${text}: ${code(JSON.stringify(input))}`).join('\n')}
`;
}

export function toolsPage(contracts: readonly ToolContract[]): string {
  const sorted = [...contracts].sort((a, b) => (a.name < b.name ? -1 : 1));
  return `# The built-in tools

What an executor can do without any tool of yours. This page is made from the tools' contracts, which are what planners read, people sign and \`GET /v1/tools\` answers, by \`node scripts/generate-docs.mjs\`; a test fails when the two differ. [The README](../README.md#adding-a-tool) says how to add a tool.

The risk is what the tool's author says of the tool as a whole; it does not depend on a step's input. A plan with a \`destructive\` step always waits for a person. None of these is \`destructive\`; a tool of yours may be.

${markdownTable(
  ['tool', 'risk', 'fields'],
  sorted.map(({ name, risk, inputSchema }) => [
    `[${name}](#${name.replaceAll('.', '')})`,
    risk,
    Object.keys(isObject(inputSchema.properties) ? inputSchema.properties : {})
      .map(code)
      .join(', '),
  ]),
)}

${sorted.map(section).join('\n')}`;
}
