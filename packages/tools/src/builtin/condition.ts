import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { effectsOr, quoted, textOf } from '../effect-words.ts';

export const condition = defineTool({
  name: 'condition',
  description:
    'Says whether a condition holds; the output is true or false. `expression` is written like `{{list.output.total}} > 0 and not {{input.dry}} == true`: ' +
    "values as {{...}}, numbers, 'text', true, false, null; ==, !=, >=, <=, >, <, contains, with spaces around them; and, or, not, parentheses. " +
    'Values of different types are never equal, and putting them in order fails.',
  risk: 'read',
  timeoutMs: 5_000,
  input: z.strictObject({ expression: z.string().min(1).describe('A condition, not a template: references in it keep their types.') }),
  output: z.boolean(),
  examples: [
    { text: 'check whether the amount is over 1000', input: { expression: '{{input.amount}} > 1000' } },
    { text: 'decide if the environment is production', input: { expression: "{{input.environment}} == 'production'" } },
    { text: 'is there a title that contains "urgent"', input: { expression: "{{input.title}} contains 'urgent'" } },
  ],
  effects: effectsOr('decides a condition and changes nothing', ({ expression }) => {
    const text = textOf(expression);
    return text === null ? 'decides a condition and changes nothing' : `decides whether ${quoted(text, 150)} holds`;
  }),
  run: ({ expression }, ctx) => ctx.evaluate(expression),
});
