/** Chance that can be had again: the same seed gives the same choices. */
export interface Random {
  /** from 0 to 1, without 1 */
  fraction(): number;
  /** a whole number from `low` to `high`, both included */
  between(low: number, high: number): number;
  /** whether something of this probability happens */
  chance(probability: number): boolean;
  pick<Value>(values: readonly Value[]): Value;
  /** Picks by weight. */
  weighted<Value>(choices: readonly (readonly [weight: number, value: Value])[]): Value;
  shuffled<Value>(values: readonly Value[]): Value[];
  /** Chance of its own for one part, which draws nothing from this one: parts can change without changing the others. */
  fork(name: string): Random;
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return hash | 0;
}

export function seededRandom(seed: number): Random {
  const fraction = randomFrom(seed);
  const between = (low: number, high: number): number => low + Math.floor(fraction() * (high - low + 1));
  const pick = <Value>(values: readonly Value[]): Value => {
    if (values.length === 0) throw new Error('there is nothing to pick from');
    return values[between(0, values.length - 1)] as Value;
  };
  return {
    fraction,
    between,
    chance: (probability) => fraction() < probability,
    pick,
    weighted(choices) {
      let left = fraction() * choices.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, value] of choices) {
        left -= weight;
        if (left < 0) return value;
      }
      return pick(choices)[1];
    },
    shuffled(values) {
      const left = [...values];
      for (let at = left.length - 1; at > 0; at--) {
        const other = between(0, at);
        [left[at], left[other]] = [left[other] as (typeof left)[number], left[at] as (typeof left)[number]];
      }
      return left;
    },
    fork: (name) => seededRandom(seed ^ hashOf(name)),
  };
}
