/** Which tools a clause may mean: words it shares with a tool's examples, name and description, rare words counting more. */
import { isObject, type JsonObject, type ToolContract } from '@countersign/shared';
import type { Clause, WordKnowledge } from './clauses.ts';
import { slotsOf } from './slots.ts';
import { isFileName, type Token, tokenise } from './tokens.ts';
import { FILE_KINDS, leadOf, meaning, QUESTIONS, STOP_WORDS, stem, wordsOfName } from './words.ts';

/** What the rules have learned of one tool. */
interface LearnedTool {
  tool: ToolContract;
  /** what its examples begin with, and the words of its name */
  verbs: ReadonlySet<string>;
  /** values that can be chosen, which can be its verb as they stand: "put" */
  choices: ReadonlySet<string>;
  /** whether a path that it takes is always a file's, never a folder's */
  filesOnly: boolean;
  /** how much each word speaks for this tool */
  weights: ReadonlyMap<string, number>;
  /** what can be asked of it: a description also says what a tool leaves out, so that its words are none of these */
  known: ReadonlySet<string>;
}

export interface Match {
  tool: ToolContract;
  score: number;
  /** whether a word is one that this tool can be asked with */
  knows(word: string): boolean;
}

export interface Lexicon extends WordKnowledge {
  /** the tools that a clause may mean, the likeliest first */
  match(clause: Clause): Match[];
}

const NAME_WEIGHT = 3;
const VERB_WEIGHT = 3;
const EXAMPLE_WEIGHT = 2;
const DESCRIPTION_WEIGHT = 1;
const URL_BONUS = 4;
const PATH_BONUS = 2;
/** A tool with less than this share of the best one's score is another matter, not a second choice. */
const NEAR_THE_BEST = 0.8;

const wordsIn = (tokens: readonly Token[]): string[] =>
  tokens
    .filter(({ kind }) => kind === 'word')
    .map(({ value }) => value.replace(/[^\p{L}\p{N}-]/gu, ''))
    .filter((word) => word !== '');
const isContent = (word: string): boolean => !STOP_WORDS.has(word);

const isFileKind = (word: string): boolean => FILE_KINDS.has(stem(word)) || FILE_KINDS.has(meaning(word));

function learn(tool: ToolContract): LearnedTool {
  const weights = new Map<string, number>();
  const verbs = new Set<string>();
  const known = new Set<string>();
  const add = (word: string, weight: number): void => {
    const key = meaning(word);
    weights.set(key, Math.max(weights.get(key) ?? 0, weight));
    if (weight > DESCRIPTION_WEIGHT || tool.examples.length === 0) known.add(key);
  };
  for (const word of wordsIn(tokenise(tool.description)).filter(isContent)) add(word, DESCRIPTION_WEIGHT);
  for (const { text, input } of tool.examples) {
    const words = wordsIn(tokenise(text));
    // "src" in "list the files in src" says nothing of the tool.
    const values = new Set(Object.values(input).map((value) => String(value).toLowerCase()));
    for (const word of words.filter((each) => isContent(each) && !values.has(each))) add(word, EXAMPLE_WEIGHT);
    const lead = leadOf(words);
    if (lead !== null) verbs.add(lead);
  }
  for (const word of wordsOfName(tool.name)) add(word, NAME_WEIGHT);
  for (const word of namesIn(tool.inputSchema).flatMap(wordsOfName)) add(word, DESCRIPTION_WEIGHT);
  for (const name of [...namesIn(tool.inputSchema, 'no flags'), ...namesIn(tool.outputSchema, 'no flags')])
    for (const word of wordsOfName(name)) known.add(meaning(word));
  // The last part of a name says what is done, those before it to what.
  for (const word of wordsOfName(tool.name.split('.').at(-1) ?? '')) verbs.add(meaning(word));
  const slots = slotsOf(tool);
  const choices = slots.flatMap((slot) => slot.choices).flatMap((choice) => (typeof choice === 'string' ? [choice.toLowerCase()] : []));
  return { tool, verbs, choices: new Set(choices), filesOnly: slots.some(({ filesOnly }) => filesOnly), weights, known };
}

/** The properties of a schema. A flag is asked for by all words of its name together, so that a single one says nothing. */
function namesIn(schema: JsonObject | null, which: 'all' | 'no flags' = 'all'): string[] {
  const properties = Object.entries(isObject(schema?.properties) ? schema.properties : {});
  return properties.filter(([, value]) => which === 'all' || !isObject(value) || value.type !== 'boolean').map(([name]) => name);
}

export function createLexicon(tools: readonly ToolContract[]): Lexicon {
  const learned = tools.map(learn);
  const toolsWith = (key: string): number => learned.filter(({ weights }) => weights.has(key)).length;
  const rarity = (key: string): number => Math.log(1 + learned.length / Math.max(1, toolsWith(key)));
  const isVerb = (word: string): boolean =>
    learned.some(({ verbs, choices }) => verbs.has(QUESTIONS.get(word) ?? meaning(word)) || choices.has(word));
  const isKnown = (word: string): boolean =>
    isFileKind(word) || learned.some(({ weights, known }) => weights.has(meaning(word)) || known.has(meaning(word)));

  function scoreOf(
    { tool, verbs, choices, filesOnly, weights, known }: LearnedTool,
    { tokens }: Clause,
    words: readonly string[],
  ): Match | null {
    const lead = leadOf(words);
    const verb = words.find(isContent) ?? '';
    if (lead === null || !(verbs.has(lead) || choices.has(verb))) return null;
    const keys = new Set(words.filter(isContent).map(meaning));
    let score = VERB_WEIGHT * rarity(lead);
    for (const key of keys) score += (weights.get(key) ?? 0) * rarity(key);
    const has = (kind: string): boolean => tokens.some((token) => token.kind === kind);
    const takes = (pattern: RegExp): boolean =>
      Object.keys((tool.inputSchema.properties as object | undefined) ?? {}).some((name) => pattern.test(name));
    if (has('url')) score += takes(/^ur[il]$/i) ? URL_BONUS : -URL_BONUS;
    if (has('path') || has('glob')) score += takes(/path|file|dir|folder/i) ? PATH_BONUS : -PATH_BONUS;
    if (tokens.some(({ kind, value }) => kind === 'path' && isFileName(value)) && filesOnly) score += PATH_BONUS;
    return { tool, score, knows: (word) => known.has(meaning(word)) };
  }

  function match(clause: Clause): Match[] {
    const words = wordsIn(clause.tokens);
    const matches = learned
      .map((tool) => scoreOf(tool, clause, words))
      .filter((candidate) => candidate !== null)
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score || (a.tool.name < b.tool.name ? -1 : 1));
    return matches.filter(({ score }) => score >= (matches[0]?.score ?? 0) * NEAR_THE_BEST);
  }

  return { isVerb, isKnown, match };
}
