/** API keys that the API manages: what is known of one, and what is said to make one. Its secret is in neither. */
import { z } from 'zod';
import { ACTOR_NAME, ROLES } from './actor.ts';
import { pageQuery } from './api.ts';
import { API_KEY_ID } from './ids.ts';

const time = z.iso.datetime();

export const apiKeySchema = z.strictObject({
  id: z.string().regex(API_KEY_ID),
  /** the actor that its calls are made as; two keys may have the same, so that one can replace the other */
  name: z.string().min(1),
  roles: z.array(z.enum(ROLES)),
  createdAt: time,
  createdBy: z.string(),
  /** from then on it is refused; null: never */
  expiresAt: time.nullable(),
  /** to the minute; null: not used yet */
  lastUsedAt: time.nullable(),
  revokedAt: time.nullable(),
  revokedBy: z.string().nullable(),
});
export type ApiKey = z.output<typeof apiKeySchema>;

export const createKeyBody = z.strictObject({
  name: z.string().regex(ACTOR_NAME, "must be 1 to 64 letters, digits, '.', '_', '@' or '-' and start with a letter or digit"),
  roles: z
    .array(z.enum(ROLES))
    .min(1, 'must name a role')
    .max(ROLES.length, 'must name each role once')
    .transform((roles) => [...new Set(roles)]),
  expiresAt: z.iso.datetime({ offset: true, message: 'must be a time like 2027-01-31T12:00:00Z' }).nullable().optional(),
});

export const listKeysQuery = z.strictObject(pageQuery);
