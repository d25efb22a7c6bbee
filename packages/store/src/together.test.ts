import { expect, test } from 'vitest';
import { together } from './together.ts';

async function* give(...items: string[]): AsyncGenerator<string> {
  yield* items;
}

async function* failAfter(...items: string[]): AsyncGenerator<string> {
  yield* items;
  throw new Error('away');
}

async function collect(sources: AsyncIterable<string>[]): Promise<{ items: string[]; fault: unknown }> {
  const items: string[] = [];
  try {
    for await (const item of together(sources)) items.push(item);
  } catch (fault) {
    return { items: items.sort(), fault };
  }
  return { items: items.sort(), fault: null };
}

test('gives what all sources give, those that have nothing too', async () => {
  expect(await collect([give('a', 'b', 'c'), give(), give('d')])).toEqual({ items: ['a', 'b', 'c', 'd'], fault: null });
});

test('a source that waits holds up nobody', async () => {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  async function* late(): AsyncGenerator<string> {
    await opened;
    yield 'late';
  }
  const items: string[] = [];
  for await (const item of together([late(), give('a', 'b')])) {
    items.push(item);
    if (items.length === 2) open();
  }
  expect(items).toEqual(['a', 'b', 'late']);
});

test('a source that fails ends none of the others, and is told of in the end', async () => {
  expect(await collect([failAfter('a'), give('b', 'c'), failAfter()])).toEqual({
    items: ['a', 'b', 'c'],
    fault: expect.objectContaining({ message: 'away' }),
  });
});

test('whoever stops early ends the sources', async () => {
  const ended: string[] = [];
  async function* endless(name: string): AsyncGenerator<string> {
    try {
      for (;;) yield name;
    } finally {
      ended.push(name);
    }
  }
  for await (const _item of together([endless('a'), endless('b')])) break;
  await expect.poll(() => [...ended].sort()).toEqual(['a', 'b']);
});
