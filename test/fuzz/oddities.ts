/** Values that programs trip over: of every type, and texts of every language that this product reads. */
import type { Random } from '../random.ts';

const TEMPLATES = [
  '{{}}',
  '{{',
  '}}{{',
  '{{{{a}}}}',
  '{{a.b.c}}',
  '{{input}}',
  '{{input.__proto__.polluted}}',
  '{{input["constructor"]["prototype"]}}',
  '{{task.id}}{{task.secret}}',
  '{{s0.output.x[0][1]["y"]}}',
  '{{s0.output..x}}',
  '{{s0.approval.data}}',
  '{{item}}{{index}}',
  '\\{{input.a}}',
  '{{ input . a }}',
  '{{input[99999999999999999999]}}',
  `{{${'a.'.repeat(500)}b}}`,
  `${'{{input.a}}'.repeat(200)}`,
  '{{secrets.PASSWORD}}',
];
const CONDITIONS = [
  '1 == 1 and',
  '((((1 == 1',
  'not not not true',
  "'a' contains",
  '{{input.a}} > {{s0.output}}',
  '1e400 > 2',
  '-9007199254740993 == -9007199254740992',
  `${'('.repeat(2_000)}true${')'.repeat(2_000)}`,
  `${'not '.repeat(2_000)}true`,
  `1 == 1${' and 1 == 1'.repeat(500)}`,
  'is_there_such_a_condition',
  "'unclosed == 1",
];
const QUERIES = [
  '$.a.b[',
  '$eval("1+1")',
  '($f := function($x){ $f($x + 1) }; $f(0))',
  '[1..9999999]',
  '$map([1..1000], function($x){ $string($x) })',
  '$match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /(a+)+$/)',
  '$constructor',
  '__proto__.polluted := 1',
  '$sum(x) ~> $string',
  '$error("out")',
  '**',
];
const PATTERNS = ['(', '[', '(?<name', '(a+)+$', '\\', '(?=a)', '\\p{Greek}', 'a{99999999}', '[z-a]', '(?:(?:(?:a)*)*)*', '^$', '.*.*.*x'];
/** Names that nobody can look up, and addresses of this machine: whatever becomes of them, nothing leaves it. */
const URLS = [
  'http://',
  'http://[::1',
  'http://127.0.0.1:99999/',
  'http://127.1/',
  'http://0x7f.1/',
  'http://user:pass@127.0.0.1:1/',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'gopher://127.0.0.1:1/',
  'http://a.invalid/',
  `http://a.invalid/${'x'.repeat(3_000)}`,
  '//a.invalid',
  'http://\u0000.invalid/',
  'ws://127.0.0.1:1',
];
const PATHS = [
  '..',
  '../../etc/passwd',
  '/etc/passwd',
  '.',
  '',
  'a\u0000b',
  'a'.repeat(5_000),
  '....//....//',
  'C:\\x',
  '%2e%2e%2f',
  '~',
  'a//b/./c',
];
const TIMES = [
  '* * * * *',
  '2026-02-30T00:00:00Z',
  '9999999-01-01T00:00:00Z',
  '2026-01-01',
  '-1',
  'now',
  '1970-01-01T00:00:00+99:99',
  '24:61',
];
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'then', 'length', 'null', 'true', '0', '-1', 'NaN'];
const TEXTS = [
  '',
  ' ',
  '\t\r\n',
  '\u0000',
  'a\u0000b',
  '\u202e\u200b\ufeff',
  '\u{1f680}\u{1f469}\u200d\u{1f680}',
  '\u0301'.repeat(300),
  'İıſK',
  '<script>alert(1)</script>',
  "'; DROP TABLE plans; --",
  '$(id)',
  '%s%s%n%x',
  '{"a":1}',
  '[]',
  '$&$1$`',
  '\u001b[31m',
  '`|`\n# heading',
  'x'.repeat(10_000),
  'x'.repeat(10_001),
  'é'.repeat(9_999),
  'NaN',
  'Infinity',
  '1e999',
];
/** Numbers as JSON writes them. */
const NUMBERS = [0, -0, -1, 1, 2, 63, 64, 255, 9_999, 10_000, 10_001, 2_147_483_647, 2_147_483_648, 4_294_967_296, -2_147_483_649];
const FRACTIONS = [0.1, -0.5, 1e-7, 5e-324, 1.7976931348623157e308, 9_007_199_254_740_991, 1e21, 3.0000000000000004];

const FAMILIES = [TEMPLATES, CONDITIONS, QUERIES, PATTERNS, URLS, PATHS, TIMES, NAMES, TEXTS] as const;

export const oddText = (random: Random): string => random.pick<string>(random.pick(FAMILIES));
export const oddUrl = (random: Random): string => random.pick(URLS);
export const oddName = (random: Random): string => random.pick([...NAMES, ...PATHS]);
const oddNumber = (random: Random): number => random.pick(random.chance(0.6) ? NUMBERS : FRACTIONS);
export const oddTemplate = (random: Random): string => random.pick(TEMPLATES);
export const oddCondition = (random: Random): string => random.pick(CONDITIONS);
export const oddQuery = (random: Random): string => random.pick(QUERIES);

/** Any bytes. */
export const oddBytes = (random: Random, length: number): Buffer => Buffer.from(Array.from({ length }, () => random.between(0, 255)));

function nested(depth: number, random: Random): unknown {
  let value: unknown = random.pick([1, 'x', null, {}]);
  const isList = random.chance(0.5);
  for (let level = 0; level < depth; level++) value = isList ? [value] : { a: value };
  return value;
}

/** A value of any type, which may be large where `large` says so. */
export function oddValue(random: Random, { large = false }: { large?: boolean } = {}): unknown {
  const kinds: readonly (readonly [number, () => unknown])[] = [
    [5, () => oddText(random)],
    [3, () => oddNumber(random)],
    [1, () => null],
    [1, () => random.chance(0.5)],
    [1, () => ({})],
    [1, () => []],
    [1, () => ({ [oddName(random)]: oddText(random) })],
    [1, () => Array.from({ length: random.between(1, 5) }, () => oddText(random))],
    [1, () => nested(random.pick([3, 30, 62, 70, 1_000]), random)],
    [large ? 2 : 0, () => Array.from({ length: 100_000 }, (_, at) => at)],
    [large ? 1 : 0, () => Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`k${at}`, at]))],
    [large ? 2 : 0, () => 'long '.repeat(random.pick([40_000, 250_000]))],
  ];
  return random.weighted(kinds)();
}
