/**
 * Identifiers. A task is `tsk_...`, a plan is `pln_...`: a prefix, 9 characters of time (milliseconds, so that ids sort
 * by age) and 13 of randomness, in Crockford's base 32. No id holds a ':', because BullMQ joins its keys with it.
 */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_LENGTH = 9;
const RANDOM_LENGTH = 13;

export type IdPrefix = 'tsk' | 'pln';

const randomBytes = (length: number): Uint8Array => globalThis.crypto.getRandomValues(new Uint8Array(length));

/** Makes a new id. `now` is in milliseconds; `random` returns that many random bytes. */
export function newId(prefix: IdPrefix, now: number = Date.now(), random: (length: number) => Uint8Array = randomBytes): string {
  let time = '';
  let rest = now;
  for (let i = 0; i < TIME_LENGTH; i++) {
    time = ALPHABET[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  let tail = '';
  for (const byte of random(RANDOM_LENGTH)) tail += ALPHABET[byte % 32];
  return `${prefix}_${time}${tail}`;
}

export const TASK_ID = /^tsk_[0-9a-hjkmnp-tv-z]{22}$/;
export const PLAN_ID = /^pln_[0-9a-hjkmnp-tv-z]{22}$/;
export const STEP_ID = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
/** Names that a step can't have, because a reference gives them another meaning. */
export const RESERVED_STEP_IDS: readonly string[] = ['input', 'task', 'item', 'index'];

/** The BullMQ job id of a step. `delivery` counts how often the step was handed to the queue within its generation. */
export function stepJobId(planId: string, stepId: string, generation: number, delivery = 1): string {
  const id = `${planId}-${stepId}-${generation}`;
  return delivery === 1 ? id : `${id}.${delivery}`;
}

/** What a tool gets to recognise a call that it has already carried out: the same for every call of one generation. */
export const stepIdempotencyKey = (planId: string, stepId: string, generation: number): string => `${planId}.${stepId}.${generation}`;
