import type { Json } from '@countersign/shared';
import { z } from 'zod';
import { answerSchema, compileAnswerSchema } from '../answer-schema.ts';
import { defineTool } from '../define-tool.ts';
import { effectsOr, quoted, textOf } from '../effect-words.ts';
import { ToolError } from '../tool.ts';

export const humanInput = defineTool({
  name: 'human.input',
  description:
    'Asks a person and waits for the answer, which is the output: for a decision, a choice, a missing fact. The step is a gate: whoever approves it gives the answer as the ' +
    "approval's `data`, any JSON; whoever rejects it fails the step. With `schema` (JSON Schema) the answer must fit it. Later steps read `{{<step>.output}}`.",
  risk: 'read',
  timeoutMs: 10_000,
  input: z.strictObject({
    question: z.string().min(1).max(10_000).describe('What the person is asked.'),
    schema: answerSchema
      .optional()
      .describe('What the answer must be, as a JSON Schema such as {"type": "string"} or {"enum": ["staging", "production"]}.'),
  }),
  examples: [
    { text: 'ask a person "Which version goes out?"', input: { question: 'Which version goes out?' } },
    {
      text: 'ask somebody to choose between staging and production',
      input: { question: 'Where does it go?', schema: { enum: ['staging', 'production'] } },
    },
    {
      text: 'ask a human to confirm the list',
      input: { question: 'Is this list complete? {{list.output.files}}', schema: { type: 'boolean' } },
    },
  ],
  effects: effectsOr('asks a person', ({ question }) => {
    const text = textOf(question);
    return text === null ? 'asks a person' : `asks: ${quoted(text, 180)}`;
  }),
  run({ question, schema }, { approvalData }): Json {
    if (approvalData === undefined)
      throw new ToolError(
        'invalid_input',
        `nobody answered ${JSON.stringify(question)}: the step needs an approval whose \`data\` is the answer, and it came without`,
      );
    const problem = schema === undefined ? null : compileAnswerSchema(schema).problem(approvalData);
    if (problem === null) return approvalData;
    throw new ToolError('invalid_input', `the answer to ${JSON.stringify(question)} does not fit the step's schema: ${problem}`);
  },
});
