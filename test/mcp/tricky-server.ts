/** The MCP server of test/fixtures/mcp for a test: its folder, what it is told, what it wrote down. */
import { mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@countersign/shared';
import { readJsonLines } from '../json-lines.ts';
import { removeFolder } from '../remove-folder.ts';

const TRICKY_MAIN = fileURLToPath(new URL('../fixtures/mcp/tricky-server.mjs', import.meta.url));

export interface TrickyLine {
  what: 'started' | 'listed' | 'called' | 'cancelled' | 'terminated';
  pid: number;
  name?: string;
  input?: JsonObject;
  key?: string;
}

export const listed = (name: string, more: JsonObject = {}): JsonObject => ({
  name,
  description: `Does ${name}.`,
  inputSchema: { type: 'object' },
  ...more,
});

/** Owns the folder; `close` removes it. */
export class TrickyFolder {
  readonly folder = mkdtempSync(join(tmpdir(), 'countersign-tricky-'));

  constructor(...tools: JsonObject[]) {
    this.list(...tools);
  }

  /** What it lists from now on. */
  list(...tools: JsonObject[]): void {
    // Whole or not at all: it is read at any time.
    writeFileSync(join(this.folder, 'next.json'), JSON.stringify(tools));
    renameSync(join(this.folder, 'next.json'), join(this.folder, 'listing.json'));
  }

  release(): void {
    writeFileSync(join(this.folder, 'release'), '');
  }

  ledger(what?: TrickyLine['what']): TrickyLine[] {
    return readJsonLines<TrickyLine>(join(this.folder, 'ledger.jsonl')).filter((line) => what === undefined || line.what === what);
  }

  /** the processes that were ever started */
  pids(): number[] {
    return this.ledger('started').map(({ pid }) => pid);
  }

  /** As MCP_CONFIG has it. */
  config(more: { env?: Record<string, string>; countersign?: JsonObject } = {}): JsonObject {
    const { env = {}, countersign = {} } = more;
    return { command: process.execPath, args: [TRICKY_MAIN], env: { TRICKY_FOLDER: this.folder, ...env }, countersign };
  }

  close(): void {
    removeFolder(this.folder);
  }
}

/** The processes that a process has started and that are still there. */
export const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

/** Whether a process is there; one that has ended and waits for its parent is not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
