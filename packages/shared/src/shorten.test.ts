import { expect, it } from 'vitest';
import { shorten } from './shorten.ts';

it('text is cut to its length, never through a character', () => {
  const text = 'aä😀'.repeat(10);
  for (let length = 1; length < text.length; length++) {
    const cut = shorten(text, length);
    // Half of a pair is written as another character.
    expect(Buffer.from(cut).toString(), String(length)).toBe(cut);
    expect(cut.endsWith('…')).toBe(true);
    expect([length - 1, length]).toContain(cut.length);
  }
  expect(shorten(text, text.length)).toBe(text);
});
