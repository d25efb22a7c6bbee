/** From an objective to steps, by the grammar of clauses.ts and what the tools' contracts teach. */
import { RESERVED_STEP_IDS, STEP_ID, type StepDraft, type ToolContract } from '@countersign/shared';
import { type Clause, parseClauses } from './clauses.ts';
import { type Filling, fillInput } from './fill-input.ts';
import { createLexicon, type Lexicon, type Match } from './match-tools.ts';
import type { Antecedents, Source } from './results.ts';
import { tokenise } from './tokens.ts';
import { BEYOND_THE_RULES, FILE_KINDS, STOP_WORDS, stem } from './words.ts';

/** What became of one clause. */
export type ReadClause =
  | { text: string; understood: true; tool: string; steps: StepDraft[] }
  | { text: string; understood: false; problem: string };

export interface Composition {
  clauses: ReadClause[];
  stages: number;
  /** of the clauses that were understood; a plan only when all were */
  steps: StepDraft[];
}

/** More of a clause's words than this unknown to the tool, and it was hardly meant. */
const MOST_UNKNOWN = 1 / 3;

export function compose(objective: string, tools: readonly ToolContract[]): Composition {
  const lexicon = createLexicon(tools);
  const stages = parseClauses(tokenise(objective), lexicon);
  const taken = new Set<string>();
  const clauses: ReadClause[] = [];
  const steps: StepDraft[] = [];
  let stageBefore: Source[] = [];
  for (const stage of stages) {
    const sameStage: Source[] = [];
    let lastClause: Source[] = [];
    for (const clause of stage) {
      const read = readClause(clause, { lexicon, antecedents: { sameStage, lastClause, stageBefore }, taken });
      clauses.push(read.clause);
      if (!read.clause.understood) continue;
      steps.push(...read.clause.steps);
      lastClause = read.sources;
      sameStage.push(...read.sources);
    }
    stageBefore = sameStage;
  }
  return { clauses, stages: stages.length, steps };
}

interface Surroundings {
  lexicon: Lexicon;
  antecedents: Antecedents;
  taken: Set<string>;
}

function readClause(clause: Clause, { lexicon, antecedents, taken }: Surroundings): { clause: ReadClause; sources: Source[] } {
  const fail = (problem: string) => ({ clause: { text: clause.text, understood: false, problem } as const, sources: [] });
  const beyond = clause.tokens.find(({ kind, value }) => kind === 'word' && BEYOND_THE_RULES.has(value.replaceAll('’', "'")));
  if (beyond !== undefined) return fail(`the rules do not understand "${beyond.text}"`);
  const matches = lexicon.match(clause);
  if (matches.length === 0) return fail(noTool(clause, lexicon));
  let problem = '';
  for (const match of matches) {
    const filling = fillInput(clause, match, antecedents);
    const trouble = filling.ok ? unknownWords(clause, match, filling) : filling.problem;
    if (filling.ok && trouble === null) return build(clause, { match, filling, antecedents, taken });
    problem ||= trouble ?? '';
  }
  return fail(problem);
}

function noTool({ tokens }: Clause, { isVerb }: Lexicon): string {
  const verb = tokens.find(({ kind, value }) => kind === 'word' && !STOP_WORDS.has(value));
  if (verb === undefined) return 'it does not say what to do';
  return isVerb(verb.value) ? `no tool does this` : `no tool is asked for with "${verb.text}"`;
}

function unknownWords({ tokens }: Clause, { knows, tool }: Match, { used }: Extract<Filling, { ok: true }>): string | null {
  const words = tokens.filter(({ kind, value }) => kind === 'word' && !STOP_WORDS.has(value));
  const unknown = words.filter((token) => !used.has(token) && !knows(token.value) && !FILE_KINDS.has(stem(token.value)));
  if (unknown.length <= words.length * MOST_UNKNOWN) return null;
  return `\`${tool.name}\` comes nearest, but says nothing of ${unknown.map(({ text }) => `"${text}"`).join(', ')}`;
}

interface Reading {
  match: Match;
  filling: Extract<Filling, { ok: true }>;
  antecedents: Antecedents;
  taken: Set<string>;
}

function build(clause: Clause, { match: { tool }, filling, antecedents, taken }: Reading): { clause: ReadClause; sources: Source[] } {
  const dependsOn = [...new Set([...antecedents.stageBefore, ...filling.sources].map(({ id }) => id))];
  const said = clause.text.charAt(0).toUpperCase() + clause.text.slice(1);
  const sources = filling.inputs.map((input) => {
    const description = filling.inputs.length > 1 ? `${said} (${Object.values(input).join(', ')})` : said;
    return { id: freshId(tool.name, taken), tool, input, description };
  });
  const steps = sources.map(({ id, input, description }) => ({ id, tool: tool.name, description, input, dependsOn }));
  return { clause: { text: clause.text, understood: true, tool: tool.name, steps }, sources };
}

/** The last part of the tool's name, numbered from the second time on. */
function freshId(tool: string, taken: Set<string>): string {
  const last = tool.split('.').at(-1) ?? tool;
  const base = STEP_ID.test(last) && !RESERVED_STEP_IDS.includes(last) ? last.slice(0, 50) : `step-${last.slice(0, 50)}`;
  let id = base;
  for (let count = 2; taken.has(id); count++) id = `${base}-${count}`;
  taken.add(id);
  return id;
}
