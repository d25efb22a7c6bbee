/**
 * Identifiers. A task is `tsk_...`, a plan `pln_...`, a webhook `whk_...`, a delivery to one `whd_...`, an API key `key_...`: a
 * prefix, 9 characters of time (milliseconds, so that ids sort by age) and 13 of randomness, in Crockford's base 32. An id that lies in another shard than the first has two more
 * characters at its end, the shard's number: they come after everything that ids are sorted by. No id holds a ':', because
 * BullMQ joins its keys with it.
 */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_LENGTH = 9;
const RANDOM_LENGTH = 13;
const SHARD_LENGTH = 2;
const PREFIX_LENGTH = 'pln_'.length;

/** How many shards an id can tell apart. */
export const MOST_SHARDS = ALPHABET.length ** SHARD_LENGTH;

export type IdPrefix = 'tsk' | 'pln' | 'whk' | 'whd' | 'key';

export interface NewIdOptions {
  /** where the id's task or plan lies; 0 when absent */
  shard?: number;
  /** milliseconds since 1970 */
  now?: number;
  /** gives that many random bytes */
  random?: (length: number) => Uint8Array;
}

const randomBytes = (length: number): Uint8Array => globalThis.crypto.getRandomValues(new Uint8Array(length));

function base32(value: number, length: number): string {
  let text = '';
  let rest = value;
  for (let i = 0; i < length; i++) {
    text = ALPHABET[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** Makes a new id. Throws a RangeError when the shard is none. */
export function newId(prefix: IdPrefix, { shard = 0, now = Date.now(), random = randomBytes }: NewIdOptions = {}): string {
  if (!Number.isInteger(shard) || shard < 0 || shard >= MOST_SHARDS)
    throw new RangeError(`there is no shard ${shard}; there can be 0 to ${MOST_SHARDS - 1}`);
  let tail = '';
  for (const byte of random(RANDOM_LENGTH)) tail += ALPHABET[byte % 32];
  return `${prefix}_${base32(now, TIME_LENGTH)}${tail}${shard === 0 ? '' : base32(shard, SHARD_LENGTH)}`;
}

/** The shard that the task or plan of that id lies in; 0 for what is no id, because it lies nowhere. */
export function shardOf(id: string): number {
  const text = id.slice(PREFIX_LENGTH + TIME_LENGTH + RANDOM_LENGTH);
  if (text.length !== SHARD_LENGTH) return 0;
  const [high = -1, low = -1] = [...text].map((character) => ALPHABET.indexOf(character));
  return high < 0 || low < 0 ? 0 : high * 32 + low;
}

/** The number of the first shard is never written. */
const ID_TAIL = '[0-9a-hjkmnp-tv-z]{22}(?:(?!00)[0-9a-hjkmnp-tv-z]{2})?$';
export const TASK_ID = new RegExp(`^tsk_${ID_TAIL}`);
export const PLAN_ID = new RegExp(`^pln_${ID_TAIL}`);
export const WEBHOOK_ID = /^whk_[0-9a-hjkmnp-tv-z]{22}$/;
export const DELIVERY_ID = /^whd_[0-9a-hjkmnp-tv-z]{22}$/;
export const API_KEY_ID = /^key_[0-9a-hjkmnp-tv-z]{22}$/;
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
