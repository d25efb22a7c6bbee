/** The keys of the setting API_KEYS: `name:role+role:secret`, comma-separated. Secrets are kept as SHA-256 digests only. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { ACTOR_NAME, type Actor, isRole, ROLES } from '@countersign/shared';

export interface ConfiguredKey extends Actor {
  digest: Buffer;
}

export type ParsedKeys = { ok: true; keys: ConfiguredKey[] } | { ok: false; problems: string[] };

const digestOfSecret = (secret: string): Buffer => createHash('sha256').update(secret, 'utf8').digest();

function parseKey(entry: string): ConfiguredKey | string {
  const [name = '', roleText, ...rest] = entry.split(':');
  if (roleText === undefined || rest.length === 0) return 'must be `name:role+role:secret`';
  if (!ACTOR_NAME.test(name)) return `the name must be 1 to 64 letters, digits, '.', '_', '@' or '-' and start with a letter or digit`;
  const words = roleText.split('+');
  const roles = words.filter(isRole);
  if (roles.length !== words.length) return `the roles of \`${name}\` must be some of ${ROLES.join(', ')}, joined by '+'`;
  const secret = rest.join(':');
  if (!/^[\x21-\x7e]+$/.test(secret)) return `the secret of \`${name}\` must be visible ASCII characters without spaces`;
  return { id: name, roles: [...new Set(roles)], digest: digestOfSecret(secret) };
}

/** Reads the setting API_KEYS. The problems name entries by position and name, never by secret. */
export function parseApiKeys(text: string): ParsedKeys {
  const keys: ConfiguredKey[] = [];
  const problems: string[] = [];
  for (const [index, entry] of text.split(',').entries()) {
    const key = parseKey(entry.trim());
    if (typeof key === 'string') problems.push(`key ${index + 1}: ${key}`);
    else if (keys.some(({ digest }) => digest.equals(key.digest)))
      problems.push(`key ${index + 1}: its secret is that of another key; every key must have its own`);
    else keys.push(key);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, keys };
}

/** Whose secret this is. Looks at every key, so that the time says nothing about which one came close. */
export function findKey(keys: readonly ConfiguredKey[], secret: string): ConfiguredKey | null {
  const digest = digestOfSecret(secret);
  let found: ConfiguredKey | null = null;
  for (const key of keys) if (timingSafeEqual(key.digest, digest)) found = key;
  return found;
}
