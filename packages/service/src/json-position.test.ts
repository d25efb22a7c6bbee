import { describe, expect, it } from 'vitest';
import { jsonErrorOffset, lineAndColumn } from './json-position.ts';

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('where a text stops being JSON', () => {
  it.each([
    ['', 0],
    ['abc', 0],
    ['{', 1],
    ['{"a":}', 5],
    ['[1,]', 3],
    ['{"a":1,}', 7],
    ['{"a":1}x', 7],
    ['"abc', 4],
    ['tru', 0],
    ['{"a" 1}', 5],
    ['[1 2]', 3],
    ['{"a":"\\u12"}', 6],
    ['{"a":"line\nbreak"}', 10],
    ['01', 1],
    ['[-]', 1],
    ["{'a':1}", 1],
    ['\ufeff{}', 0],
  ])('%j: at %i', (text, offset) => {
    expect(jsonErrorOffset(text)).toBe(offset);
    expect(isJson(text)).toBe(false);
  });

  it('finds nothing wrong exactly where the engine does not', () => {
    const seeds = ['{"a":[1,2.5e-3,{"b":null}],"c":"\\u00e9\\n \u{1F600}"," ":[true,false,[]]}', '[{},[[]],"x",-0,1E5]', '"text"', ' 12 '];
    const alphabet = '{}[]",:\\u0e1-+. \ntrfnlase';
    let random = 7;
    const next = (below: number): number => {
      random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
      return random % below;
    };
    for (let round = 0; round < 20_000; round++) {
      let text = seeds[next(seeds.length)] as string;
      for (let change = next(4); change > 0; change--) {
        const at = next(text.length + 1);
        text = text.slice(0, at) + (next(2) === 0 ? alphabet[next(alphabet.length)] : '') + text.slice(at + next(2));
      }
      expect(jsonErrorOffset(text) === null, JSON.stringify(text)).toBe(isJson(text));
    }
  });

  it('reads what is long and deep', () => {
    expect(jsonErrorOffset(`["${'a'.repeat(4_000_000)}"`)).toBe(4_000_003);
    expect(jsonErrorOffset('['.repeat(1_000_000))).toBe(1_000_000);
  });

  it('counts lines and columns from 1', () => {
    expect(lineAndColumn('{\n  "a": ?\n}', 9)).toEqual({ line: 2, column: 8 });
    expect(lineAndColumn('', 0)).toEqual({ line: 1, column: 1 });
  });
});
