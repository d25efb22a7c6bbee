/** Reading a file that somebody may be writing: half of one can be a whole document, too. */

/** Readings after which it is given up for now. */
const MOST = 20;

/**
 * Reads until two readings in a row have the same text; at once where the first one has the text that is known. Null where the
 * text goes on changing.
 */
export async function settledReading<Reading extends { text: string | null }>(
  read: () => Promise<Reading>,
  { known, pause }: { known: string | null; pause: () => Promise<unknown> },
): Promise<Reading | null> {
  let last = await read();
  if (last.text === known) return last;
  for (let count = 1; count < MOST; count++) {
    await pause();
    const next = await read();
    if (next.text === last.text) return next;
    last = next;
  }
  return null;
}
