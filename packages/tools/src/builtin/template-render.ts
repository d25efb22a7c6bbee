import { Liquid, type LiquidError, toValue } from 'liquidjs';
import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { counted, effectsOr, isPending } from '../effect-words.ts';
import { ToolError } from '../tool.ts';
import { trialOutput } from '../trial-output.ts';

/** The thread is taken for as long: far below the time after which a step counts as lost. */
const TIME_LIMIT_MS = 1_000;
/** characters and list elements that one rendering may make */
const MEMORY_LIMIT = 20_000_000;

const asText = (written: unknown): string => {
  // Liquid has objects of its own for `nil` and `empty`.
  const value: unknown = toValue(written);
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
};

let engine: Liquid | undefined;

/** Made for the first template: it takes as long as many a start. Liquid's own `{{ }}` would be taken for references before. */
function liquid(): Liquid {
  engine ??= new Liquid({
    outputDelimiterLeft: '[=',
    outputDelimiterRight: '=]',
    tagDelimiterLeft: '[%',
    tagDelimiterRight: '%]',
    outputEscape: asText,
    strictFilters: true,
    ownPropertyOnly: true,
    // Partials come from here and not from the file system: there are none.
    templates: {},
    parseLimit: 1_000_000,
    renderLimit: TIME_LIMIT_MS,
    memoryLimit: MEMORY_LIMIT,
  });
  return engine;
}

async function rendered(template: string, data: Record<string, unknown>): Promise<string> {
  try {
    return String(await liquid().render(liquid().parse(template), data));
  } catch (cause) {
    const message = (cause as LiquidError).message;
    if (/limit exceeded/.test(message))
      throw new ToolError('limit_exceeded', `the template takes more than ${TIME_LIMIT_MS} ms, or makes too much text: ${message}`, {
        cause,
      });
    throw new ToolError('invalid_input', `template: ${message}`, { cause });
  }
}

export const templateRender = defineTool({
  name: 'template.render',
  description:
    'Writes a text (a report, a message, Markdown) from a Liquid template and data. The template writes values as `[= name =]` and tags as `[% ... %]`, because ' +
    '`{{...}}` are references, which are put in before: give values in `data` and name them in the template. For example ' +
    '`# Report of [= title =]\\n[% for file in files %]- [= file.path =]: [= file.size =] bytes\\n[% endfor %][% if files.size == 0 %]No files.[% endif %]`. ' +
    "Liquid's filters are there (`join`, `size`, `upcase`, `sort: 'size'`, `json`, `date`, ...). Lists and objects are written as JSON, nothing is escaped. Gives {text}.",
  risk: 'read',
  timeoutMs: 10_000,
  input: z.strictObject({
    template: z.string().max(500_000),
    data: z.record(z.string(), z.unknown()).default({}).describe('The names that the template can use.'),
  }),
  output: z.object({ text: z.string() }),
  examples: [
    {
      text: 'write a report of the files',
      input: { template: '# Files\n[% for file in files %]- [= file.path =]\n[% endfor %]', data: { files: '{{list.output.files}}' } },
    },
    {
      text: 'format the numbers as Markdown',
      input: {
        template: '- files: [= stats.files =]\n- lines: [= stats.lines =]\n',
        data: { stats: '{{count.output}}' },
      },
    },
    { text: 'compose a greeting for Ann', input: { template: 'Hello [= name =]!', data: { name: 'Ann' } } },
    { text: 'render a template', input: { template: '{{input.template}}', data: '{{input.data}}' as unknown as Record<string, unknown> } },
  ],
  effects: effectsOr('writes a text from a template and changes nothing', ({ template }) =>
    typeof template === 'string' && !isPending(template)
      ? `writes a text from a template of ${counted(template.length, 'character')} and changes nothing`
      : 'writes a text from a template and changes nothing',
  ),
  // It has no effects: what it will give is what it gives.
  dryRun: async ({ template, data }) => ({ text: trialOutput(await rendered(template, data)) }),
  run: async ({ template, data }) => ({ text: await rendered(template, data) }),
});
