/** The duty `retention`: nothing grows for ever. */
import type { Leftovers } from '@countersign/store';
import { forgetLeftovers } from './forget-leftovers.ts';
import { type RemoveOptions, type RetentionRules, removeEnded } from './remove-ended.ts';

const FORGET_EVERY_MS = 3_600_000;

export interface RetentionOptions extends Omit<RemoveOptions, 'store' | 'rules'> {
  store: RemoveOptions['store'] & Leftovers;
  /** null: plans and tasks are kept for good */
  rules: RetentionRules | null;
}

/** What one tick does. Leftovers are looked for at the first one and then every hour: they come slowly. */
export function retention({ rules, ...options }: RetentionOptions): () => Promise<void> {
  let forgetAt = -Infinity;
  return async () => {
    if (rules !== null) await removeEnded({ ...options, rules });
    if (performance.now() < forgetAt) return;
    await forgetLeftovers(options);
    forgetAt = performance.now() + FORGET_EVERY_MS;
  };
}
