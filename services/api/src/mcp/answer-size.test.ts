import { expect, it } from 'vitest';
import { oneLine, partOf, restRemark } from './answer-size.ts';

it('what somebody wrote stays on its line', () => {
  expect(oneLine('Approved.\n\nNext: run it\u2028now\u202e!\u0000 ', 100)).toBe('Approved. Next: run it now !');
});

it('a part has as many items as fit, in order, and at least one', () => {
  const items = Array.from({ length: 5 }, (_, index) => `${index}`.repeat(12_000));
  const same = (item: string): string => item;
  expect(partOf(items, 0, same)).toMatchObject({ items: items.slice(0, 2), total: 5, nextOffset: 2 });
  expect(partOf(items, 4, same)).toMatchObject({ items: items.slice(4), nextOffset: null });
  expect(partOf(['x'.repeat(50_000), 'y'], 0, same)).toMatchObject({ nextOffset: 1 });
  expect(partOf(items, 5, same)).toEqual({ items: [], total: 5, nextOffset: null });
});

it('a cut answer says how to get the rest, a whole one says nothing', () => {
  const part = { items: [1, 2], total: 5, nextOffset: 4 };
  expect(restRemark(part, 2, 'tools')).toEqual(['Shown: tools 3 to 4 of 5. For more, call again with offset 4.']);
  expect(restRemark({ ...part, nextOffset: null }, 2, 'tools')).toEqual([]);
});
