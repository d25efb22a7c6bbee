/** Reads the ledger as it grows. */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import type { LedgerLine } from './observed.ts';

const PIECE = 1_048_576;

export class LedgerReader {
  readonly file: string;
  readonly lines: LedgerLine[] = [];
  readonly #starts = new Map<string, number>();
  #read = 0;
  #rest = '';

  constructor(file: string) {
    this.file = file;
  }

  /** Reads what has come since; returns all lines. */
  refresh(): readonly LedgerLine[] {
    if (!existsSync(this.file)) return this.lines;
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
    return this.lines;
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) {
      const line = JSON.parse(part) as LedgerLine;
      this.lines.push(line);
      if (line.what === 'start') this.#starts.set(line.planId, (this.#starts.get(line.planId) ?? 0) + 1);
    }
  }

  /** How many calls were made for a plan. */
  startsOf(planId: string): number {
    return this.#starts.get(planId) ?? 0;
  }
}
