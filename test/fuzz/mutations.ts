/** What becomes of a value, or of its text, that was right before. */
import type { Random } from '../random.ts';
import { oddBytes, oddName, oddText, oddValue } from './oddities.ts';

type Holder = Record<string, unknown> | unknown[];

/** Every place of a value that holds another one. */
function placesIn(value: unknown, places: { holder: Holder; key: string | number }[] = []): { holder: Holder; key: string | number }[] {
  if (Array.isArray(value)) {
    for (const [key, inner] of value.entries()) {
      places.push({ holder: value, key });
      placesIn(inner, places);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      places.push({ holder: value as Record<string, unknown>, key });
      placesIn(inner, places);
    }
  }
  return places;
}

/** Sets also what an assignment would take for something else, like `__proto__`. */
function put(holder: Holder, key: string | number, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function remove(holder: Holder, key: string | number): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
}

/** One place is changed. Gives what the whole is then, which may be something else altogether. */
function mutatedOnce(value: unknown, random: Random, large: boolean): unknown {
  const places = placesIn(value);
  if (places.length === 0 || random.chance(0.03)) return oddValue(random, { large });
  const { holder, key } = random.pick(places);
  const inner = (holder as Record<string | number, unknown>)[key];
  const changes: readonly (readonly [number, () => void])[] = [
    [6, () => put(holder, key, oddValue(random, { large }))],
    [3, () => remove(holder, key)],
    [2, () => put(holder, Array.isArray(holder) ? holder.length : oddName(random), oddValue(random))],
    [2, () => put(holder, Array.isArray(holder) ? holder.length : `${key}_`, structuredClone(inner))],
    [2, () => put(holder, key, typeof inner === 'string' ? inner + oddText(random) : [inner])],
    [2, () => put(holder, key, typeof inner === 'string' ? bent(inner, random) : { [key]: inner })],
    [2, () => put(holder, key, typeof inner === 'number' ? inner * random.pick([-1, 0, 1e6, 0.5]) : String(inner))],
    // Another value of the same whole: an id where a digest should be, a step that depends on itself.
    [3, () => put(holder, key, structuredClone(valueAt(random.pick(places))))],
  ];
  random.weighted(changes)();
  return value;
}

const valueAt = ({ holder, key }: { holder: Holder; key: string | number }): unknown => (holder as Record<string | number, unknown>)[key];

/** A text with one character more, less, or another one. */
export function bent(text: string, random: Random): string {
  const at = random.between(0, text.length);
  const character = random.pick(['0', 'f', 'A', '_', '.', ' ', '\u0000', 'é', '"']);
  return random.pick([
    text.slice(0, at) + character + text.slice(at + 1),
    text.slice(0, at) + text.slice(at + 1),
    text.slice(0, at) + character + text.slice(at),
    text.toUpperCase(),
    text + text,
  ]);
}

/** Up to four places of a copy are changed. */
export function mutated(value: unknown, random: Random, { large = false }: { large?: boolean } = {}): unknown {
  let copy: unknown = structuredClone(value);
  const times = random.between(1, 4);
  for (let time = 0; time < times; time++) copy = mutatedOnce(copy, random, large);
  return copy;
}

/** Texts that JSON.stringify never writes: what two readers may read differently, and what none should. */
const INSERTS = [
  ...['NaN', 'Infinity', '-', '1e999', '01', '.5', '0x10', '1_000', 'undefined', "'a'", '`'],
  ...[
    ',',
    ',,',
    ':',
    '{',
    '}',
    '[',
    ']',
    '//',
    '/* */',
    '\u0000',
    '\ufeff',
    '\u2028',
    '\\',
    '\\u',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\x41"',
  ],
  ...['"__proto__":{"polluted":true},', '"objective":"twice","objective":"twice",', '"a\\u0000":1,', `${'['.repeat(5_000)}`],
];

/** The text of a body that was JSON. */
export function mutatedText(text: string, random: Random): Buffer {
  const at = random.between(0, text.length);
  const insert = random.pick(INSERTS);
  const bytes = Buffer.from(text);
  const ways: readonly (readonly [number, () => Buffer])[] = [
    [3, () => Buffer.from(text.slice(0, at))],
    [4, () => Buffer.from(text.slice(0, at) + insert + text.slice(at))],
    [3, () => Buffer.from(text.replace(/[:,[]/, (found) => found + insert))],
    [2, () => Buffer.from(text + random.pick([text, ' x', '\n{}', '\u0000']))],
    [2, () => Buffer.concat([bytes.subarray(0, at), oddBytes(random, random.between(1, 6)), bytes.subarray(at)])],
    [1, () => oddBytes(random, random.between(1, 400))],
    [1, () => Buffer.from(text, 'utf16le')],
    [1, () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes])],
    [1, () => Buffer.alloc(0)],
  ];
  return random.weighted(ways)();
}
