/** How the values in conditions compare. Types are JSON's and never turn into one another. */
import type { Operator } from './condition-tokens.ts';
import { compareDecimals } from './decimal.ts';
import { isObject, type Json } from './json.ts';

/** A value as conditions see it. A number is its decimal text, for a literal may hold more digits than a double. */
export type Value =
  | { type: 'missing' }
  | { type: 'null' }
  | { type: 'boolean'; value: boolean }
  | { type: 'number'; digits: string }
  | { type: 'text'; value: string }
  | { type: 'list'; value: readonly Json[] }
  | { type: 'object'; value: Record<string, unknown> };

/** A condition that has no truth value with these values. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}

export function fromJson(json: Json | undefined): Value {
  if (json === undefined) return { type: 'missing' };
  if (json === null) return { type: 'null' };
  if (typeof json === 'boolean') return { type: 'boolean', value: json };
  if (typeof json === 'number') return { type: 'number', digits: String(json) };
  if (typeof json === 'string') return { type: 'text', value: json };
  return isObject(json) ? { type: 'object', value: json } : { type: 'list', value: json };
}

const isNothing = ({ type }: Value): boolean => type === 'missing' || type === 'null';

/** Members and elements are compared from a list, not by recursion: what a tool gave may be nested deeper than the stack. */
export function equal(left: Value, right: Value): boolean {
  const pairs: [Value, Value][] = [[left, right]];
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const inner = equalOutside(...pair);
    if (inner === null) return false;
    for (const [one, other] of inner) pairs.push([fromJson(one), fromJson(other)]);
  }
  return true;
}

/** The pairs that must be equal for two values to be so; null when they differ already. */
function equalOutside(left: Value, right: Value): [Json, Json][] | null {
  if (left.type === 'list' && right.type === 'list') {
    const others = right.value;
    return left.value.length === others.length ? left.value.map((item, index) => [item, others[index] as Json]) : null;
  }
  if (left.type === 'object' && right.type === 'object') {
    const [members, others] = [left.value, right.value];
    const keys = Object.keys(members);
    if (keys.length !== Object.keys(others).length || !keys.every((key) => Object.hasOwn(others, key))) return null;
    return keys.map((key) => [members[key] as Json, others[key] as Json]);
  }
  return equalScalars(left, right) ? [] : null;
}

function equalScalars(left: Value, right: Value): boolean {
  if (left.type === 'missing') return isNothing(right) || (right.type === 'text' && right.value === '');
  if (right.type === 'missing') return equalScalars(right, left);
  if (left.type === 'number' && right.type === 'number') return compareDecimals(left.digits, right.digits) === 0;
  if (left.type === 'null' || right.type === 'null') return left.type === right.type;
  if (left.type === 'text') return right.type === 'text' && left.value === right.value;
  return left.type === 'boolean' && right.type === 'boolean' && left.value === right.value;
}

export const described = ({ type }: Value): string =>
  type === 'null'
    ? 'null'
    : type === 'missing'
      ? 'a missing value'
      : type === 'object'
        ? 'an object'
        : type === 'text'
          ? 'text'
          : `a ${type}`;

export function order(left: Value, right: Value, { operator, at }: { operator: Operator; at: number }): number {
  if (left.type === 'number' && right.type === 'number') return compareDecimals(left.digits, right.digits);
  // By UTF-16 code units, as JavaScript sorts text: the same on every machine.
  if (left.type === 'text' && right.type === 'text') return left.value < right.value ? -1 : left.value > right.value ? 1 : 0;
  throw new EvaluationError(
    `${operator} at column ${at} puts two numbers or two texts in order, not ${described(left)} and ${described(right)}`,
  );
}

export function contains(left: Value, right: Value, at: number): boolean {
  if (left.type === 'missing') return false;
  if (left.type === 'list') return right.type !== 'missing' && left.value.some((item) => equal(fromJson(item), right));
  if (left.type === 'text' && right.type === 'missing') return false;
  if (left.type === 'text' && right.type === 'text') return left.value.includes(right.value);
  throw new EvaluationError(
    `contains at column ${at} looks in a text for text or in a list, not in ${described(left)} for ${described(right)}`,
  );
}
