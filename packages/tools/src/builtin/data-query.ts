import type { Json } from '@countersign/shared';
import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { counted, effectsOr, quoted, textOf } from '../effect-words.ts';
import { runJsonata } from '../jsonata-query.ts';
import { trialOutput } from '../trial-output.ts';

/** A longer query, or one of several lines, is a program: it is better read where it stands. */
const SHOWN_LENGTH = 100;
/** Others wait for their reviews meanwhile. */
const TRIAL_LIMIT_MS = 3_000;
/** Far beyond what a query over 1 MB of data needs. */
const TIME_LIMIT_MS = 10_000;

export const dataQuery = defineTool({
  name: 'data.query',
  description:
    'Picks, filters, groups, sorts, sums and reshapes JSON with a JSONata expression, for example `$sum(items.price)`, `files[size > 1000].path` or ' +
    '`{"count": $count(files), "biggest": $max(files.size)}`. The output is the value of the expression; null where it finds nothing. ' +
    'A list with one element comes out as that element, unless the expression ends in `[]`. Stopped after 10 seconds.',
  risk: 'read',
  timeoutMs: 20_000,
  input: z.strictObject({
    query: z.string().min(1).max(20_000).describe('A JSONata expression.'),
    data: z.unknown().describe('The JSON it looks at, usually a reference such as {{list.output}}.'),
  }),
  examples: [
    { text: 'sum up the prices of the items', input: { query: '$sum(items.price)', data: '{{input}}' } },
    { text: 'filter the files that are larger than 1000 bytes', input: { query: 'files[size > 1000]', data: '{{list.output}}' } },
    { text: 'sort the list by name', input: { query: '$sort($, function($a, $b) { $a.name > $b.name })', data: '{{input.list}}' } },
    { text: 'take the first five results', input: { query: '$[[0..4]]', data: '{{input.results}}' } },
    { text: 'how many entries does the data have', input: { query: '$count($)', data: '{{input.data}}' } },
  ],
  effects: effectsOr('works on data and changes nothing', ({ query }) => {
    const text = textOf(query);
    if (text === null) return 'works on data and changes nothing';
    const isShown = text.length <= SHOWN_LENGTH && !text.includes('\n');
    return `works out ${isShown ? quoted(text, 140) : `a query of ${counted(text.length, 'character')}`} and changes nothing`;
  }),
  // It has no effects: what it will give is what it gives.
  async dryRun({ query, data }, { signal }) {
    return { output: trialOutput(await runJsonata({ query, data: data as Json, signal, timeLimitMs: TRIAL_LIMIT_MS })) };
  },
  run: ({ query, data }, ctx) => runJsonata({ query, data: data as Json, signal: ctx.signal, timeLimitMs: TIME_LIMIT_MS }),
});
