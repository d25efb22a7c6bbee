/** What is found out about a credential. */
import type { Actor } from '@countersign/shared';

export type Verdict =
  | { word: 'known'; actor: Actor }
  /** it is nobody's, or no longer; `why` is for the log, never for the caller */
  | { word: 'wrong'; why: string }
  /** it could not be checked */
  | { word: 'unavailable'; why: string };
