/**
 * The grammar of the rules planner, in short; docs/rules-planner.md has it in full.
 *
 *     objective  = stage { sequencer stage }       sequencer = "then" | "after that" | "finally" | ... | ";" | end of sentence or line
 *     stage      = clause { joiner clause }        joiner    = "and" | "," | "at the same time" | ...
 *     clause     = verb { word | value }
 *
 * The clauses of a stage run at the same time; a stage waits for all of the stage before. What follows a joiner is a
 * clause when it begins with a verb of some tool. Else it goes on with the clause before ("read a.md and b.md"), as long
 * as it holds nothing but values and words that the tools know; otherwise it is a clause of its own, which then is not
 * understood: better than leaving out what was asked for.
 */
import { AND, COMMA, type Token } from './tokens.ts';
import { isPlace } from './values.ts';
import { COURTESIES, FILLERS, JOINERS, SEQUENCERS, STOP_WORDS } from './words.ts';

export interface Clause {
  tokens: Token[];
  /** as written */
  text: string;
}

export interface WordKnowledge {
  /** whether people ask for some tool with this word */
  isVerb(word: string): boolean;
  /** whether some tool is described with this word */
  isKnown(word: string): boolean;
}

type Piece = { kind: 'sequence' | 'join'; joint: Token; tokens: Token[] };

export function parseClauses(tokens: readonly Token[], knowledge: WordKnowledge): Clause[][] {
  const stages: Token[][][] = [];
  for (const { kind, joint, tokens: found } of split(tokens)) {
    const piece = withoutFillers(found);
    if (piece.length === 0) continue;
    const stage = stages.at(-1);
    const before = stage?.at(-1);
    if (kind === 'sequence' || stage === undefined || before === undefined) stages.push([piece]);
    else if (goesOn(before, piece, knowledge)) before.push(joint, ...piece);
    else stage.push(piece);
  }
  return stages.map((stage) => stage.map((clause) => ({ tokens: clause, text: textOf(clause) })));
}

const textOf = (tokens: readonly Token[]): string =>
  tokens
    .map(({ text }) => text)
    .join(' ')
    .replaceAll(' , ', ', ');

/** Whether the first word joins what follows to something before it. Fillers and line breaks do not count. */
export function beginsWithJoiner(tokens: readonly Token[]): boolean {
  const first = tokens.findIndex(
    (token, at) => token.kind !== 'mark' && (token.kind !== 'word' || !FILLERS.has(token.value) || phraseAt(tokens, at, JOINERS) > 0),
  );
  return first !== -1 && phraseAt(tokens, first, JOINERS) > 0;
}

function split(tokens: readonly Token[]): Piece[] {
  const pieces: Piece[] = [{ kind: 'sequence', joint: AND, tokens: [] }];
  let at = 0;
  while (at < tokens.length) {
    const token = tokens[at] as Token;
    const sequencer = phraseAt(tokens, at, SEQUENCERS);
    const joiner = phraseAt(tokens, at, JOINERS);
    if (sequencer > 0 || (token.kind === 'mark' && /[.;!?\n]/.test(token.text))) {
      open(pieces, 'sequence', AND);
      at += Math.max(1, sequencer);
    } else if (joiner > 0 || (token.kind === 'mark' && token.text === ',')) {
      open(pieces, 'join', joiner > 0 ? AND : COMMA);
      at += Math.max(1, joiner);
    } else {
      if (token.kind !== 'mark') pieces.at(-1)?.tokens.push(token);
      at++;
    }
  }
  return pieces;
}

/** ", and then" is one boundary, and the strongest of its words decides which. */
function open(pieces: Piece[], kind: Piece['kind'], joint: Token): void {
  const last = pieces.at(-1);
  if (last === undefined || withoutFillers(last.tokens).length > 0) pieces.push({ kind, joint, tokens: [] });
  else {
    if (kind === 'sequence') last.kind = 'sequence';
    if (joint === AND) last.joint = AND;
  }
}

/** How many tokens a phrase of the list takes up at this place; 0: none does. */
function phraseAt(tokens: readonly Token[], at: number, phrases: readonly (readonly string[])[]): number {
  const found = phrases.find((phrase) =>
    phrase.every((word, index) => tokens[at + index]?.value === word && tokens[at + index]?.kind === 'word'),
  );
  return found?.length ?? 0;
}

/** What is left of a clause without the words around it that say nothing. */
export function withoutFillers(tokens: readonly Token[]): Token[] {
  const first = tokens.findIndex(({ kind, value }) => kind !== 'word' || !FILLERS.has(value));
  const last = tokens.findLastIndex(({ kind, value }) => kind !== 'word' || !COURTESIES.has(value));
  return first === -1 ? [] : tokens.slice(first, last + 1);
}

function goesOn(before: readonly Token[], tokens: readonly Token[], { isVerb, isKnown }: WordKnowledge): boolean {
  const [first] = tokens;
  if (first?.kind === 'word' && isVerb(first.value)) return false;
  const together = [...before, AND, ...tokens];
  return tokens.every(
    ({ kind, value }, at) => kind !== 'word' || STOP_WORDS.has(value) || isKnown(value) || isPlace(together, before.length + 1 + at),
  );
}
