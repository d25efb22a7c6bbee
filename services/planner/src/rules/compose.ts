/** From an objective to steps, by the grammar of clauses.ts and what the tools' contracts teach. */
import { RESERVED_STEP_IDS, STEP_ID, type StepDraft, type ToolContract } from '@countersign/shared';
import { type Clause, parseClauses } from './clauses.ts';
import { type Filling, fillInput } from './fill-input.ts';
import { createLexicon, type Lexicon, type Match } from './match-tools.ts';
import type { Antecedents, Source } from './results.ts';
import { getInTheWay } from './same-place.ts';
import { sayAgain } from './say-again.ts';
import { type Token, tokenise } from './tokens.ts';
import { isPlace } from './values.ts';
import { BEYOND_THE_RULES, FILE_KINDS, FILE_NOUNS, PLACE_NOUNS, STOP_WORDS, stem } from './words.ts';

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

/** What is there before the first clause, and what that clause can refer to. */
export interface Groundwork {
  /** ids that no new step may have */
  taken: readonly string[];
  /** runs at the same time as the first stage, but for what that refers to */
  sameStage: readonly Source[];
  /** the first stage waits for these */
  stageBefore: readonly Source[];
  earlier: readonly Source[];
}

export function compose(objective: string, tools: readonly ToolContract[], groundwork: Groundwork | null = null): Composition {
  const lexicon = createLexicon(tools);
  const whole: Clause = { tokens: tokenise(objective), text: objective.trim() };
  const stages = sayAgain(whole, tools) === null ? parseClauses(whole.tokens, lexicon) : [[whole]];
  const taken = new Set<string>(groundwork?.taken);
  const clauses: ReadClause[] = [];
  const steps: StepDraft[] = [];
  let stageBefore = [...(groundwork?.stageBefore ?? [])];
  const earlier = [...(groundwork?.earlier ?? [])];
  for (const [index, stage] of stages.entries()) {
    const sameStage = index === 0 ? [...(groundwork?.sameStage ?? [])] : [];
    let lastClause = [...sameStage];
    for (const clause of stage) {
      const read = readClause(clause, { lexicon, tools, antecedents: { sameStage, lastClause, stageBefore, earlier }, taken });
      clauses.push(read.clause);
      if (!read.clause.understood) continue;
      steps.push(...read.clause.steps);
      lastClause = read.sources;
      sameStage.push(...read.sources);
    }
    stageBefore = sameStage;
    earlier.push(...sameStage);
  }
  return { clauses, stages: stages.length, steps };
}

interface Surroundings {
  tools: readonly ToolContract[];
  lexicon: Lexicon;
  antecedents: Antecedents;
  taken: Set<string>;
}

function readClause(clause: Clause, { lexicon, tools, antecedents, taken }: Surroundings): { clause: ReadClause; sources: Source[] } {
  const fail = (problem: string) => ({ clause: { text: clause.text, understood: false, problem } as const, sources: [] });
  const example = sayAgain(clause, tools);
  if (example !== null) {
    const filling = { inputs: [example.input], sources: [] };
    return build(clause, { tool: example.tool, filling, antecedents, taken });
  }
  const beyond = clause.tokens.find(({ kind, value }) => kind === 'word' && BEYOND_THE_RULES.has(value.replaceAll('’', "'")));
  if (beyond !== undefined)
    return fail(`the rules do not understand "${beyond.text}": they know no conditions, exceptions, choices or repetitions`);
  const matches = lexicon.match(clause);
  if (matches.length === 0) return fail(noTool(clause, lexicon));
  let problem = '';
  for (const match of matches) {
    const filling = fillInput(clause, match, antecedents);
    const trouble = filling.ok ? unknownWords(clause, match, filling) : filling.problem;
    if (filling.ok && trouble === null) return build(clause, { tool: match.tool, filling, antecedents, taken });
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
  const unknown = words.filter(
    (token) => !used.has(token) && !isAside(tokens, token) && (PLACE_NOUNS.has(token.value) || !knows(token.value)),
  );
  // Strict, because leaving out a word is leaving out what was asked for: "list the customers in src".
  if (unknown.length === 0) return null;
  const list = unknown.map(({ text }) => `"${text}"`).join(', ');
  return `\`${tool.name}\` comes nearest, but says nothing of ${list}; leave that out, or put it in quotes where it is a text`;
}

/** "the file a.txt", "the docs folder", "this folder", "the markdown file": a noun that says nothing by itself. Alone it is what is asked for. */
function isAside(tokens: readonly Token[], token: Token): boolean {
  const at = tokens.indexOf(token);
  const { value } = token;
  const isOne = (index: number): boolean => tokens[index]?.kind === 'path' || isPlace(tokens, index);
  if (FILE_KINDS.has(stem(value))) return FILE_NOUNS.has(tokens[at + 1]?.value ?? '');
  if (!PLACE_NOUNS.has(value) && !FILE_NOUNS.has(value)) return false;
  return isOne(at - 1) || isOne(at + 1) || tokens[at - 1]?.value === 'this';
}

interface Reading {
  tool: ToolContract;
  filling: Pick<Extract<Filling, { ok: true }>, 'inputs' | 'sources'>;
  antecedents: Antecedents;
  taken: Set<string>;
}

function build(clause: Clause, { tool, filling, antecedents, taken }: Reading): { clause: ReadClause; sources: Source[] } {
  const { stageBefore, sameStage } = antecedents;
  const said = clause.text.charAt(0).toUpperCase() + clause.text.slice(1);
  const sources = filling.inputs.map((input) => {
    const description = filling.inputs.length > 1 ? `${said} (${Object.values(input).join(', ')})` : said;
    return { id: freshId(tool.name, taken), tool, input, description };
  });
  const steps = sources.map((source) => {
    const first = sameStage.filter((other) => getInTheWay(other, source));
    const dependsOn = [...new Set([...stageBefore, ...filling.sources, ...first].map(({ id }) => id))];
    return { id: source.id, tool: tool.name, description: source.description, input: source.input, dependsOn };
  });
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
