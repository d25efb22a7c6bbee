/** Answers that are good for a moment. */

/** Reads at most once in `forMs`, however many ask; a failure is not remembered. `now` gives ms. */
export function remembering<Value>(
  read: () => Promise<Value>,
  { forMs, now = () => performance.now() }: { forMs: number; now?: () => number },
): () => Promise<Value> {
  let remembered: { value: Promise<Value>; until: number } | null = null;
  return () => {
    if (remembered !== null && now() < remembered.until) return remembered.value;
    const value = read();
    const entry = { value, until: now() + forMs };
    remembered = entry;
    value.catch(() => {
      if (remembered === entry) remembered = null;
    });
    return value;
  };
}
