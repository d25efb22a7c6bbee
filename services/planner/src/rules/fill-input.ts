/** From the values of a clause, and the results of earlier steps, to a tool's input. */
import type { Json, JsonObject } from '@countersign/shared';
import type { Clause } from './clauses.ts';
import type { Match } from './match-tools.ts';
import { type Antecedents, mentionsResult, resultFor, type Source } from './results.ts';
import { type Slot, slotsOf } from './slots.ts';
import type { Token } from './tokens.ts';
import { type Value, valuesOf } from './values.ts';
import { FILE_KINDS, meaning, PLACE_PREPOSITIONS, STOP_WORDS, stem } from './words.ts';

export type Filling =
  /** several inputs where the clause names several things, each for one call */
  { ok: true; inputs: JsonObject[]; used: ReadonlySet<Token>; sources: readonly Source[] } | { ok: false; problem: string };

interface Draft {
  clause: Clause;
  match: Match;
  free: Value[];
  used: Set<Token>;
  input: Record<string, Json>;
  /** values of one slot that the tool takes only one of */
  spread: { name: string; values: string[] } | null;
  sources: Source[];
}

export function fillInput(clause: Clause, match: Match, antecedents: Antecedents): Filling {
  const slots = slotsOf(match.tool);
  const draft: Draft = { clause, match, free: valuesOf(clause.tokens), used: new Set(), input: {}, spread: null, sources: [] };
  for (const slot of slots) if (slot.kind === 'choice') fillChoice(slot, draft);
  for (const slot of slots) if (slot.kind === 'flag') fillFlag(slot, draft);
  draft.free = draft.free.filter(({ tokens }) => !tokens.some((token) => draft.used.has(token)));
  for (const kind of ['url', 'path', 'glob'] as const)
    fillPlaces(
      slots.filter((slot) => slot.kind === kind),
      kind,
      draft,
    );
  fillNumbers(
    slots.filter(({ kind }) => kind === 'number'),
    draft,
  );
  fillTexts(
    slots.filter(({ kind, types }) => kind === 'text' || (kind === 'data' && (types.size === 0 || types.has('string')))),
    draft,
  );
  fillResults(slots, draft, antecedents);

  const missing = slots.filter(({ name, required }) => required && draft.input[name] === undefined && draft.spread?.name !== name);
  if (missing.length > 0) return { ok: false, problem: `\`${match.tool.name}\` needs ${missing.map(describeSlot).join(' and ')}` };
  // A word that was taken for a folder or a kind of file may be just a word; every other value must have found its place.
  const lost = draft.free.filter(({ tokens }) => tokens[0]?.kind !== 'word');
  if (lost.length > 0) {
    return {
      ok: false,
      problem: `\`${match.tool.name}\` has no use for ${lost.map(({ tokens }) => tokens.map(({ text }) => text).join(' ')).join(', ')}`,
    };
  }
  const { spread, input, used, sources } = draft;
  const { sure } = mentionsResult(clause);
  if (sure !== null && sources.length === 0)
    return { ok: false, problem: `\`${match.tool.name}\` finds nothing that "${sure.text}" could mean, or has no use for it` };
  const inputs = spread === null ? [input] : spread.values.map((value) => ({ ...input, [spread.name]: value }));
  return { ok: true, inputs, used, sources };
}

const describeSlot = ({ name, kind }: Slot): string => {
  const hint: Record<Slot['kind'], string> = {
    url: 'a URL like https://example.com',
    path: 'a path like src/index.ts',
    glob: 'a pattern like **/*.md',
    number: 'a number',
    flag: 'yes or no',
    choice: 'one of its values',
    text: 'text in quotes, or the result of an earlier step',
    data: 'the result of an earlier step',
  };
  return `\`${name}\` (${hint[kind]})`;
};

function take(draft: Draft, value: Value): string {
  draft.free = draft.free.filter((other) => other !== value);
  for (const token of value.tokens) draft.used.add(token);
  return value.value;
}

function fillChoice({ name, choices }: Slot, { clause, input, used }: Draft): void {
  for (const choice of choices) {
    const token = clause.tokens.find(({ kind, value }) => kind === 'word' && typeof choice === 'string' && value === choice.toLowerCase());
    if (token === undefined) continue;
    input[name] = choice;
    used.add(token);
    return;
  }
}

/** Every word of the flag's name must be there: "ignoring case" sets `ignoreCase`, "case" alone does not. */
function fillFlag({ name, words }: Slot, { clause, input, used }: Draft): void {
  const tokens = words.map((word) =>
    clause.tokens.find(({ kind, value }) => kind === 'word' && (meaning(value) === word || meaning(value.replace(/ly$/, '')) === word)),
  );
  if (words.length === 0 || tokens.includes(undefined)) return;
  input[name] = true;
  for (const token of tokens) if (token !== undefined) used.add(token);
}

