/**
 * Conditions: `{{list.output.total}} > 0 and not {{input.dry}}`. The text is parsed before any value is put in, so a
 * value can never add an operator. The grammar, loosest first: or, and, not, comparison, operand.
 */
import { ConditionSyntaxError, type Operator, type Token, tokenize } from './condition-tokens.ts';
import { contains, described, EvaluationError, equal, fromJson, order, type Value } from './condition-values.ts';
import { LIMITS } from './limits.ts';
import { lookUp, type Reference, type ReferenceScope, renderText, type TemplatePart } from './references.ts';

type Operand =
  | { kind: 'reference'; reference: Reference }
  | { kind: 'text'; parts: readonly TemplatePart[] }
  | { kind: 'number'; digits: string }
  | { kind: 'constant'; value: boolean | null };

type Expression =
  | { kind: 'or'; terms: readonly Expression[] }
  | { kind: 'and'; terms: readonly Expression[] }
  | { kind: 'not'; term: Expression }
  | { kind: 'comparison'; left: Operand; operator: Operator; right: Operand; at: number }
  | { kind: 'alone'; operand: Operand; at: number }
  | { kind: 'call'; name: string };

export interface Condition {
  source: string;
  expression: Expression;
}
/** `position` is a 1-based column. */
export type ParsedCondition = { ok: true; condition: Condition } | { ok: false; position: number; message: string };
export type ConditionResult = { ok: true; value: boolean } | { ok: false; message: string };

/** A condition registered in code, which a lone name calls. */
export type NamedCondition = (scope: ReferenceScope) => boolean;

/** Parentheses and `not`s within each other: beyond any use, far below the stack's end. */
const MAX_DEPTH = 64;
const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
]);

interface Reader {
  tokens: readonly Token[];
  next: number;
  /** the column behind the last character, where something is missing */
  end: number;
  depth: number;
  names: Pick<ReadonlySet<string>, 'has'> | undefined;
}

const isWord = (token: Token | undefined, word: string): boolean => token?.kind === 'word' && token.word === word;

function readList(reader: Reader, word: 'or' | 'and', readTerm: (reader: Reader) => Expression): Expression {
  const first = readTerm(reader);
  const terms = [first];
  while (isWord(reader.tokens[reader.next], word)) {
    reader.next++;
    terms.push(readTerm(reader));
  }
  return terms.length === 1 ? first : { kind: word, terms };
}

const readOr = (reader: Reader): Expression => readList(reader, 'or', readAnd);
const readAnd = (reader: Reader): Expression => readList(reader, 'and', readNot);

function nested(reader: Reader, at: number, read: (reader: Reader) => Expression): Expression {
  if (reader.depth >= MAX_DEPTH)
    throw new ConditionSyntaxError(at, `parentheses and \`not\` may stand ${MAX_DEPTH} deep within each other, not deeper`);
  reader.depth++;
  const expression = read(reader);
  reader.depth--;
  return expression;
}

function readNot(reader: Reader): Expression {
  const token = reader.tokens[reader.next];
  if (token === undefined || !isWord(token, 'not')) return readComparison(reader);
  reader.next++;
  return { kind: 'not', term: nested(reader, token.at, readNot) };
}

function readComparison(reader: Reader): Expression {
  const token = reader.tokens[reader.next];
  if (token?.kind === '(') {
    reader.next++;
    const inner = nested(reader, token.at, readOr);
    const close = reader.tokens[reader.next++];
    if (close?.kind !== ')') throw new ConditionSyntaxError(close?.at ?? reader.end, `a ) must close the ( at column ${token.at} here`);
    refuseOperator(reader, 'what stands in parentheses is no value to compare');
    return inner;
  }
  const behind = reader.tokens[reader.next + 1];
  if (token?.kind === 'word' && !CONSTANTS.has(token.word) && behind?.kind !== 'operator') {
    reader.next++;
    return readCall(token.word, token.at, reader);
  }
  const left = readOperand(reader);
  const operator = reader.tokens[reader.next];
  if (operator?.kind !== 'operator') return { kind: 'alone', operand: left, at: token?.at ?? reader.end };
  reader.next++;
  const right = readOperand(reader);
  refuseOperator(reader, 'a comparison has one operator; join comparisons with and, or');
  return { kind: 'comparison', left, operator: operator.operator, right, at: operator.at };
}

function refuseOperator(reader: Reader, message: string): void {
  const token = reader.tokens[reader.next];
  if (token?.kind === 'operator') throw new ConditionSyntaxError(token.at, message);
}

function readCall(name: string, at: number, reader: Reader): Expression {
  if (name === 'and' || name === 'or') throw new ConditionSyntaxError(at, `a condition must stand before \`${name}\``);
  if (!reader.names?.has(name))
    throw new ConditionSyntaxError(at, `there is no condition named \`${name}\`; text goes in quotes, a value comes as {{...}}`);
  return { kind: 'call', name };
}

function readOperand(reader: Reader): Operand {
  const token = reader.tokens[reader.next++];
  if (token === undefined) throw new ConditionSyntaxError(reader.end, 'a value is missing at the end');
  if (token.kind === 'reference') return { kind: 'reference', reference: token.reference };
  if (token.kind === 'text') return { kind: 'text', parts: token.parts };
  if (token.kind === 'number') return { kind: 'number', digits: token.digits };
  if (token.kind === 'word') {
    const value = CONSTANTS.get(token.word);
    if (value === undefined)
      throw new ConditionSyntaxError(token.at, `\`${token.word}\` is no value; text goes in quotes: '${token.word}'`);
    return { kind: 'constant', value };
  }
  const got = token.kind === 'operator' ? token.operator : token.kind;
  throw new ConditionSyntaxError(token.at, `a value must stand here, not ${got}`);
}

