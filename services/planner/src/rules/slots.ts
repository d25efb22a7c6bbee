/** What a tool takes, seen by the rules: each property of its input schema as a slot that values of some kind fit into. */
import { isObject, type Json, type JsonObject, type ToolContract } from '@countersign/shared';
import { tokenise } from './tokens.ts';
import { meaning, wordsOfName } from './words.ts';

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
}

const URL_NAME = /^(ur[il]|link|endpoint)$/i;
const PATH_NAME = /^(path|file|filename|dir|directory|folder|root|source|target|destination)$/i;
const GLOB_NAME = /^(pattern|glob|include)$/i;

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
  const learned = learnCues(name, tool);
  return {
    name,
    kind: kindOf(name, schema, { types, choices }),
    required,
    types,
    choices,
    words: wordsOfName(name).map(meaning),
    ...learned,
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
    const before = tokens
      .slice(0, at)
      .findLast((token) => token.kind === 'word' && !/^(the|a|an|file|folder|directory)$/.test(token.value));
    if (before !== undefined) cues.add(before.value);
  }
  return { cues, bare };
}
