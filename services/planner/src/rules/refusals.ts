/** What the rules say when they can't: which parts they did not understand, and what they would. */
import { type Issue, type JsonObject, referencesIn, type TaskError, type ToolContract } from '@countersign/shared';
import type { Composition } from './compose.ts';

const MOST_EXAMPLES = 5;

/** A phrase that these rules surely understand: an example that needs no value from elsewhere. */
const phraseFor = ({ examples }: ToolContract): string | null =>
  examples.find(({ input }) => referencesIn(input).length === 0)?.text ?? null;

export const toolsFor = (tools: readonly ToolContract[]) =>
  tools.map((tool) => ({ name: tool.name, description: tool.description, example: phraseFor(tool) }));

export function notUnderstood({ clauses }: Composition, tools: readonly ToolContract[]): TaskError {
  const failed = clauses.flatMap((clause) => (clause.understood ? [] : [`"${clause.text}": ${clause.problem}`]));
  const phrases = tools.map(phraseFor).filter((phrase) => phrase !== null);
  const examples = phrases.slice(0, MOST_EXAMPLES).map((phrase) => `"${phrase}"`);
  const count = clauses.length === 0 ? 'there is nothing to do in it' : `${clauses.length - failed.length} of ${clauses.length} parts`;
  const message = `the rules understood ${clauses.length === 0 ? 'nothing: ' : ''}${count}. ${failed.join('; ')}${failed.length > 0 ? '. ' : ''}They know phrases like ${examples.join(', ') || 'none: no tool gives examples'}, joined by "and" and "then"; a language model (OPENAI_API_KEY) understands more`;
  return { code: 'not_understood', message, detail: { clauses: clauses.map(clauseDetail), tools: toolsFor(tools) } };
}

const clauseDetail = (clause: Composition['clauses'][number]): JsonObject =>
  clause.understood
    ? { text: clause.text, understood: true, tool: clause.tool, inputs: clause.steps.map(({ input }) => input ?? {}) }
    : { text: clause.text, understood: false, problem: clause.problem };

export function badSteps({ clauses }: Composition, issues: readonly Issue[], tools: readonly ToolContract[]): TaskError {
  const words = issues.slice(0, 3).map(({ path, message }) => `${path}: ${message}`);
  return {
    code: 'not_understood',
    message: `the rules understood every part, but their inputs do not fit the tools: ${words.join('; ')}`,
    detail: {
      clauses: clauses.map(clauseDetail),
      issues: issues.map(({ path, code, message }) => ({ path, code, message })),
      tools: toolsFor(tools),
    },
  };
}