/** Parses a condition. `names` are the conditions registered in code; a lone name that is not among them is an error. */
export function parseCondition(source: string, names?: Pick<ReadonlySet<string>, 'has'>): ParsedCondition {
  if (source.length > LIMITS.textLength) {
    const message = `a condition has at most ${LIMITS.textLength} characters, this one has ${source.length}`;
    return { ok: false, position: LIMITS.textLength + 1, message };
  }
  try {
    const reader: Reader = { tokens: tokenize(source), next: 0, end: source.length + 1, depth: 0, names };
    if (reader.tokens.length === 0) throw new ConditionSyntaxError(1, 'the condition is empty');
    const expression = readOr(reader);
    const rest = reader.tokens[reader.next];
    if (rest?.kind === ')') throw new ConditionSyntaxError(rest.at, 'this ) closes nothing');
    if (rest !== undefined) throw new ConditionSyntaxError(rest.at, 'expected and, or, or the end');
    return { ok: true, condition: { source, expression } };
  } catch (error) {
    if (error instanceof ConditionSyntaxError) return { ok: false, position: error.position, message: error.message };
    throw error;
  }
}

function operandReferences(operand: Operand): Reference[] {
  if (operand.kind === 'reference') return [operand.reference];
  return operand.kind === 'text' ? operand.parts.flatMap((part) => (part.kind === 'reference' ? [part.reference] : [])) : [];
}

/** Every reference in a condition, in order of appearance. */
export function conditionReferences({ expression }: Pick<Condition, 'expression'>): Reference[] {
  if (expression.kind === 'or' || expression.kind === 'and')
    return expression.terms.flatMap((term) => conditionReferences({ expression: term }));
  if (expression.kind === 'not') return conditionReferences({ expression: expression.term });
  if (expression.kind === 'comparison') return [...operandReferences(expression.left), ...operandReferences(expression.right)];
  return expression.kind === 'alone' ? operandReferences(expression.operand) : [];
}

/** Whether a condition calls one that is registered in code, which may read anything. */
export function callsNamedCondition({ expression }: Pick<Condition, 'expression'>): boolean {
  if (expression.kind === 'or' || expression.kind === 'and')
    return expression.terms.some((term) => callsNamedCondition({ expression: term }));
  if (expression.kind === 'not') return callsNamedCondition({ expression: expression.term });
  return expression.kind === 'call';
}

function operandValue(operand: Operand, scope: ReferenceScope): Value {
  if (operand.kind === 'reference') return fromJson(lookUp(operand.reference, scope));
  if (operand.kind === 'number') return { type: 'number', digits: operand.digits };
  if (operand.kind === 'constant') return fromJson(operand.value);
  const rendered = operand.parts.map((part) => (part.kind === 'reference' ? renderText(lookUp(part.reference, scope)) : part.text));
  return { type: 'text', value: rendered.join('') };
}

function compare(expression: Extract<Expression, { kind: 'comparison' }>, scope: ReferenceScope): boolean {
  const { operator, at } = expression;
  const left = operandValue(expression.left, scope);
  const right = operandValue(expression.right, scope);
  if (operator === '==') return equal(left, right);
  if (operator === '!=') return !equal(left, right);
  if (operator === 'contains') return contains(left, right, at);
  if (left.type === 'missing' || right.type === 'missing') return false;
  const sign = order(left, right, { operator, at });
  if (operator === '<') return sign < 0;
  if (operator === '<=') return sign <= 0;
  return operator === '>' ? sign > 0 : sign >= 0;
}

type Registry = ReadonlyMap<string, NamedCondition>;

function evaluate(expression: Expression, scope: ReferenceScope, registry: Registry | undefined): boolean {
  if (expression.kind === 'or') return expression.terms.some((term) => evaluate(term, scope, registry));
  if (expression.kind === 'and') return expression.terms.every((term) => evaluate(term, scope, registry));
  if (expression.kind === 'not') return !evaluate(expression.term, scope, registry);
  if (expression.kind === 'comparison') return compare(expression, scope);
  if (expression.kind === 'call') {
    const named = registry?.get(expression.name);
    if (named === undefined) throw new EvaluationError(`there is no condition named \`${expression.name}\` here`);
    return named(scope) === true;
  }
  const value = operandValue(expression.operand, scope);
  if (value.type === 'missing') return false;
  if (value.type === 'boolean') return value.value;
  throw new EvaluationError(`the value at column ${expression.at} stands alone and must be true or false, not ${described(value)}`);
}

/**
 * Whether a condition holds. `and` and `or` stop at the first term that decides. Not ok: a comparison of what can't be
 * compared, an operand alone that is no boolean, a name that the registry doesn't have.
 */
export function evaluateCondition(condition: Condition, scope: ReferenceScope, registry?: Registry): ConditionResult {
  try {
    return { ok: true, value: evaluate(condition.expression, scope, registry) };
  } catch (error) {
    if (error instanceof EvaluationError) return { ok: false, message: error.message };
    throw error;
  }
}
