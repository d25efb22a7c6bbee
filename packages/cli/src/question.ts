/** Asks a person on the terminal. */
import { createInterface } from 'node:readline/promises';

export interface Asker {
  /** The answer; '' when the input has ended. */
  ask(question: string): Promise<string>;
  confirm(question: string): Promise<boolean>;
}

/** null where nobody can be asked: input or output is no terminal. */
export function openAsker(options: { signal: AbortSignal; interrupt(): void }): Asker | null {
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) return null;
  const ask = async (question: string): Promise<string> => {
    const lines = createInterface({ input: process.stdin, output: process.stdout });
    lines.on('SIGINT', options.interrupt);
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('\n')));
    try {
      const answer = await Promise.race([lines.question(question, { signal: options.signal }), ended]);
      // An input that ends leaves the cursor behind the question.
      if (answer === '\n') process.stdout.write(answer);
      return answer.trim();
    } finally {
      lines.close();
    }
  };
  return { ask, confirm: async (question) => /^(y|yes)$/i.test(await ask(`${question} [y/N] `)) };
}
