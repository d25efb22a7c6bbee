/** What a tool takes, seen by the rules: each property of its input schema as a slot that values of some kind fit into. */
import { isObject, type Json, type JsonObject, type ToolContract } from '@countersign/shared';
import { isFileName, tokenise } from './tokens.ts';
import { meaning, UNITS, wordsOfName } from './words.ts';

export type SlotKind = 'url' | 'path' | 'glob' | 'number' | 'flag' | 'choice' | 'text' | 'data';

export interface Slot {
  name: string;
  kind: SlotKind;
  required: boolean;
  /** JSON types that it takes; empty: any */
  types: ReadonlySet<string>;
  /** the values of a choice */
  choices: readonly Json[];
  /** meanings of the words in its name */
  words: readonly string[];
  /** the words that stand before its value in the tool's examples */
  cues: ReadonlySet<string>;
  /** whether examples give its value without quotes */
  bare: boolean;
  /** optional, and in none of the tool's examples: its value must be announced by a word of its name */
  unseen: boolean;
  /** of a text: the examples write it out and give results elsewhere, so that it is the asker's own and no result */
  own: boolean;
  /** of a pattern: meanings of the words before it in examples where it is just a file's name */
  namesFiles: ReadonlySet<string>;
  /** of a path: every example names a file, none a folder */
  filesOnly: boolean;
  /** of a number, by its name: the milliseconds of its unit of time; null: no time */
  unit: number | null;
  /** what it is when it is not given; absent: unknown */
  preset?: Json;
  /** of something optional: the choices that every example gives along with it */
  along: readonly string[];
}

const URL_NAME = /^(ur[il]|link|endpoint)$/i;
const PATH_NAME = /^(path|file|filename|dir|directory|folder|root|source|target|destination|saveTo|writeTo|outputFile)$/i;
const GLOB_NAME = /^(pattern|glob|include)$/i;
/** Words between a cue and its value: "find the file a.ts", "find files named a.ts". */
export const BESIDE_A_CUE: ReadonlySet<string> = new Set(['the', 'a', 'an', 'file', 'files', 'folder', 'directory', 'named', 'called']);

export function slotsOf(tool: ToolContract): Slot[] {
  const properties = isObject(tool.inputSchema.properties) ? tool.inputSchema.properties : {};
  const required = Array.isArray(tool.inputSchema.required) ? tool.inputSchema.required : [];
  return Object.entries(properties).map(([name, schema]) =>
    readSlot(name, isObject(schema) ? (schema as JsonObject) : {}, { tool, required: required.includes(name) }),
  );
}

function readSlot(name: string, schema: JsonObject, { tool, required }: { tool: ToolContract; required: boolean }): Slot {
  const types = typesOf(schema);
  const choices = choicesOf(schema);
  const kind = kindOf(name, schema, { types, choices });
  return {
    name,
    kind,
    required,
    types,
    choices,
    words: wordsOfName(name).map(meaning),
    ...learnCues(name, tool),
    unseen: !required && tool.examples.length > 0 && tool.examples.every(({ input }) => input[name] === undefined),
    own: kind === 'text' && learnOwn(name, tool),
    namesFiles: kind === 'glob' ? learnFileCues(name, tool) : new Set(),
    filesOnly: kind === 'path' && learnFilesOnly(name, tool),
    unit: UNITS.get(wordsOfName(name).at(-1) ?? '') ?? null,
    ...(schema.default === undefined ? {} : { preset: schema.default }),
    along: required ? [] : learnCompany(name, tool),
  };
}

const variantsOf = (schema: JsonObject): JsonObject[] =>
  [schema.anyOf, schema.oneOf].flatMap((list) => (Array.isArray(list) ? list.filter(isObject) : [])) as JsonObject[];

/** The JSON types that a schema takes; empty: any. */
export function typesOf(schema: JsonObject): Set<string> {
  if (typeof schema.type === 'string') return new Set([schema.type]);
  if (Array.isArray(schema.type)) return new Set(schema.type.filter((type) => typeof type === 'string'));
  const variants = variantsOf(schema).map(typesOf);
  if (variants.some((types) => types.size === 0)) return new Set();
  return new Set(variants.flatMap((types) => [...types]));
}

function choicesOf(schema: JsonObject): Json[] {
  if (Array.isArray(schema.enum)) return schema.enum;
  if (schema.const !== undefined) return [schema.const];
  return variantsOf(schema).flatMap(choicesOf);
}

function kindOf(name: string, schema: JsonObject, { types, choices }: { types: ReadonlySet<string>; choices: readonly Json[] }): SlotKind {
  const only = (...allowed: string[]): boolean => types.size > 0 && [...types].every((type) => allowed.includes(type) || type === 'null');
  if (choices.length > 0) return 'choice';
  if (only('boolean')) return 'flag';
  if (only('integer', 'number')) return 'number';
  if (!only('string')) return 'data';
  if (schema.format === 'uri' || URL_NAME.test(name)) return 'url';
  if (GLOB_NAME.test(name)) return 'glob';
  return PATH_NAME.test(name) ? 'path' : 'text';
}

/** Finds the slot's example values in the examples' texts, and the word before each. */
function learnCues(name: string, { examples }: ToolContract): Pick<Slot, 'cues' | 'bare'> {
  const cues = new Set<string>();
  let bare = false;
  for (const { text, input } of examples) {
    const value = input[name];
    if (typeof value !== 'string' && typeof value !== 'number') continue;
    const tokens = tokenise(text);
    const at = tokens.findIndex((token) => (token.kind === 'word' ? token.text : token.value) === String(value));
    if (at === -1) continue;
    bare ||= tokens[at]?.kind === 'word';
    const before = tokens.slice(0, at).findLast((token) => token.kind === 'word' && !BESIDE_A_CUE.has(token.value));
    if (before !== undefined) cues.add(before.value);
  }
  return { cues, bare };
}

function learnFileCues(name: string, { examples }: ToolContract): Set<string> {
  const cues = new Set<string>();
  for (const { text, input } of examples) {
    const tokens = tokenise(text);
    const at = tokens.findIndex(({ kind, value }) => kind === 'path' && value === input[name]);
    const before = tokens.slice(0, Math.max(0, at)).findLast(({ kind, value }) => kind === 'word' && !BESIDE_A_CUE.has(value));
    if (before !== undefined) cues.add(meaning(before.value));
  }
  return cues;
}

function learnFilesOnly(name: string, { examples }: ToolContract): boolean {
  const paths = examples.map(({ input }) => input[name]).filter((value) => typeof value === 'string' && !value.includes('{{'));
  return paths.length > 0 && paths.every((path) => isFileName(String(path)));
}

function learnOwn(name: string, { examples }: ToolContract): boolean {
  const isResult = (value: Json | undefined): boolean => typeof value === 'string' && value.includes('{{');
  const holdsResult = examples.some(({ input }) => Object.values(input).some(isResult));
  return holdsResult && examples.every(({ input }) => !isResult(input[name]));
}

/** A request's body, say, goes with a method: no example has the one without the other. */
function learnCompany(name: string, { examples, inputSchema }: ToolContract): string[] {
  const given = examples.filter(({ input }) => input[name] !== undefined).map(({ input }) => input);
  const properties = isObject(inputSchema.properties) ? (inputSchema.properties as JsonObject) : {};
  const isChoice = (other: string): boolean => isObject(properties[other]) && choicesOf(properties[other] as JsonObject).length > 0;
  const [first = {}] = given;
  return Object.keys(first).filter((other) => other !== name && isChoice(other) && given.every((input) => input[other] !== undefined));
}
