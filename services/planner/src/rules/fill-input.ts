/** From the values of a clause, and the results of earlier steps, to a tool's input. */
import type { Json, JsonObject } from '@countersign/shared';
import type { Clause } from './clauses.ts';
import type { Match } from './match-tools.ts';
import { type Antecedents, mentionsResult, resultFor, type Source } from './results.ts';
import { BESIDE_A_CUE, type Slot, slotsOf } from './slots.ts';
import type { Token } from './tokens.ts';
import { isCode, isList, isPlace, unlikePair, type Value, valuesOf } from './values.ts';
import { FILE_KINDS, meaning, PLACE_NOUNS, PLACE_PREPOSITIONS, STOP_WORDS, stem, TEXT_NOUNS, WORKSPACE, wordsOfName } from './words.ts';

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
  /** values that can't be placed without guessing */
  unclear: { name: string; values: readonly Value[] } | null;
}

export function fillInput(clause: Clause, match: Match, antecedents: Antecedents): Filling {
  const slots = slotsOf(match.tool);
  const draft: Draft = {
    clause,
    match,
    free: valuesOf(clause.tokens),
    used: new Set(),
    input: {},
    spread: null,
    sources: [],
    unclear: null,
  };
  const pair = unlikePair(draft.free, clause.tokens);
  if (pair !== null) {
    const [one, other] = pair.map(wordsOf);
    return { ok: false, problem: `it is not clear how ${one} and ${other} belong together; make two parts of it, each with its own verb` };
  }
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
  const isGiven = ({ name }: Slot): boolean => draft.input[name] !== undefined || [draft.spread?.name, draft.unclear?.name].includes(name);
  const missing = slots.filter((slot) => slot.required && !isGiven(slot));
  if (missing.length > 0) return { ok: false, problem: `\`${match.tool.name}\` needs ${missing.map(describeSlot).join(' and ')}` };
  if (draft.unclear !== null) {
    const { name, values } = draft.unclear;
    const problem = `\`${match.tool.name}\` takes one \`${name}\`, and it is not clear whether ${values.map(wordsOf).join(' and ')} are meant one after the other; make parts of it, each with its own verb`;
    return { ok: false, problem };
  }
  // A word that was taken for a folder or a kind of file may be just a word; every other value must have found its place.
  const lost = draft.free.filter(({ tokens }) => tokens[0]?.kind !== 'word');
  if (lost.length > 0) {
    return {
      ok: false,
      problem: `\`${match.tool.name}\` has no use for ${lost.map(wordsOf).join(', ')}`,
    };
  }
  const alone = slots.find(({ name, along }) => draft.input[name] !== undefined && along.some((other) => draft.input[other] === undefined));
  if (alone !== undefined) {
    const others = slots
      .filter(({ name }) => alone.along.includes(name))
      .map(({ name, choices }) => `\`${name}\` (one of ${choices.join(', ')})`);
    return { ok: false, problem: `\`${match.tool.name}\` takes \`${alone.name}\` only along with ${others.join(' and ')}` };
  }
  const { spread, input, used, sources } = draft;
  const { sure } = mentionsResult(clause);
  if (sure !== null && sources.length === 0)
    return { ok: false, problem: `\`${match.tool.name}\` finds nothing that "${sure.text}" could mean, or has no use for it` };
  const inputs = spread === null ? [input] : spread.values.map((value) => ({ ...input, [spread.name]: value }));
  return { ok: true, inputs, used, sources };
}

const wordsOf = ({ tokens }: Value): string => tokens.map(({ text }) => text).join(' ');

const describeSlot = ({ name, kind, unit, own }: Slot): string => {
  const hint: Record<Slot['kind'], string> = {
    url: 'a URL like https://example.com',
    path: 'a path like src/index.ts',
    glob: 'a pattern like **/*.md',
    number: unit === null ? 'a number' : 'a time like 5 seconds',
    flag: 'yes or no',
    choice: 'one of its values',
    text: own ? 'text in quotes' : 'text in quotes, or the result of an earlier step',
    data: 'the result of an earlier step',
  };
  return `\`${name}\` (${hint[kind]})`;
};

