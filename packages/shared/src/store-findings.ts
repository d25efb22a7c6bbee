/** What can be wrong with the Redis that the store lies in while it is used, each in a word: in the log, and as a label of metrics. */
export const STORE_FINDINGS = [
  /** it does not hold the store that a process began with */
  'replaced',
  /** it drops keys when memory runs short */
  'eviction',
  /** it has no append-only file */
  'persistence',
  /** it cannot write that file */
  'write_errors',
  /** it is nearly full */
  'memory',
  /** it is a read-only replica */
  'replica',
  /** it is too old */
  'version',
  /** it does not let itself be looked at */
  'unreadable',
] as const;

export type StoreFindingCode = (typeof STORE_FINDINGS)[number];
