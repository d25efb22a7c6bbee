/** What "it", "the result" and "them" refer to, and how a later step reads it. */
import { isObject, type JsonObject, type ToolContract } from '@countersign/shared';
import type { Clause } from './clauses.ts';
import { type Slot, typesOf } from './slots.ts';
import type { Token } from './tokens.ts';
import { ALL_RESULTS, ONE_RESULT, STAGE_RESULTS, SURE_RESULTS, WORKSPACE } from './words.ts';

/** A step that is there already, and can be referred to. */
export interface Source {
  id: string;
  tool: ToolContract;
  input: JsonObject;
  description: string;
}

export interface Antecedents {
  /** the steps of the clauses before, in the same stage */
  sameStage: readonly Source[];
  /** the steps of the last one of those clauses */
  lastClause: readonly Source[];
  /** the steps of the stage before */
  stageBefore: readonly Source[];
  /** the steps of all stages before */
  earlier: readonly Source[];
}

export interface Mention {
  kind: 'one' | 'stage' | 'all' | 'none';
  tokens: readonly Token[];
  /** a word that must refer to something; null: all may be just nouns */
  sure: Token | null;
}

/** Whether a clause speaks of results. Its verb doesn't count: "list" is one, too. */
export function mentionsResult({ tokens }: Clause): Mention {
  const found = tokens.filter((token, at) => {
    if (token.kind !== 'word' || at === 0) return false;
    if (/^(this|that|these|those)$/.test(token.value)) {
      const next = tokens[at + 1];
      return next === undefined || (next.kind === 'word' && !WORKSPACE.has(next.value));
    }
    return ONE_RESULT.has(token.value) || STAGE_RESULTS.has(token.value) || ALL_RESULTS.has(token.value);
  });
  const has = (words: ReadonlySet<string>): boolean => found.some(({ value }) => words.has(value));
  const kind = has(ALL_RESULTS) ? 'all' : has(STAGE_RESULTS) ? 'stage' : found.length > 0 ? 'one' : 'none';
  return { kind, tokens: found, sure: found.find(({ value }) => SURE_RESULTS.has(value)) ?? null };
}

interface Wanted {
  mention: Mention;
  antecedents: Antecedents;
  /** whether the text goes into a Markdown file */
  markdown: boolean;
}

/** Slots in which the JSON of a result makes sense as text. */
const PROSE = /^(text|content|contents|body|message|prompt|markdown)$/i;
/** Where tools put text that stands for their whole result. */
const TEXT_OUTPUTS = ['text', 'content', 'body', 'markdown', 'answer'];

/** The value that fills a slot from earlier steps; null when there is none that fits. */
export function resultFor(slot: Slot, { mention, antecedents, markdown }: Wanted): { value: string; sources: Source[] } | null {
  const sources = sourcesOf(mention, antecedents);
  const [only] = sources;
  if (only === undefined) return null;
  if (slot.kind === 'path') return sources.length === 1 ? samePath(slot, only) : null;
  if (slot.kind === 'data') {
    const value = (PROSE.test(slot.name) ? textReference(slot, only) : null) ?? dataReference(slot, only);
    return sources.length === 1 && value !== null ? { value, sources } : null;
  }
  if (slot.kind !== 'text') return null;
  const text = sources.length === 1 ? textReference(slot, only) : null;
  if (text !== null) return { value: text, sources };
  return PROSE.test(slot.name) ? { value: written(sources, markdown), sources } : null;
}

function sourcesOf(mention: Mention, antecedents: Antecedents): Source[] {
  const sources = standardSources(mention, antecedents);
  const { sameStage, stageBefore, earlier } = antecedents;
  // "the text" is what has one, not what came last.
  const names = mention.tokens.map(({ value }) => value);
  const has = (source: Source): boolean => names.some((name) => outputProperties(source)[name] !== undefined);
  if (mention.kind === 'all' || sources.some(has)) return sources;
  const named = [...earlier, ...stageBefore, ...sameStage].findLast(has);
  return named === undefined ? sources : [named];
}

function standardSources({ kind }: Mention, { sameStage, lastClause, stageBefore, earlier }: Antecedents): Source[] {
  if (kind === 'all') return sameStage.length > 0 ? [...sameStage] : [...earlier];
  if (kind === 'stage' && sameStage.length > 0) return [...sameStage];
  if (kind === 'one' && lastClause.length > 0) return [...lastClause];
  return [...stageBefore];
}

const outputProperties = ({ tool }: Source): JsonObject =>
  isObject(tool.outputSchema?.properties) ? (tool.outputSchema.properties as JsonObject) : {};

const isText = (schema: unknown): boolean => {
  if (!isObject(schema)) return false;
  const types = typesOf(schema as JsonObject);
  return types.size === 1 && types.has('string');
};

/** "write ... to a.txt, then read it": the file that the step before has worked on. */
function samePath(slot: Slot, source: Source): { value: string; sources: Source[] } | null {
  const file = source.input[slot.name];
  if (typeof file !== 'string' || !/\.[A-Za-z0-9]+$/.test(file)) return null;
  return { value: file, sources: [source] };
}

/** Null where the slot takes a list, and the output has none of its name: another list holds something else. */
function dataReference({ name, types }: Slot, source: Source): string | null {
  const isList = types.size > 0 && types.has('array') && !types.has('object');
  const whole = `{{${source.id}.output}}`;
  if (!isList || typesOf(source.tool.outputSchema ?? {}).has('array')) return whole;
  const list = outputProperties(source)[name];
  return isObject(list) && list.type === 'array' ? `{{${source.id}.output.${name}}}` : null;
}

function textReference({ name }: Pick<Slot, 'name'>, source: Source): string | null {
  if (isText(source.tool.outputSchema)) return `{{${source.id}.output}}`;
  const properties = outputProperties(source);
  const names = Object.keys(properties);
  const wanted = PROSE.test(name) ? [name, ...TEXT_OUTPUTS, ...(names.length === 1 ? names : [])] : [name];
  const found = wanted.find((property) => isText(properties[property]));
  return found === undefined ? null : `{{${source.id}.output.${found}}}`;
}

/** Several results, or one that is no text, as text: JSON, under headings in a Markdown file. */
function written(sources: readonly Source[], markdown: boolean): string {
  const parts = sources.map((source) => {
    const text = textReference({ name: 'text' }, source);
    const body = TEXT_OUTPUTS.find((property) => outputProperties(source)[property] !== undefined);
    const shown = text ?? `{{${source.id}.output${body === undefined ? '' : `.${body}`}}}`;
    if (!markdown) return sources.length === 1 ? shown : `${source.description}:\n${shown}`;
    return `## ${source.description}\n\n${text === null ? `\`\`\`json\n${shown}\n\`\`\`` : shown}`;
  });
  return `${parts.join('\n\n')}\n`;
}
