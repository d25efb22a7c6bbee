/** A request as it is to be sent, and what came of it. */
export const KINDS = ['valid', 'mutated', 'text', 'headers', 'paths', 'bytes', 'agents', 'dashboard', 'streams'] as const;
export type Kind = (typeof KINDS)[number];

export interface Attempt {
  kind: Kind;
  method: string;
  /** with its query */
  path: string;
  headers: readonly (readonly [name: string, value: string])[];
  body: Buffer | null;
  /** sent as it is on a socket, instead of all the above */
  bytes?: Buffer;
  /** the client goes away: before anything came, or after the first of it */
  leaves?: 'at once' | 'after the first bytes';
  /** what it sends may cut the connection off before there is an answer */
  isBroken?: boolean;
}

export interface Answer {
  status: number;
  headers: Readonly<Record<string, string>>;
  text: string;
  /** whether the answer is there to its end */
  isWhole: boolean;
}

/** The answer; or that the client went away, as it was meant to; or what went wrong. */
export type Exchanged = { kind: 'answered'; answer: Answer } | { kind: 'left' } | { kind: 'broken'; why: string };

/** For whoever has to find out what happened. */
export function attemptText({ kind, method, path, headers, body, bytes }: Attempt): string {
  const sent = bytes ?? body;
  const shown = sent === null ? '' : `${sent.length} bytes: ${JSON.stringify(sent.toString('latin1').slice(0, 700))}`;
  const head = headers.filter(([name]) => name !== 'Authorization').map(([name, value]) => `${name}: ${value.slice(0, 100)}`);
  return bytes === undefined ? `${kind}: ${method} ${path.slice(0, 300)} [${head.join('; ')}] ${shown}` : `${kind}: ${shown}`;
}
