/** Keys that are made over the API: looked up on each call, so that a revoked one is refused at once by every process. */
import type { Logger } from '@countersign/service';
import { type ApiKeyStore, keyIdOf, secretFits } from '@countersign/store';
import type { Verdict } from './verdict.ts';

/** ms between two notes of when a key was used: reading must not become writing. */
const NOTE_USE_MS = 60_000;

/** Whose key this is; null where the text is no secret of a managed key. `why` is for the log and names no secret. */
export async function ownerOfKey(
  store: Pick<ApiKeyStore, 'findKey' | 'noteKeyUse'>,
  secret: string,
  { now, log }: { now: number; log: Logger },
): Promise<Verdict | null> {
  const id = keyIdOf(secret);
  if (id === null) return null;
  const found = await store.findKey(id);
  const fits = secretFits(secret, found?.digest ?? null);
  if (found === null) return { word: 'wrong', why: `there is no key ${id}` };
  const { key } = found;
  if (!fits) return { word: 'wrong', why: `not the secret of ${id}` };
  if (key.revokedAt !== null) return { word: 'wrong', why: `${id} (${key.name}) was revoked` };
  if (key.expiresAt !== null && Date.parse(key.expiresAt) <= now) return { word: 'wrong', why: `${id} (${key.name}) has expired` };
  if (key.lastUsedAt === null || now - Date.parse(key.lastUsedAt) >= NOTE_USE_MS)
    await store.noteKeyUse(id).catch((error: unknown) => log.warn({ err: error, keyId: id }, 'could not note that a key was used'));
  return { word: 'known', actor: { id: key.name, roles: key.roles } };
}
