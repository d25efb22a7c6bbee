/** Patterns of names: `*` stands for any characters, also for none; everything else for itself. */

/** Whether a name fits. Takes no longer than the product of both lengths, whatever the pattern is. */
export function fitsPattern(name: string, pattern: string): boolean {
  let [at, inPattern] = [0, 0];
  // Where the last `*` stands, and up to where it has taken the name.
  let star: { inPattern: number; taken: number } | null = null;
  while (at < name.length) {
    if (pattern[inPattern] === '*') star = { inPattern: inPattern++, taken: at };
    else if (pattern[inPattern] === name[at]) {
      at++;
      inPattern++;
    } else if (star !== null) {
      star.taken++;
      at = star.taken;
      inPattern = star.inPattern + 1;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(inPattern));
}

export const fitsAny = (name: string, patterns: readonly string[]): boolean => patterns.some((pattern) => fitsPattern(name, pattern));
