import { expect, test } from 'vitest';
import { capturedOutput } from './captured-output.ts';

const captured = (most: number, ...pieces: (string | Buffer)[]) => {
  const output = capturedOutput(most);
  for (const piece of pieces) output.add(Buffer.from(piece as string));
  return output;
};
const note = (bytes: number) => `\n[... ${bytes} bytes left out ...]\n`;

test.each([
  [[''], ''],
  [['abc'], 'abc'],
  [['abcde', 'fghij'], 'abcdefghij'],
  [['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'], 'abcdefghij'],
])('up to the limit all is kept: %j', (pieces, text) => expect(captured(10, ...pieces).text()).toEqual({ text, truncated: false }));

test.each([
  [['abcdefghijk'], `abcde${note(1)}ghijk`],
  [['abcdefgh', 'ijklmnop'], `abcde${note(6)}lmnop`],
  [Array.from({ length: 5_000 }, (_, at) => String(at % 10)), `01234${note(4_990)}56789`],
])('beyond it beginning and end are: %#', (pieces, text) => expect(captured(10, ...pieces).text()).toEqual({ text, truncated: true }));

test('a smaller limit can be asked for afterwards', () => {
  expect(captured(10, 'abcdefghij').text(4)).toEqual({ text: `ab${note(6)}ij`, truncated: true });
  expect(captured(10, 'abcdefghijklmnop').text(4)).toEqual({ text: `ab${note(12)}op`, truncated: true });
  expect(captured(10, 'abc').text(1)).toEqual({ text: note(3), truncated: true });
});

test('a character that a cut goes through is left out', () => {
  expect(captured(10, 'ääääääääää').text()).toEqual({ text: `ää${note(10)}ää`, truncated: true });
  expect(captured(10, Buffer.from('grüß'), Buffer.from([0xff])).text().text).toBe('grüß\uFFFD');
  expect(captured(10, Buffer.from([0xc3]), Buffer.from([0xa4])).text().text).toBe('ä');
});
