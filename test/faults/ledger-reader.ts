/** Reads the ledger as it grows. */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import type { LedgerLine } from './observed.ts';

const PIECE = 1_048_576;

export class LedgerReader {
  readonly file: string;
  readonly lines: LedgerLine[] = [];
  readonly #starts = new Map<string, number>();
  readonly #open = new Map<string, LedgerLine>();
  #read = 0;
  #rest = '';

  constructor(file: string) {
    this.file = file;
  }

  /** Reads what has come since. */
  refresh(): void {
    if (!existsSync(this.file)) return;
    const handle = openSync(this.file, 'r');
    try {
      const buffer = Buffer.alloc(PIECE);
      for (let bytes = readSync(handle, buffer, 0, PIECE, this.#read); bytes > 0; bytes = readSync(handle, buffer, 0, PIECE, this.#read)) {
        this.#read += bytes;
        this.#take(buffer.toString('utf8', 0, bytes));
      }
    } finally {
      closeSync(handle);
    }
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) {
      const line = JSON.parse(part) as LedgerLine;
      this.lines.push(line);
      if (line.what === 'start') {
        this.#starts.set(line.planId, (this.#starts.get(line.planId) ?? 0) + 1);
        this.#open.set(line.call, line);
      } else this.#open.delete(line.call);
    }
  }

  /** How many calls were made for a plan. */
  startsOf(planId: string): number {
    return this.#starts.get(planId) ?? 0;
  }

  /** The calls of a process that have not come to their end. */
  openCallsOf(pid: number): LedgerLine[] {
    return [...this.#open.values()].filter((line) => line.pid === pid);
  }
}
