/** Tools about what steps can use, and a check of plans against it. */
import { type Issue, issueSchema, RISKS, type ToolContract } from '@countersign/shared';
import { z } from 'zod';
import { problem } from '../answer.ts';
import { ANSWER_CHARACTERS, oneLine, partOf, restRemark } from './answer-size.ts';
import { firstIssues, issueLines } from './result.ts';
import { type Answered, type McpTool, offset, operationTool, READS } from './tool.ts';

const DESCRIPTION_CHARACTERS = 200;

const listed = z.object({ name: z.string(), risk: z.enum(RISKS), description: z.string().describe('shortened where it is long') });

/** The contract, without its longest members where it is too long for an answer. */
function fitting(contract: ToolContract): { tool: ToolContract; left: string[] } {
  const without: [keyof ToolContract, Partial<ToolContract>][] = [
    ['examples', { examples: [] }],
    ['outputSchema', { outputSchema: null }],
    ['inputSchema', { inputSchema: {} }],
  ];
  let tool = contract;
  const left: string[] = [];
  for (const [name, empty] of without) {
    if (JSON.stringify(tool).length <= ANSWER_CHARACTERS) break;
    tool = { ...tool, ...empty };
    left.push(name);
  }
  return { tool, left };
}

function showTool({ body: { items }, own: { name } }: Answered<{ items: ToolContract[] }, { name: string }>) {
  const contract = items.find((each) => each.name === name);
  if (contract === undefined)
    return problem('not_found', `there is no tool \`${name.slice(0, 128)}\`; list_tools names those that there are`);
  const { tool, left } = fitting(contract);
  const remark = left.length === 0 ? null : `too long to be shown here: ${left.join(', ')}; GET /v1/tools has the whole contract`;
  return { structured: { tool, remark }, text: JSON.stringify({ ...tool, ...(remark !== null && { remark }) }, null, 1) };
}

export const catalogueTools: readonly McpTool[] = [
  operationTool({
    name: 'list_tools',
    title: 'List the tools of steps',
    description: 'The tools that the steps of a plan can use: name, risk, description. get_tool shows what one of them takes and gives.',
    annotations: READS,
    operation: 'listTools',
    own: z.strictObject({
      filter: z.string().max(200).optional().describe('Only tools with this text in their name or description; case does not matter.'),
      risk: z.enum(RISKS).optional(),
      offset,
    }),
    output: z.object({ items: z.array(listed), total: z.int(), nextOffset: z.int().nullable() }),
    show({ body, own }: Answered<{ items: ToolContract[] }, { filter?: string | undefined; risk?: string | undefined; offset: number }>) {
      const wanted = own.filter?.toLowerCase() ?? '';
      const found = body.items
        .filter(({ name, description, risk }) => `${name}\n${description}`.toLowerCase().includes(wanted) && (own.risk ?? risk) === risk)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const part = partOf(found, own.offset, ({ name, risk, description }) => ({
        name,
        risk,
        description: oneLine(description, DESCRIPTION_CHARACTERS),
      }));
      const lines = part.items.map(({ name, risk, description }) => `- ${name} (${risk}): ${description}`);
      const none = found.length === 0 ? ['There is no such tool.'] : [];
      return { structured: part, text: [...none, ...lines, ...restRemark(part, own.offset, 'tools')].join('\n') };
    },
  }),
  operationTool({
    name: 'get_tool',
    title: 'Read the contract of a tool',
    description: 'What a tool of steps does, takes and gives: its JSON Schemas, risk, default timeout and retry, examples.',
    annotations: READS,
    operation: 'listTools',
    own: z.strictObject({ name: z.string().describe('The name of the tool, like fs.read.') }),
    output: z.object({ tool: z.record(z.string(), z.unknown()).describe('the contract'), remark: z.string().nullable() }),
    show: showTool,
  }),
  operationTool({
    name: 'validate_plan',
    title: 'Check a plan',
    description: 'Checks a plan without handing it in, and says everything that is wrong with it: where, what, and what would be right.',
    annotations: READS,
    operation: 'validatePlan',
    own: z.strictObject({}),
    output: z.object({ valid: z.boolean(), issues: z.array(issueSchema).describe('the first ones'), issueCount: z.int() }),
    show({ body }: Answered<{ valid: boolean; issues: Issue[] }, unknown>) {
      const first = firstIssues(body.issues);
      const text = body.valid ? 'The plan is valid.' : `The plan has ${first.issueCount} issues:`;
      return { structured: { valid: body.valid, ...first }, text: [text, ...issueLines(first)].join('\n') };
    },
  }),
];
