/** Reading files in pieces: one buffer's worth in memory, however big the file. */
import type { FileHandle } from 'node:fs/promises';
import { throwIfAborted } from './tool.ts';

const PIECE_BYTES = 65_536;
/** As git does: a zero byte near the start makes a file binary. */
const BINARY_LOOK_BYTES = 8_000;

export const isBinary = (start: Uint8Array): boolean => start.subarray(0, BINARY_LOOK_BYTES).includes(0);

/** The bytes of a file from its start, at most `limit` of them. A piece is valid only until the next one is asked for. */
export async function* readPieces(file: FileHandle, signal: AbortSignal, limit = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, limit));
  let left = limit;
  while (left > 0) {
    throwIfAborted(signal);
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, left), null);
    if (bytesRead === 0) return;
    left -= bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** The first `limit` bytes of a file. */
export async function readStart(file: FileHandle, signal: AbortSignal, limit: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of readPieces(file, signal, limit)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}