function take(draft: Draft, value: Value): string {
  draft.free = draft.free.filter((other) => other !== value);
  for (const token of value.tokens) draft.used.add(token);
  return value.value;
}

/** By the choice's own word, else by another of its meaning ("send" posts); what is chosen anyway needs its own word. */
function fillChoice({ name, choices, preset }: Slot, { clause, input, used }: Draft): void {
  const words = clause.tokens.filter(({ kind }) => kind === 'word');
  const texts = choices.filter((choice) => typeof choice === 'string');
  const fits: ((choice: string, token: Token) => boolean)[] = [
    (choice, { value }) => value === choice.toLowerCase(),
    (choice, { value }) => choice !== preset && meaning(value) === meaning(choice),
  ];
  for (const fit of fits) {
    for (const choice of texts) {
      const token = words.find((word) => fit(choice, word));
      if (token === undefined) continue;
      input[name] = choice;
      used.add(token);
      return;
    }
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
  if (slots.length === 1) {
    const values = draft.free.filter((value) => fitsPlace(value, kind, { slot: only, draft }));
    for (const value of values) take(draft, value);
    const different = [...new Set(values.map(({ value }) => value))];
    if (different.length > 1 && (draft.spread !== null || !isList(values, draft.clause.tokens))) {
      draft.unclear = { name: only.name, values };
      return;
    }
    const bare = only.required && only.bare && different.length === 0 ? codeWord(draft.clause) : undefined;
    if (bare !== undefined) {
      draft.used.add(bare);
      draft.input[only.name] = bare.text;
    } else if (different.length === 1) draft.input[only.name] = different[0] as string;
    else if (different.length > 1) draft.spread = { name: only.name, values: different };
    return;
  }
  for (const value of draft.free.filter((each) => each.kind === kind)) {
    const open = slots.filter((slot) => draft.input[slot.name] === undefined && fitsPlace(value, kind, { slot, draft }));
    const cue = value.before[0] ?? '';
    const slot = open.find(({ name, cues }) => name === cue || cues.has(cue)) ?? open.find(({ required }) => required) ?? open[0];
    if (slot !== undefined) draft.input[slot.name] = take(draft, value);
  }
}

function fitsPlace(value: Value, kind: Value['kind'], { slot, draft }: { slot: Slot; draft: Draft }): boolean {
  if (slot.unseen && !isAnnounced(value, slot)) return false;
  if (value.kind === 'path' && slot.filesOnly && (value.tokens[0]?.kind === 'word' || value.value.endsWith('/'))) return false;
  return (value.kind === 'path' && isFileAskedFor(value, draft) ? 'glob' : value.kind) === kind;
}

/** "to x.json", for a slot named `saveTo`. */
function isAnnounced({ before }: Value, { name }: Slot): boolean {
  const cue = before.find((word) => !BESIDE_A_CUE.has(word));
  return cue !== undefined && wordsOfName(name).includes(cue);
}

/** "find package.json" asks for the file wherever it is, where a tool's own example says the same of its pattern. */
function isFileAskedFor({ value, before }: Value, { match }: Draft): boolean {
  const cue = before.find((word) => !BESIDE_A_CUE.has(word));
  const patterns = slotsOf(match.tool).filter(({ kind }) => kind === 'glob');
  return cue !== undefined && !value.includes('/') && patterns.some(({ namesFiles }) => namesFiles.has(meaning(cue)));
}

function fillNumbers(slots: readonly Slot[], draft: Draft): void {
  for (const value of draft.free.filter(({ kind }) => kind === 'number')) {
    const open = slots.filter(({ name }) => draft.input[name] === undefined);
    const near = new Set([...value.before.slice(0, 2), ...value.after].map(meaning));
    const isNear = ({ words }: Slot): boolean => words.filter((word) => !BOUNDS.has(word)).some((word) => near.has(word));
    // Five of what? A time without its unit is no time, and what has a unit is no count.
    const fitting = open.filter(({ unit }) => (unit === null) === (value.unit === null));
    const slot = fitting.find(isNear) ?? fitting.find(({ required, unit }) => required || unit !== null);
    if (slot === undefined) continue;
    const first = draft.clause.tokens[value.at - 1];
    if (first?.value === 'first' && slot.words.includes(MOST)) draft.used.add(first);
    draft.input[slot.name] = (Number(take(draft, value)) * (value.unit ?? 1)) / (slot.unit ?? 1);
  }
}

/** In a name like `maxMatches`, the words that don't say what is counted. */
const BOUNDS = new Set(['max', 'min', 'least', 'number', 'count'].map(meaning));
const MOST = meaning('max');

/** Quoted text goes where text is wanted, and after that where anything may be. */
function fillTexts(slots: readonly Slot[], draft: Draft): void {
  const rank = ({ kind, required }: Slot): number => (kind === 'text' ? 0 : 2) + (required ? 0 : 1);
  const inOrder = [...slots].sort((a, b) => rank(a) - rank(b));
  for (const value of draft.free.filter(({ kind }) => kind === 'quoted')) {
    const open = inOrder.filter((slot) => draft.input[slot.name] === undefined && (!slot.unseen || isAnnounced(value, slot)));
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

const codeWord = ({ tokens }: Clause): Token | undefined => tokens.find(isCode);

/** Text without quotes: a word written like code (TODO, maxItems), or what follows "for". */
function bareText({ clause, match, used }: Draft): Token[] {
  const { tokens } = clause;
  const code = codeWord(clause);
  if (code !== undefined) return [code];
  const after = tokens.findIndex(({ value }) => value === 'for');
  if (after === -1) return [];
  const run: Token[] = [];
  for (const [index, token] of tokens.entries()) {
    if (index <= after) continue;
    if (token.kind === 'word' && PLACE_PREPOSITIONS.has(token.value) && !isPlaceAhead(tokens, index)) return [];
    if (token.kind !== 'word' || PLACE_PREPOSITIONS.has(token.value)) break;
    // "for lines that contain it": where its text begins is a guess.
    if (run.length > 0 && STOP_WORDS.has(token.value)) return [];
    if (!STOP_WORDS.has(token.value)) run.push(token);
  }
  while (run.length > 1 && TEXT_NOUNS.has(run[0]?.value ?? '')) used.add(run.shift() as Token);
  while (run.length > 0 && match.knows(run.at(-1)?.value ?? '')) run.pop();
  return run;
}

/** Whether what follows a preposition is where to look: in "end of file in src" the first one is part of the text. */
function isPlaceAhead(tokens: readonly Token[], preposition: number): boolean {
  const ahead = tokens.slice(preposition + 1).filter(({ kind, value }) => kind !== 'word' || !STOP_WORDS.has(value));
  const [first] = ahead;
  if (first === undefined || first.kind !== 'word') return first !== undefined;
  const at = tokens.indexOf(first);
  return isPlace(tokens, at) || WORKSPACE.has(first.value) || FILE_KINDS.has(stem(first.value)) || PLACE_NOUNS.has(first.value);
}

function fillResults(slots: readonly Slot[], draft: Draft, antecedents: Antecedents): void {
  const mention = mentionsResult(draft.clause);
  const empty = slots.filter(({ name }) => draft.input[name] === undefined && draft.spread?.name !== name);
  const needed = empty.filter(({ required, own }) => required && !own);
  // What need not be given is given where the clause speaks of a result, and to one slot: the one that takes most, else a path.
  const rank = ({ kind, types }: Slot): number => (kind === 'path' ? 1_000 : types.size);
  const optional =
    mention.kind === 'none' || needed.length > 0
      ? []
      : empty.filter(({ kind }) => kind === 'data' || kind === 'path').sort((a, b) => rank(a) - rank(b));
  const open = [...needed, ...optional];
  const files = Object.values(draft.input).filter((value) => typeof value === 'string');
  for (const slot of open) {
    const result = resultFor(slot, { mention, antecedents, markdown: files.some((file) => /\.(md|markdown)$/i.test(file)) });
    if (result === null) continue;
    draft.input[slot.name] = result.value;
    draft.sources.push(...result.sources);
    if (!slot.required) break;
  }
  // A word for a result that nothing was taken from is just a noun.
  if (draft.sources.length > 0) for (const token of mention.tokens) draft.used.add(token);
}
