/** A tool's own example, said again word by word, perhaps with other values. */
import { type JsonObject, referencesIn, type ToolContract } from '@countersign/shared';
import { type Clause, withoutFillers } from './clauses.ts';
import { isFileName, type Token, tokenise } from './tokens.ts';
import { isPlace } from './values.ts';
import { MANNERS, PLACE_NOUNS, STOP_WORDS } from './words.ts';

export interface SaidAgain {
  tool: ToolContract;
  input: JsonObject;
}

/** An example whose input holds no references; one that is repeated to the letter goes before one with other values. */
export function sayAgain({ tokens }: Clause, tools: readonly ToolContract[]): SaidAgain | null {
  const wanted = plain(tokens);
  if (wanted.length === 0) return null;
  const examples = tools.flatMap((tool) => tool.examples.map((example) => ({ tool, ...example })));
  let likest: SaidAgain | null = null;
  for (const { tool, text, input } of examples) {
    if (referencesIn(input).length > 0) continue;
    const own = plain(tokenise(text));
    if (own.length !== wanted.length) continue;
    if (own.every((token, at) => isSame(token, wanted[at]))) return { tool, input };
    const filled = withOtherValues(own, wanted, input);
    if (filled !== null) likest ??= { tool, input: filled };
  }
  return likest;
}

const plain = (tokens: readonly Token[]): Token[] => withoutFillers(tokens.filter(({ kind }) => kind !== 'mark'));

const isSame = (one: Token, other: Token | undefined): boolean => one.kind === other?.kind && one.value === other.value;

/** Null where the two differ in more than values of the example's input. */
function withOtherValues(own: readonly Token[], wanted: readonly Token[], input: JsonObject): JsonObject | null {
  const filled: JsonObject = { ...input };
  for (const [at, token] of own.entries()) {
    const other = wanted[at] as Token;
    if (isSame(token, other)) continue;
    const name = Object.keys(input).find((each) => input[each] === token.value || input[each] === token.text);
    if (name === undefined || !isOfItsKind(token, wanted, at)) return null;
    filled[name] = other.kind === 'word' ? other.text : other.value;
  }
  return filled;
}

/** A quotation for a quotation, a URL for a URL, a folder for a folder. */
function isOfItsKind(token: Token, wanted: readonly Token[], at: number): boolean {
  const other = wanted[at] as Token;
  const isPath = (kind: Token['kind']): boolean => kind === 'path' || kind === 'word';
  if (other.kind === 'path' && isPath(token.kind)) return !(isFileName(token.text) && other.value.endsWith('/'));
  if (other.kind !== 'word') return other.kind === token.kind;
  const isNamed = PLACE_NOUNS.has(wanted[at - 1]?.value ?? '') && !MANNERS.has(other.value) && !STOP_WORDS.has(other.value);
  return isPath(token.kind) && (isNamed || isPlace(wanted, at));
}
