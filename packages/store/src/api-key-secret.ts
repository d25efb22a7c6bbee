/**
 * The secret of a managed API key: `csk_<id>_<random>`, where `id` finds the key and `random` is 32 random bytes in
 * base64url. Of the whole only a SHA-256 digest is kept. Nobody can guess 256 random bits, so a slow hash would protect
 * nothing and cost every call.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { newId } from '@countersign/shared';

const SECRET = /^csk_([0-9a-hjkmnp-tv-z]{22})_[A-Za-z0-9_-]{43}$/;
const RANDOM_BYTES = 32;
/** Compared with where there is no such key, so that this takes as long. */
const NO_DIGEST = Buffer.alloc(32);

export interface NewKeySecret {
  id: string;
  /** shown once */
  secret: string;
  /** what is stored, hex */
  digest: string;
}

const digestOfSecret = (secret: string): Buffer => createHash('sha256').update(secret, 'utf8').digest();

export function newKeySecret(): NewKeySecret {
  const id = newId('key');
  const secret = `csk_${id.slice('key_'.length)}_${randomBytes(RANDOM_BYTES).toString('base64url')}`;
  return { id, secret, digest: digestOfSecret(secret).toString('hex') };
}

/** The id of the key that a secret is of; null where the text is no secret of a managed key. */
export function keyIdOf(secret: string): string | null {
  const [, id] = SECRET.exec(secret) ?? [];
  return id === undefined ? null : `key_${id}`;
}

/** Whether a secret has this digest (hex; null: there is no such key). Takes the same time either way. */
export function secretFits(secret: string, digest: string | null): boolean {
  const stored = digest === null ? NO_DIGEST : Buffer.from(digest, 'hex');
  return timingSafeEqual(digestOfSecret(secret), stored.length === NO_DIGEST.length ? stored : NO_DIGEST) && digest !== null;
}
