/** Decimal numbers compared by their digits, so that no two different numbers ever count as equal. */

/** A number as JSON writes it. */
export const JSON_NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

interface Decimal {
  sign: -1 | 0 | 1;
  /** without zeros at either end; the value is 0.DIGITS times 10 to the power of `exponent` */
  digits: string;
  /** a bigint, for an author can write any exponent */
  exponent: bigint;
}

function readDecimal(text: string): Decimal {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const all = whole + fraction;
  let first = 0;
  while (all[first] === '0') first++;
  let last = all.length;
  while (last > first && all[last - 1] === '0') last--;
  const digits = all.slice(first, last);
  if (digits === '') return { sign: 0, digits, exponent: 0n };
  return { sign: mantissa.startsWith('-') ? -1 : 1, digits, exponent: BigInt(power.replace('+', '')) + BigInt(whole.length - first) };
}

/** -1, 0 or 1 as the first number is less than, equal to or greater than the second. Both are texts of JSON numbers. */
export function compareDecimals(left: string, right: string): number {
  const [a, b] = [readDecimal(left), readDecimal(right)];
  if (a.sign !== b.sign) return a.sign < b.sign ? -1 : 1;
  if (a.exponent !== b.exponent) return a.exponent < b.exponent ? -a.sign : a.sign;
  // Behind the same exponent, texts of digits stand in the order of the numbers.
  if (a.digits === b.digits) return 0;
  return a.digits < b.digits ? -a.sign : a.sign;
}
