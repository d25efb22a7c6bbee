import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readJsonLines } from './json-lines.ts';

test('a file that another process writes to is read up to the last whole line, and one that is not there has none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-lines-'));
  const file = join(folder, 'ledger.jsonl');
  const lines = [{ stepId: 'a' }, { stepId: 'ü' }];
  const text = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  try {
    expect(readJsonLines(file)).toEqual([]);
    for (let bytes = 0; bytes <= text.length; bytes++) {
      writeFileSync(file, text.subarray(0, bytes));
      const whole = text.subarray(0, bytes).filter((byte) => byte === 0x0a).length;
      expect(readJsonLines(file)).toEqual(lines.slice(0, whole));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