/** URLs, paths and globs: by the words before them where there are several slots, else in order. */
function fillPlaces(slots: readonly Slot[], kind: 'url' | 'path' | 'glob', draft: Draft): void {
  const [only] = slots;
  if (only === undefined) return;
  const values = draft.free.filter((value) => value.kind === kind);
  if (slots.length === 1) {
    for (const value of values) take(draft, value);
    const different = [...new Set(values.map(({ value }) => value))];
    const bare = only.required && only.bare && different.length === 0 ? codeWord(draft.clause) : undefined;
    if (bare !== undefined) {
      draft.used.add(bare);
      draft.input[only.name] = bare.text;
    } else if (different.length === 1) draft.input[only.name] = different[0] as string;
    else if (different.length > 1 && draft.spread === null) draft.spread = { name: only.name, values: different };
    return;
  }
  for (const value of values) {
    const open = slots.filter(({ name }) => draft.input[name] === undefined);
    const cue = value.before[0] ?? '';
    const slot = open.find(({ name, cues }) => name === cue || cues.has(cue)) ?? open.find(({ required }) => required) ?? open[0];
    if (slot !== undefined) draft.input[slot.name] = take(draft, value);
  }
}

function fillNumbers(slots: readonly Slot[], draft: Draft): void {
  for (const value of draft.free.filter(({ kind }) => kind === 'number')) {
    const open = slots.filter(({ name }) => draft.input[name] === undefined);
    const near = new Set([...value.before.slice(0, 2), ...value.after].map(meaning));
    const slot =
      (value.unit === null ? undefined : open.find(({ name }) => /ms$/i.test(name))) ??
      open.find(({ words }) => words.some((word) => near.has(word))) ??
      open.find(({ required }) => required);
    if (slot !== undefined) draft.input[slot.name] = Number(take(draft, value)) * (/ms$/i.test(slot.name) ? (value.unit ?? 1) : 1);
  }
}

/** Quoted text goes where text is wanted, and after that where anything may be. */
function fillTexts(slots: readonly Slot[], draft: Draft): void {
  const rank = ({ kind, required }: Slot): number => (kind === 'text' ? 0 : 2) + (required ? 0 : 1);
  const inOrder = [...slots].sort((a, b) => rank(a) - rank(b));
  for (const value of draft.free.filter(({ kind }) => kind === 'quoted')) {
    const open = inOrder.filter(({ name }) => draft.input[name] === undefined);
    const cue = value.before[0] ?? '';
    const slot = open.find(({ name, cues }) => name === cue || cues.has(cue)) ?? open[0];
    if (slot !== undefined) draft.input[slot.name] = take(draft, value);
  }
  for (const slot of inOrder) {
    if (slot.kind !== 'text' || !slot.required || !slot.bare || draft.input[slot.name] !== undefined) continue;
    const words = bareText(draft);
    if (words.length === 0) continue;
    for (const token of words) draft.used.add(token);
    draft.free = draft.free.filter(({ tokens }) => !tokens.some((token) => words.includes(token)));
    draft.input[slot.name] = words.map(({ text }) => text).join(' ');
  }
}

const codeWord = ({ tokens }: Clause): Token | undefined =>
  tokens.find(
    ({ kind, text, value }) => kind === 'word' && /^[A-Z][A-Z0-9_]+$|_|[a-z][A-Z]|\(\)$/.test(text) && !FILE_KINDS.has(stem(value)),
  );

/** Text without quotes: a word written like code (TODO, maxItems), or what follows "for". */
function bareText({ clause, match }: Draft): Token[] {
  const { tokens } = clause;
  const code = codeWord(clause);
  if (code !== undefined) return [code];
  const after = tokens.findIndex(({ value }) => value === 'for');
  if (after === -1) return [];
  const run: Token[] = [];
  for (const token of tokens.slice(after + 1)) {
    if (token.kind !== 'word' || PLACE_PREPOSITIONS.has(token.value)) break;
    if (run.length > 0 || !STOP_WORDS.has(token.value)) run.push(token);
  }
  while (run.length > 0 && match.knows(run.at(-1)?.value ?? '')) run.pop();
  return run;
}

function fillResults(slots: readonly Slot[], draft: Draft, antecedents: Antecedents): void {
  const mention = mentionsResult(draft.clause);
  const empty = slots.filter(({ name }) => draft.input[name] === undefined && draft.spread?.name !== name);
  const needed = empty.filter(({ required }) => required);
  // What need not be given is given where the clause speaks of a result, and to one slot: the one that takes most.
  const optional =
    mention.kind === 'none' || needed.length > 0
      ? []
      : empty.filter(({ kind }) => kind === 'data').sort((a, b) => a.types.size - b.types.size);
  const open = [...needed, ...optional.slice(0, 1)];
  const files = Object.values(draft.input).filter((value) => typeof value === 'string');
  for (const slot of open) {
    const result = resultFor(slot, { mention, antecedents, markdown: files.some((file) => /\.(md|markdown)$/i.test(file)) });
    if (result === null) continue;
    draft.input[slot.name] = result.value;
    draft.sources.push(...result.sources);
  }
  for (const token of mention.tokens) draft.used.add(token);
}
