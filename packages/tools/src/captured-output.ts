/** What a command writes, kept within a limit: its beginning and its end, which is where results and errors are. */

export interface CapturedOutput {
  add(piece: Buffer): void;
  /** As text of at most `limit` bytes and a line that says what is missing between beginning and end. */
  text(limit?: number): { text: string; truncated: boolean };
}

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** The text of bytes that may begin and end within a character: what is cut through is left out. */
function textWithin(bytes: Buffer, { cutStart, cutEnd }: { cutStart: boolean; cutEnd: boolean }): string {
  let start = 0;
  while (cutStart && start < 3 && isContinuation(bytes[start])) start++;
  return new TextDecoder().decode(bytes.subarray(start), { stream: cutEnd });
}

/** `most` is the limit in bytes up to which pieces are kept at all. */
export function capturedOutput(most: number): CapturedOutput {
  const half = Math.ceil(most / 2);
  const head: Buffer[] = [];
  let tail: Buffer[] = [];
  let [headBytes, tailBytes, total] = [0, 0, 0];
  return {
    add(piece) {
      total += piece.length;
      const room = half - headBytes;
      if (room > 0) {
        head.push(Buffer.from(piece.subarray(0, room)));
        headBytes += Math.min(room, piece.length);
      }
      if (piece.length <= room) return;
      const rest = Buffer.from(piece.subarray(Math.max(room, 0)).subarray(-half));
      tail.push(rest);
      tailBytes += rest.length;
      // Joined now and then, so that neither many small pieces nor a copy for each of them cost much.
      if (tailBytes > 2 * half || tail.length > 1_000) {
        tail = [Buffer.concat(tail).subarray(-half)];
        tailBytes = Math.min(tailBytes, half);
      }
    },
    text(limit = most) {
      const start = Buffer.concat(head);
      const end = Buffer.concat(tail).subarray(-half);
      if (total <= limit && total === start.length + end.length) {
        return { text: textWithin(Buffer.concat([start, end]), { cutStart: false, cutEnd: false }), truncated: false };
      }
      const each = Math.floor(limit / 2);
      const both = total === start.length + end.length ? Buffer.concat([start, end]) : null;
      const first = (both ?? start).subarray(0, each);
      const last = each === 0 ? Buffer.alloc(0) : (both ?? end).subarray(-each);
      const missing = total - first.length - last.length;
      const note = `\n[... ${missing} bytes left out ...]\n`;
      return {
        text: `${textWithin(first, { cutStart: false, cutEnd: true })}${note}${textWithin(last, { cutStart: true, cutEnd: false })}`,
        truncated: true,
      };
    },
  };
}
