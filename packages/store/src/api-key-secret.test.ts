import { API_KEY_ID } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { keyIdOf, newKeySecret, secretFits } from './api-key-secret.ts';

describe('the secret of a managed key', () => {
  it('names its key, has 256 random bits, and is not what is stored', () => {
    const made = Array.from({ length: 50 }, newKeySecret);
    expect(new Set(made.map(({ secret }) => secret)).size).toBe(50);
    for (const { id, secret, digest } of made) {
      expect(id).toMatch(API_KEY_ID);
      expect(keyIdOf(secret)).toBe(id);
      expect(Buffer.from(secret.slice(secret.indexOf('_', 4) + 1), 'base64url')).toHaveLength(32);
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
      expect(digest).not.toContain(secret);
    }
  });

  it('fits its own digest and no other', () => {
    const [one, other] = [newKeySecret(), newKeySecret()];
    expect(secretFits(one.secret, one.digest)).toBe(true);
    expect(secretFits(one.secret, other.digest)).toBe(false);
    expect(secretFits(`${one.secret}x`, one.digest)).toBe(false);
    // Where there is no such key it is compared all the same, and never fits; nor does a digest that was cut off.
    expect(secretFits(one.secret, null)).toBe(false);
    expect(secretFits(one.secret, one.digest.slice(0, 10))).toBe(false);
  });

  it.each(['', 'csk_', 'csk_x_y', 'Bearer x'])('%j is none', (text) => {
    expect(keyIdOf(text)).toBeNull();
  });
});
