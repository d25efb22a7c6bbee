/** What several sources give, as it comes. A source that fails doesn't end the others; its fault is thrown once they are done. */
export async function* together<Item>(sources: readonly AsyncIterable<Item>[]): AsyncGenerator<Item> {
  type Turn = { from: AsyncIterator<Item> } & ({ result: IteratorResult<Item> } | { fault: unknown });
  const next = (from: AsyncIterator<Item>): Promise<Turn> =>
    from.next().then(
      (result) => ({ from, result }),
      (fault: unknown) => ({ from, fault }),
    );
  const turns = new Map<AsyncIterator<Item>, Promise<Turn>>();
  for (const source of sources) {
    const iterator = source[Symbol.asyncIterator]();
    turns.set(iterator, next(iterator));
  }
  const faults: unknown[] = [];
  try {
    while (turns.size > 0) {
      const turn = await Promise.race(turns.values());
      if ('fault' in turn) faults.push(turn.fault);
      if ('fault' in turn || turn.result.done) {
        turns.delete(turn.from);
        continue;
      }
      turns.set(turn.from, next(turn.from));
      yield turn.result.value;
    }
  } finally {
    for (const iterator of turns.keys()) void iterator.return?.(undefined);
  }
  if (faults.length > 0) throw faults[0];
}
