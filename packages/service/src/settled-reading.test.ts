import { expect, test } from 'vitest';
import { settledReading } from './settled-reading.ts';

async function settled(texts: (string | null)[], known: string | null = 'known'): Promise<[string | null | undefined, number]> {
  let count = 0;
  const read = async () => ({ text: texts[Math.min(count++, texts.length - 1)] ?? null });
  const reading = await settledReading(read, { known, pause: async () => {} });
  return [reading?.text, count];
}

test.each<[string, (string | null)[], string | null | undefined, number]>([
  ['is as it was', ['known'], 'known', 1],
  ['has changed and rests', ['new', 'new'], 'new', 2],
  ['is half written', ['rules: [a]', 'rules: [a, b]', 'rules: [a, b, c]', 'rules: [a, b, c]'], 'rules: [a, b, c]', 4],
  ['is emptied before it is written', ['', 'new', 'new'], 'new', 3],
  ['is gone', [null, null], null, 2],
  ['is written back as it was', ['half', 'known', 'known'], 'known', 3],
])('a file that %s', async (_what, texts, text, readings) => {
  expect(await settled(texts)).toEqual([text, readings]);
});

test('a file that never rests is not taken', async () => {
  const texts = Array.from({ length: 100 }, (_, count) => `rules: ${count}`);
  expect(await settled(texts)).toEqual([undefined, 20]);
});
